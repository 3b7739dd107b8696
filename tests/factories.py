"""Builders of rows as the product makes them: invented people, mails, diffs and results."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import zstandard
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import (
    Attempt,
    AttemptKind,
    Change,
    Comment,
    Decision,
    Ignore,
    LogChunk,
    Message,
    MessageKind,
    Patch,
    Report,
    ReportState,
    Result,
    Revision,
    Run,
    RunState,
    Series,
    Step,
    Test,
    Thread,
    ThreadState,
    Worker,
)
from app.domain.decision import DecisionKind
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName
from tests.mails import raw_mail

NOW = datetime(2026, 4, 14, 14, 0, tzinfo=UTC)
BASE = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
AUTHOR = ("Ann Author", "ann@example.org")
_numbers = count(1)

DIFF = (
    "diff --git a/kernel/bpf/ringcount.c b/kernel/bpf/ringcount.c\n"
    "index 1b2c3d4e5f60..60f5e4d3c2b1 100644\n"
    "--- a/kernel/bpf/ringcount.c\n"
    "+++ b/kernel/bpf/ringcount.c\n"
    "@@ -41,9 +41,12 @@ static u64 ringcount_read(const struct bpf_map *map)\n"
    " \tu64 sum = 0;\n"
    " \tint cpu;\n"
    " \n"
    "-\tfor_each_online_cpu(cpu)\n"
    "+\t/* A CPU that went away keeps what it counted. */\n"
    "+\tfor_each_possible_cpu(cpu)\n"
    " \t\tsum += *per_cpu_ptr(map->dropped, cpu);\n"
    " \n"
    "+\tif (WARN_ON_ONCE(sum > RINGCOUNT_MAX))\n"
    "+\t\tsum = RINGCOUNT_MAX;\n"
    " \treturn sum;\n"
    " }\n"
    " \n"
)


def add_thread(session: Session, message_id: str | None = None, **values: Any) -> Thread:
    """Insert a thread, fetched unless said otherwise."""
    defaults = {"state": ThreadState.FETCHED, "requested_by": "tests", "created_at": NOW, "fetched_at": NOW}
    thread = Thread(message_id=message_id or f"thread-{next(_numbers)}@example.org", **(defaults | values))
    session.add(thread)
    session.flush()
    return thread


def add_message(
    session: Session,
    subject: str,
    *,
    kind: MessageKind = MessageKind.COMMENT,
    author: tuple[str, str] = AUTHOR,
    body: str = "",
    sent_at: datetime | None = NOW,
    reply_to: str | None = None,
    message_id: str | None = None,
    thread: Thread | None = None,
    reason: str | None = None,
) -> Message:
    """Insert a mail."""
    message_id = message_id or f"m{next(_numbers)}.{author[1].split('@')[0]}@example.org"
    message = Message(
        message_id=message_id,
        thread_id=thread.id if thread else None,
        kind=kind,
        reason=reason,
        subject=subject,
        author_name=author[0],
        author_email=author[1],
        sent_at=sent_at,
        in_reply_to=reply_to,
        references=[reply_to] if reply_to else [],
        root=reply_to or message_id,
        body=body,
        raw=raw_mail(subject, author, message_id, reply_to, body, sent_at),
    )
    session.add(message)
    session.flush()
    return message


def add_series(session: Session, title: str = "bpf: Count dropped samples per ring", **values: Any) -> Series:
    """Insert a series without revisions."""
    defaults = {"author_name": AUTHOR[0], "author_email": AUTHOR[1], "tags": ["bpf-next"]}
    dates = {"first_posted": NOW - timedelta(days=80), "last_posted": NOW - timedelta(hours=2)}
    series = Series(title=title, **(defaults | dates | values))
    session.add(series)
    session.flush()
    return series


def add_revision(
    session: Session,
    series: Series,
    label: str = "v1",
    *,
    titles: Sequence[str] = ("bpf: Count dropped samples", "selftests/bpf: Test the count"),
    posted_at: datetime = NOW - timedelta(hours=2),
    position: int = 0,
    thread: Thread | None = None,
    diff: str = DIFF,
    **values: Any,
) -> Revision:
    """Insert a revision with a cover letter and one patch a title."""
    version = int(label[1:]) if label[1:].isdigit() else 1
    tag = "PATCH bpf-next" + ("" if version == 1 else f" {label}")
    stem = f"{posted_at:%Y%m%d}-rings-{label}-{series.id}"
    cover = add_message(
        session,
        f"[{tag} 0/{len(titles)}] {series.title}",
        kind=MessageKind.COVER,
        body=f"Changes in {label}:\n - count on CPUs that went away\n",
        sent_at=posted_at,
        message_id=f"{stem}-0@example.org",
        thread=thread,
    )
    defaults: dict[str, Any] = {"rfc": False, "resend": False, "tags": ["bpf-next"], "title": series.title}
    defaults |= {"prerequisites": [], "missing": []}
    revision = Revision(
        series_id=series.id, position=position, version=version, label=label, author_name=series.author_name,
        author_email=series.author_email, posted_at=posted_at, root_id=cover.message_id, cover_id=cover.id,
        total=len(titles), **(defaults | values),
    )  # fmt: skip
    session.add(revision)
    session.flush()
    for number, title in enumerate(titles, 1):
        mail = add_message(
            session,
            f"[{tag} {number}/{len(titles)}] {title}",
            kind=MessageKind.PATCH,
            body=f"{title}, because readers ask for it.\n\nSigned-off-by: Ann Author <ann@example.org>\n---\n{diff}",
            sent_at=posted_at + timedelta(seconds=number),
            message_id=f"{stem}-{number}@example.org",
            reply_to=cover.message_id,
            thread=thread,
        )
        add_patch(session, revision, mail, number, title, diff)
    return revision


def add_patch(session: Session, revision: Revision, mail: Message, position: int, title: str, diff: str) -> Patch:
    """Insert a patch."""
    patch = Patch(
        revision_id=revision.id, message_pk=mail.id, position=position, title=title, diff=diff,
        files=["kernel/bpf/ringcount.c"], additions=4, deletions=1,
    )  # fmt: skip
    session.add(patch)
    session.flush()
    return patch


def patches_of(session: Session, revision: Revision) -> Sequence[Patch]:
    """Return the patches of a revision in order."""
    return session.scalars(select(Patch).where(Patch.revision_id == revision.id).order_by(Patch.position)).all()


def add_comment(
    session: Session,
    revision: Revision,
    body: str,
    *,
    patch: Patch | None = None,
    author: tuple[str, str] = ("Rita Reviewer", "rita@example.org"),
    sent_at: datetime = NOW - timedelta(hours=1),
    bot: str | None = None,
    trailers: Sequence[str] = (),
    anchors: Sequence[dict[str, Any]] = (),
    thread: Thread | None = None,
) -> Comment:
    """Insert a reply to a patch, or to the cover letter."""
    answered = session.get_one(Message, patch.message_pk) if patch else session.get_one(Message, revision.cover_id)
    mail = add_message(
        session, f"Re: {answered.subject}", author=author, body=body, sent_at=sent_at,
        reply_to=answered.message_id, thread=thread,
    )  # fmt: skip
    comment = Comment(
        message_pk=mail.id, revision_id=revision.id, patch_id=patch.id if patch else None, bot=bot,
        trailers=list(trailers), anchors=list(anchors),
    )  # fmt: skip
    session.add(comment)
    session.flush()
    return comment


def add_decision(
    session: Session, kind: DecisionKind, revision: Revision, to: Revision | None = None, **values: Any
) -> Decision:
    """Insert what a person decided, as it is on record; the series are not read again."""
    decision = Decision(
        kind=kind, message_id=revision.root_id, to_message_id=to.root_id if to else None,
        **({"note": "", "decided_by": "ann's laptop", "created_at": NOW} | values),
    )  # fmt: skip
    session.add(decision)
    session.flush()
    return decision


def add_run(
    session: Session,
    revision: Revision | None = None,
    *,
    state: RunState = RunState.DONE,
    started: datetime = NOW - timedelta(minutes=30),
    took: timedelta = timedelta(seconds=71),
    **values: Any,
) -> Run:
    """Insert a run with one attempt; without a revision a baseline."""
    defaults: dict[str, Any] = {
        "tree": "bpf-next",
        "base_commit": BASE,
        "base_reason": "the cover letter's base-commit line",
        "profile": "bpf-quick",
        "files": ["kernel/bpf/ringcount.c"],
        "inputs_key": f"key-{next(_numbers)}",
        "pool": "default",
        "requested_by": "tests",
        "created_at": started - timedelta(seconds=3),
        "started_at": started,
        "finished_at": started + took if state is RunState.DONE else None,
        "newest_attempt": 1,
        "results_attempt": 1 if state is RunState.DONE else None,
        "toolchain": {"clang": "19.1.7", "gcc": "12.2.0", "pahole": "1.24", "qemu": "7.2.19"},
        "selection": [],
        "evidence": {},
    }
    run = Run(revision_id=revision.id if revision else None, state=state, **(defaults | values))
    session.add(run)
    session.flush()
    attempt = Attempt(run_id=run.id, number=1, kind=AttemptKind.EXECUTE, worker="builder/4711/1", started_at=started)
    attempt.finished_at, attempt.ending = run.finished_at, "done" if state is RunState.DONE else None
    session.add(attempt)
    session.flush()
    return run


def add_step(
    session: Session,
    run: Run,
    name: StepName,
    outcome: Outcome | None = Outcome.PASS,
    *,
    summary: str | None = None,
    after: float = 0,
    took: float = 1,
    detail: dict[str, Any] | None = None,
) -> Step:
    """Insert a step; `after` and `took` are seconds; without an outcome it runs still."""
    started = (run.started_at or NOW) + timedelta(seconds=after)
    step = Step(
        run_id=run.id, attempt=run.newest_attempt, name=name, outcome=outcome, summary=summary, detail=detail or {},
        started_at=started, finished_at=started + timedelta(seconds=took) if outcome else None,
    )  # fmt: skip
    session.add(step)
    session.flush()
    return step


def add_log(session: Session, step: Step, name: str, data: bytes, piece: int = 1000) -> None:
    """Insert a log in pieces."""
    pack = zstandard.ZstdCompressor().compress
    for start in range(0, len(data), piece):
        plain = data[start : start + piece]
        session.add(LogChunk(step_id=step.id, name=name, start=start, size=len(plain), data=pack(plain)))
    session.flush()


def known_test(session: Session, name: str, suite: str = "test_progs") -> Test:
    """Return the test of that name, inserted where it is not there."""
    test = session.scalar(select(Test).where(Test.suite == suite, Test.name == name))
    if test is None:
        parent = name.partition("/")[0] if "/" in name else None
        test = Test(suite=suite, name=name, parent=parent)
        session.add(test)
        session.flush()
    return test


def add_results(session: Session, run: Run, outcomes: dict[str, Outcome], **values: Any) -> None:
    """Insert the results of a boot, by the tests' names."""
    defaults = {
        "boot": 0,
        "on_base": run.revision_id is None,
        "ordinal": 0,
        "aggregate": False,
        "attempt": run.newest_attempt,
    }
    for name, outcome in outcomes.items():
        failed = outcome.failed
        expected = f"test_{name}:FAIL:sum unexpected sum: actual 12 != expected 14\n"
        session.add(
            Result(
                run_id=run.id,
                test_id=known_test(session, name).id,
                outcome=outcome,
                message="sum is 12, expected 14" if failed else None,
                duration_s=0.2,
                **({"detail": expected if failed else None} | defaults | values),
            )
        )
    session.flush()


