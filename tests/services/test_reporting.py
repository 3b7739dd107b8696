"""Which results are told, to whom, how often; against a real database with its queue."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import MailMode, MailSettings, Settings, TreeSettings
from app.db.models import Report, ReportState, Revision, Run, RunState
from app.db.session import Sessions
from app.domain.outcome import ChangeClass, Outcome, Step, Verdict
from app.report.mail import usable_message_id
from app.services.reporting import queue_report, recipients_of
from tests import factories as make

Mail = Callable[..., Settings]
COUNTS = {"regressions": 1, "new_failures": 1, "unchanged": 40, "not_run": 1, "disappeared": 1}


@pytest.fixture
def mailing(settings: Settings) -> Mail:
    def with_mail(mode: MailMode = MailMode.SEND, **values: Any) -> Settings:
        defaults: dict[str, Any] = {"sender": "Reroll <reroll@ci.example.org>", "to": ("bpf@example.org",)}
        return settings.model_copy(
            update={"public_url": "https://ci.example.org/", "mail": MailSettings(mode=mode, **(defaults | values))}
        )

    return with_mail


def posted(session: Session, **values: Any) -> Revision:
    return make.add_revision(session, make.add_series(session), "v3", **values)


def judged(session: Session, revision: Revision, verdict: Verdict = Verdict.CLEAN, **values: Any) -> Run:
    sentence = f"{revision.label} is {verdict}."
    return make.add_run(session, revision, verdict=verdict, **({"sentence": sentence} | values))


def queued(session: Session) -> list[tuple[str, str, int]]:
    rows = session.execute(text("SELECT task_name, queue_name, (args->>'report_id')::int FROM procrastinate_jobs"))
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_a_first_verdict_is_put_into_the_outbox_and_the_queue_together(session: Session, mailing: Mail) -> None:
    revision = posted(session)
    run = judged(session, revision, pool="mine")

    report = queue_report(session, mailing(), run.id)

    assert report is not None
    assert (report.state, report.verdict, report.revision_id, report.run_id) == (
        ReportState.QUEUED,
        Verdict.CLEAN,
        revision.id,
        run.id,
    )
    assert report.recipients == ["ann@example.org", "bpf@example.org"]
    assert report.subject == f"Re: [PATCH bpf-next v3 0/2] {revision.title}"
    assert report.in_reply_to == revision.root_id
    assert report.references == [revision.root_id]
    assert usable_message_id(report.message_id)
    assert report.message_id.endswith("@ci.example.org")
    assert report.body.startswith("v3 is clean.\n")
    assert f"https://ci.example.org/runs/{run.id}\n" in report.body
    assert queued(session) == [("mail", "mine", report.id)]


@pytest.mark.parametrize("whose", ["run", "baseline"])
def test_the_kernels_configuration_is_named_where_it_is_kept(session: Session, mailing: Mail, whose: str) -> None:
    """The run's own; a series that does not build has none, and its baseline's is the same."""
    baseline = make.add_run(session)
    run = judged(session, posted(session), Verdict.DOES_NOT_BUILD, baseline_id=baseline.id)
    steps = {name: make.add_step(session, one, Step.BUILD) for name, one in (("baseline", baseline), ("run", run))}
    for name in {"baseline", whose}:
        make.add_log(session, steps[name], "config", b"CONFIG_BPF=y\n")

    report = queue_report(session, mailing(), run.id)

    assert report is not None
    url = f"https://ci.example.org/api/v1/steps/{steps[whose].id}/logs/config"
    assert f"\n  curl -fo .config \\\n    {url}\n  make olddefconfig\n" in report.body


def test_nothing_is_queued_when_the_judge_does_not_commit(sessions: Sessions, mailing: Mail) -> None:
    with sessions.begin() as session:
        run = judged(session, posted(session))
    with sessions() as session:
        assert queue_report(session, mailing(), run.id) is not None
        session.rollback()

        assert session.query(Report).count() == 0
        assert queued(session) == []


@pytest.mark.parametrize("mode", [MailMode.PREVIEW, MailMode.SEND])
def test_the_same_verdict_is_told_once_and_another_one_again(session: Session, mailing: Mail, mode: MailMode) -> None:
    revision, settings = posted(session), mailing(mode)

    told = [
        queue_report(session, settings, judged(session, revision, verdict).id)
        for verdict in (Verdict.CLEAN, Verdict.CLEAN, Verdict.REGRESSED, Verdict.REGRESSED)
    ]

    assert [one.verdict if one else None for one in told] == [Verdict.CLEAN, None, Verdict.REGRESSED, None]
    assert told[2] is not None
    assert "An earlier report on v3 said: clean. This one replaces it." in told[2].body


def test_a_run_is_told_once_even_if_it_is_judged_again(session: Session, mailing: Mail) -> None:
    revision = posted(session)
    run = judged(session, revision)
    assert queue_report(session, mailing(), run.id) is not None
    run.verdict = Verdict.REGRESSED

    assert queue_report(session, mailing(), run.id) is None


def test_each_revision_gets_its_own_report(session: Session, mailing: Mail) -> None:
    series = make.add_series(session)
    revisions = [make.add_revision(session, series, label, position=at) for at, label in enumerate(("v1", "v2"))]

    told = [queue_report(session, mailing(), judged(session, one).id) for one in revisions]

    assert [one.in_reply_to for one in told if one] == [one.root_id for one in revisions]


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, None])
def test_trouble_of_ours_is_never_mailed(session: Session, mailing: Mail, verdict: Verdict | None) -> None:
    run = make.add_run(session, posted(session), verdict=verdict, sentence="v3 is inconclusive: a disk was full.")

    assert queue_report(session, mailing(), run.id) is None


def test_baselines_and_partial_runs_are_not_told(session: Session, mailing: Mail) -> None:
    partial = judged(session, posted(session), Verdict.REGRESSED, only=["bpf_iter"])
    baseline = make.add_run(session, state=RunState.DONE)

    assert queue_report(session, mailing(), partial.id) is None
    assert queue_report(session, mailing(), baseline.id) is None


def test_off_writes_nothing_and_preview_sends_nothing(session: Session, mailing: Mail) -> None:
    run = judged(session, posted(session))

    assert queue_report(session, mailing(MailMode.OFF), run.id) is None
    preview = queue_report(session, mailing(MailMode.PREVIEW), run.id)

    assert preview is not None
    assert preview.state is ReportState.PREVIEW
    assert queued(session) == []


def test_a_preview_does_not_count_as_told_once_mails_are_sent(session: Session, mailing: Mail) -> None:
    revision = posted(session)
    queue_report(session, mailing(MailMode.PREVIEW), judged(session, revision).id)

    sent = queue_report(session, mailing(MailMode.SEND), judged(session, revision).id)

    assert sent is not None
    assert "earlier report" not in sent.body


def test_a_report_that_failed_does_not_count_as_told(session: Session, mailing: Mail) -> None:
    revision = posted(session)
    first = queue_report(session, mailing(), judged(session, revision).id)
    assert first is not None
    first.state = ReportState.FAILED
    session.flush()

    assert queue_report(session, mailing(), judged(session, revision).id) is not None


@pytest.mark.parametrize(
    ("author", "to", "recipients"),
    [
        ("ann@example.org", (), ["ann@example.org"]),
        ("Ann@Example.org", ("BPF <bpf@example.org>", "ann@example.org"), ["Ann@Example.org", "bpf@example.org"]),
        ("a\r\nBcc: all@example.org", ("bpf@example.org",), ["bpf@example.org"]),
        ("reroll@ci.example.org", ("bpf@example.org",), ["bpf@example.org"]),
        ("all@example.org, more@example.org", (), []),
    ],
)
def test_only_the_author_and_the_configured_lists_get_mail(
    author: str, to: tuple[str, ...], recipients: list[str]
) -> None:
    assert recipients_of(MailSettings(sender="Reroll <Reroll@ci.example.org>", to=to), author) == recipients


def test_a_report_to_nobody_is_kept_with_the_reason(session: Session, mailing: Mail) -> None:
    revision = posted(session)
    revision.author_email = "not an address"

    run = judged(session, revision)
    report = queue_report(session, mailing(to=()), run.id)

    assert report is not None
    assert report.state is ReportState.FAILED
    assert report.error == "nobody to send to: the author's address is not usable, and mail.to in the settings is empty"
    assert queued(session) == []


@pytest.mark.parametrize("root_id", ["a b@example.org", "0123@derived.invalid"])
def test_what_cannot_be_a_reply_is_not_sent(root_id: str, session: Session, mailing: Mail) -> None:
    revision = posted(session)
    revision.root_id = root_id
    session.flush()

    report = queue_report(session, mailing(), judged(session, revision).id)

    assert report is not None
    assert report.state is ReportState.FAILED
    assert "cannot be answered" in (report.error or "")


def test_a_regression_is_told_with_its_evidence(session: Session, mailing: Mail) -> None:
    evidence = {
        "accelerator": "tcg",
        "counts": COUNTS,
        "not_built": [
            {"test": "bpf_attr_size", "reason": "its BPF program is not in the tree"},
            {"test": "gone", "reason": "not in this tree", "absent": True},
        ],
        "reasons": [
            {
                "text": "bpf_iter/ksym (regression; ...)",
                "key": {"suite": "test_progs", "name": "bpf_iter/ksym", "ordinal": 0},
                "excerpt": "test_ksym:FAIL:read unexpected read: actual -14 != expected 0\n",
            },
            {
                "text": "WARNING at kernel/bpf/ringcount.c:51",
                "key": None,
                "excerpt": "WARNING: CPU: 1\nCall Trace:\n x+0x1/0x2\n",
            },
        ],
        "previous": "v2",
        "since": {
            "fixed": [{"suite": "test_progs", "name": "ringcount/basic", "ordinal": 0}],
            "broken": [{"suite": "test_progs", "name": "bpf_iter/ksym", "ordinal": 0}],
            "still_broken": [],
            "unknown": [],
        },
    }
    run = judged(session, posted(session), Verdict.REGRESSED, evidence=evidence)
    make.add_log(session, make.add_step(session, run, Step.BUILD), "config", b"CONFIG_BPF=y\n")
    make.add_change(session, run, "bpf_iter/ksym", ChangeClass.REGRESSION, "base passed 3 of 3, patched failed 3 of 3")
    make.add_change(session, run, "ringcount/new", ChangeClass.NEW_FAILURE, "new with the series, failed 3 of 3")
    make.add_change(session, run, "xdp_bonding", ChangeClass.NOT_RUN)
    make.add_change(session, run, "gone", ChangeClass.DISAPPEARED)
    make.add_change(session, run, "xdp_link", ChangeClass.DISAPPEARED).patched = Outcome.SKIP
    make.add_change(session, run, "flaky", ChangeClass.FLAKY)

    report = queue_report(session, mailing(), run.id)

    assert report is not None
    for said in (
        "bpf_iter/ksym\n  base passed 3 of 3, patched failed 3 of 3\n\n    test_ksym:FAIL:read unexpected",
        "New tests that fail\n-------------------\n\nringcount/new\n  new with the series, failed 3 of 3\n",
        "Kernel log\n----------\n\nWARNING at kernel/bpf/ringcount.c:51\n\n    WARNING: CPU: 1\n     x+0x1/0x2\n",
        "Since v2\n--------\nfixed      ringcount/basic\nbroken     bpf_iter/ksym\n",
        "profile    bpf-quick, x86_64, QEMU (tcg)\n",
        "compared   41 tests with",
        "gone       gone\nskipped    xdp_link\nflaky      flaky\n",
        "flaky      flaky\nnot run    1 test: xdp_bonding\nnot built  bpf_attr_size (its BPF program",
        "'./test_progs -a bpf_iter/ksym -a ringcount/new; echo b >/proc/sysrq-trigger'\n",
    ):
        assert said in report.body, report.body
    assert "not in this tree" not in report.body


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://git.example.org/bpf-next.git", "tree       https://git.example.org/bpf-next.git\n"),
        ("https://me:secret@git.example.org/x.git", "tree       https://git.example.org/x.git\n"),
        ("debian:linux-source-6.12", "tree       Debian's linux-source-6.12\n"),
        ("/srv/private/linux", None),
        ("file:///srv/private/linux", None),
    ],
)
def test_a_tree_is_named_so_that_others_can_get_it(session: Session, mailing: Mail, url: str, said: str | None) -> None:
    settings = mailing().model_copy(update={"trees": (TreeSettings(name="bpf-next", url=url),)})

    report = queue_report(session, settings, judged(session, posted(session)).id)

    assert report is not None
    assert said in report.body if said else "\ntree" not in report.body
    assert "secret" not in report.body
    assert "/srv" not in report.body


def test_what_stopped_a_run_is_told(session: Session, mailing: Mail) -> None:
    series = make.add_series(session)
    revisions = [make.add_revision(session, series, f"v{at + 1}", position=at) for at in range(3)]
    refused = {"position": 2, "title": "bpf: Two", "git_said": "error: patch failed: a.c:1", "hunk": "@@ -1 +1 @@\n-a"}
    error = {
        "file": "kernel/bpf/a.c", "line": 3, "column": 1, "severity": "error", "message": "no such thing",
        "excerpt": "kernel/bpf/a.c:3:1: error: no such thing", "patch": 1, "patch_title": "bpf: One", "grounds": "x",
    }  # fmt: skip
    panic = [{"text": "panic: Kernel panic - not syncing: x", "key": None, "excerpt": "Kernel panic - not syncing: x"}]
    runs = [
        judged(session, revisions[0], Verdict.DOES_NOT_APPLY, evidence={"apply": refused, "reasons": panic}),
        judged(session, revisions[1], Verdict.DOES_NOT_BUILD, evidence={"build": {"errors": [error]}}),
        judged(session, revisions[2], Verdict.DOES_NOT_BOOT, evidence={"reasons": panic, "accelerator": "kvm"}),
    ]

    bodies = [report.body for run in runs if (report := queue_report(session, mailing(), run.id))]

    assert bodies[0].startswith(
        "v1 does not apply: patch 2/2 (bpf: Two).\n\n    error: patch failed: a.c:1\n\nRejected:"
    )
    assert "panic" not in bodies[0]
    assert "\n\nPatch 1/2: bpf: One\n\n    kernel/bpf/a.c:3:1: error: no such thing\n" in bodies[1]
    assert "  make kernel/bpf/a.o\n" in bodies[1]
    assert "\n\n    Kernel panic - not syncing: x\n" in bodies[2]


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.INCONCLUSIVE])
def test_evidence_that_is_lacking_costs_lines_but_not_the_verdict(
    session: Session, mailing: Mail, verdict: Verdict
) -> None:
    evidence = {"build": {"errors": [{}]}, "apply": {"position": 1}, "reasons": [{}], "since": {}, "previous": "v2"}
    run = judged(session, posted(session), verdict, evidence=evidence, toolchain={}, sentence=None)

    report = queue_report(session, mailing(), run.id)

    assert report is not None
    assert f"https://ci.example.org/runs/{run.id}\n" in report.body