def add_change(session: Session, run: Run, name: str, kind: ChangeClass, reason: str | None = None) -> Change:
    """Insert what the judge made of one test; its outcomes follow from the class."""
    sides: dict[ChangeClass, tuple[Outcome | None, Outcome | None]] = {
        ChangeClass.REGRESSION: (Outcome.PASS, Outcome.FAIL),
        ChangeClass.FIXED: (Outcome.FAIL, Outcome.PASS),
        ChangeClass.PRE_EXISTING: (Outcome.FAIL, Outcome.FAIL),
        ChangeClass.FLAKY: (Outcome.PASS, Outcome.FAIL),
        ChangeClass.NEW_FAILURE: (None, Outcome.FAIL),
        ChangeClass.NEW_PASS: (None, Outcome.PASS),
        ChangeClass.DISAPPEARED: (Outcome.PASS, None),
        ChangeClass.NOT_RUN: (Outcome.PASS, None),
        ChangeClass.IGNORED: (Outcome.PASS, Outcome.FAIL),
    }
    base, patched = sides[kind]
    change = Change(
        run_id=run.id, test_id=known_test(session, name).id, ordinal=0, attempt=run.newest_attempt, kind=kind,
        base=base, patched=patched, reason=reason,
    )  # fmt: skip
    session.add(change)
    session.flush()
    return change


def add_ignore(session: Session, pattern: str, **values: Any) -> Ignore:
    """Insert an entry of the list of tests to ignore, in force unless said otherwise."""
    defaults = {"reason": "needs an NMI, which TCG has not", "owner": "ann@example.org", "created_by": "ann's laptop"}
    dates = {"created_at": NOW - timedelta(days=9), "expires_at": NOW + timedelta(days=30)}
    ignore = Ignore(pattern=pattern, **(defaults | dates | values))
    session.add(ignore)
    session.flush()
    return ignore


def add_report(session: Session, revision: Revision, run: Run, body: str, **values: Any) -> Report:
    """Insert a report, sent unless said otherwise."""
    defaults: dict[str, Any] = {
        "verdict": run.verdict or Verdict.CLEAN,
        "state": ReportState.SENT,
        "message_id": f"report-{run.id}@reroll.example.org",
        "in_reply_to": revision.root_id,
        "references": [revision.root_id],
        "sender": "Reroll <reroll@example.org>",
        "recipients": [revision.author_email, "bpf@example.org"],
        "subject": f"Re: [PATCH bpf-next {revision.label}] {revision.title}",
        "tries": 1,
        "created_at": NOW - timedelta(minutes=20),
        "sent_at": NOW - timedelta(minutes=19),
    }
    report = Report(revision_id=revision.id, run_id=run.id, body=body, **(defaults | values))
    session.add(report)
    session.flush()
    return report


def add_worker(session: Session, name: str = "builder/4711/1", **values: Any) -> Worker:
    """Insert a worker that was heard of just now."""
    defaults = {"pool": "default", "accelerator": "tcg", "toolchain": {"clang": "19.1.7"}, "doing": None}
    worker = Worker(name=name, **({"started_at": NOW - timedelta(days=1), "seen_at": NOW} | defaults | values))
    session.add(worker)
    session.flush()
    return worker


def passing(names: Iterable[str]) -> dict[str, Outcome]:
    """Return the outcome PASS for each name."""
    return dict.fromkeys(names, Outcome.PASS)
