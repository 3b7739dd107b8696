"""Patches tried one by one, through the real queue, database and git, with scripted builds and boots."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db.models import CheckState, PatchCheck, Report, RunState
from app.domain.bisection import LOOKS
from app.domain.outcome import Outcome, Verdict
from app.domain.patches import FindingKind
from app.errors import InfrastructureError
from app.services import patches
from app.services.patches import MOST_TRIES
from tests import factories as make
from tests.workers.doubles import git
from tests.workers.house import House

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


def kinds(check):
    return [one["kind"] for one in check.findings]


async def test_patches_that_all_build_and_pass_leave_the_verdict_as_it_is(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    check, trials = house.checked()
    assert (check.state, check.findings, check.trouble) == (CheckState.DONE, [], None)
    assert {at: one.outcome for at, one in trials.items()} == {1: Outcome.PASS, 2: Outcome.PASS}
    assert trials[1].tests["passed"] == 3
    assert trials[1].tests["failing"] == []
    assert trials[1].tests["as_on_base"] == 0
    assert trials[2].tests is None, "the last patch is the whole, which was tested"
    run = house.run("v1")
    assert (run.verdict, run.state) == (Verdict.CLEAN, RunState.DONE)
    assert run.sentence == check.whole["sentence"]


async def test_a_patch_in_the_middle_that_does_not_build_is_named_with_the_one_that_mends_it(house):
    await house.track(
        house.posted(
            1,
            ("line_3;", "line_3_good;"),
            ("int line_9;", "#error"),
            ("line_4;", "line_4_good;"),
            ("#error", "int line_9;"),
            ("line_5;", "line_5_good;"),
        )
    )
    check, trials = house.checked()
    assert [trials[at].outcome for at in range(1, 6)] == [
        Outcome.PASS, Outcome.FAIL, Outcome.FAIL, Outcome.PASS, Outcome.PASS,
    ]  # fmt: skip
    assert trials[2].reason == "kernel/bpf/core.c:10: #error broken"
    assert trials[2].errors[0]["patch"] == 2
    assert [(one["kind"], one["position"], one["until"]) for one in check.findings] == [(FindingKind.BUILD, 2, 4)]
    run = house.run("v1")
    assert run.verdict is Verdict.DOES_NOT_BUILD
    assert run.sentence == (
        "v1 does not build patch by patch, though as a whole it does. Patch 2 (bpf: Change line 2) does not build on "
        "its own; patch 4 mends it: kernel/bpf/core.c:10: #error broken."
    )


async def test_the_first_bad_patch_of_a_regression_is_found(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 9)]
    edits[4] = ("line_5;", "line_5_bad;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    found = check.findings
    assert [(one["kind"], one["position"], one["earliest"], one["tests"]) for one in found] == [
        (FindingKind.FIRST_BAD, 5, 5, ["bpf_iter/ksym"])
    ]
    run = house.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert "The first bad patch is 5 (bpf: Change line 5): bpf_iter/ksym fails from it on." in run.sentence


async def test_the_first_bad_patch_is_found_where_patches_are_only_built(house):
    """Half of them are booted at most, with the failing test alone."""
    build = {name: one.model_copy(update={"patches": "build"}) for name, one in house.settings.profiles.items()}
    house.settings = house.settings.model_copy(update={"profiles": build})
    object.__setattr__(house.context, "settings", house.settings)
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 9)]
    edits[4] = ("line_5;", "line_5_bad;")
    await house.track(house.posted(1, *edits))
    check, trials = house.checked()
    assert [(one["kind"], one["position"], one["earliest"]) for one in check.findings] == [
        (FindingKind.FIRST_BAD, 5, 5)
    ]
    assert all(one.tests is None for one in trials.values())
    middle = [tests for text, tests in house.machine.boots if "line_1_good" in text and "line_8_good" not in text]
    assert len(middle) == 3 + 2 * (LOOKS - 1), "three to find it, and both neighbours until that is no chance"
    assert set(middle) == {("bpf_iter",)}


async def test_a_commit_that_does_not_build_widens_what_is_said_of_the_first_bad_patch(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 7)]
    edits[2], edits[3] = ("int line_9;", "#error line_3_bad"), ("#error line_3_bad", "int line_9_bad;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    found = {one["kind"]: (one["earliest"], one["position"]) for one in check.findings}
    assert found == {FindingKind.BUILD: (3, 3), FindingKind.FIRST_BAD: (3, 4)}
    run = house.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert "The first bad patch is one of the patches 3 to 4: bpf_iter/ksym fails from it on." in run.sentence
    assert "Patch 3 (bpf: Change line 3) does not build on its own; patch 4 mends it" in run.sentence


async def test_a_patch_that_touches_nothing_that_is_built_is_no_ones_suspect(house):
    document = ("", "A text.\n", "Documentation/bpf/frob.rst")
    edits = [("line_1;", "line_1_good;"), document, ("line_3;", "line_3_bad;"), ("line_4;", "line_4_good;")]
    await house.track(house.posted(1, *edits))
    check, trials = house.checked()
    assert (trials[2].outcome, trials[2].reason, trials[2].built) == (
        Outcome.SKIP,
        "touches nothing that is built",
        [],
    )
    assert trials[2].tests is None
    assert [(one["kind"], one["position"], one["earliest"]) for one in check.findings] == [
        (FindingKind.FIRST_BAD, 3, 3)
    ]


async def test_what_breaks_and_is_repaired_around_a_text_is_told_exactly(house):
    document = ("", "A text.\n", "Documentation/bpf/frob.rst")
    edits = [
        document,
        ("line_3;", "line_3_bad;"),
        ("", "Another text.\n", "Documentation/bpf/more.rst"),
        ("line_3_bad;", "line_3_good;"),
        ("line_4;", "line_4_good;"),
    ]
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    found = [(one["kind"], one["earliest"], one["position"], one["until"]) for one in check.findings]
    assert found == [(FindingKind.TESTS, 2, 2, 4)]


async def test_a_test_of_the_series_own_that_fails_is_the_doing_of_the_patch_that_adds_it(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 5)]
    edits[2] = ("line_3;", "line_3_broken_new_test;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    assert [(one["kind"], one["position"], one["earliest"], one["tests"]) for one in check.findings] == [
        (FindingKind.FIRST_BAD, 3, 3, ["log_buf/new"])
    ]


async def test_the_patch_that_removes_a_test_is_named_and_nothing_is_red_for_it(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 6)]
    edits[3] = ("line_4;", "line_4_removes_log_buf;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    assert [(one["kind"], one["position"], one["tests"]) for one in check.findings] == [
        (FindingKind.GONE, 4, ["log_buf"])
    ]
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert run.sentence.endswith("Patch 4 (bpf: Change line 4) removes log_buf.")


async def test_the_patch_from_which_on_the_machine_panics(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 6)]
    edits[1] = ("line_2;", "line_2_panic;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    assert house.run("v1").verdict is Verdict.REGRESSED
    assert {(one["kind"], one["position"], one["earliest"]) for one in check.findings} == {
        (FindingKind.FIRST_BAD, 2, 2)
    }


async def test_what_one_patch_breaks_and_a_later_one_repairs_is_said_and_turns_nothing_red(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 9)]
    edits[2], edits[5] = ("line_3;", "line_3_bad;"), ("line_3_bad;", "line_3_good;")
    await house.track(house.posted(1, *edits))
    check, trials = house.checked()
    assert [(one["kind"], one["position"], one["until"], one["tests"]) for one in check.findings] == [
        (FindingKind.TESTS, 3, 6, ["bpf_iter/ksym"])
    ]
    assert [at for at, one in trials.items() if one.tests and one.tests["failing"]] == [3, 4, 5]
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert "Patch 3 (bpf: Change line 3) breaks bpf_iter/ksym; patch 6 repairs it." in run.sentence


async def test_what_fails_once_only_is_no_patchs_doing(house):
    """`flaky` in the source makes a test fail in the first boot of that source alone."""
    await house.track(
        house.posted(1, ("line_3;", "line_3_flaky;"), ("line_3_flaky;", "line_3_good;"), ("line_4;", "line_4_good;"))
    )
    check, trials = house.checked()
    assert trials[1].tests["failing"] == ["bpf_iter/ksym"]
    assert check.findings == []
    assert house.run("v1").verdict is Verdict.CLEAN


@pytest.mark.parametrize("ignored", [True, False])
async def test_no_patch_is_named_for_a_test_that_fails_by_itself_or_is_ignored(house, ignored):
    with house.sessions.begin() as session:
        if ignored:
            make.add_ignore(session, "bpf_iter/ksym", expires_at=datetime.now(UTC) + timedelta(days=1))
        for number in range(0 if ignored else 20):
            run = make.add_run(session, tree="small", base_commit="e" * 40)
            run.created_at = datetime.now(UTC) - timedelta(days=1)
            make.add_results(session, run, {"bpf_iter/ksym": Outcome.FAIL if number < 5 else Outcome.PASS})
    await house.track(
        house.posted(1, ("line_3;", "line_3_bad;"), ("line_3_bad;", "line_3_good;"), ("line_4;", "line_4_good;"))
    )
    check, trials = house.checked()
    assert trials[1].tests["failing"] == ["bpf_iter/ksym"]
    assert check.findings == []


async def test_an_end_of_the_series_that_does_not_build_here_is_trouble_of_ours(house):
    """It has built as a whole; a text comes last, and the patch before it is built again."""
    house.stepping.breaks = "line_4_good"
    await house.track(
        house.posted(
            1,
            ("line_3;", "line_3_good;"),
            ("line_4;", "line_4_good;"),
            ("", "A text.\n", "Documentation/bpf/frob.rst"),
        )
    )
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    check, _ = house.checked()
    assert check.findings == []
    assert "the series built as a whole, and patch 3 at its end does not here" in check.trouble


async def test_a_patch_that_does_not_boot_though_the_whole_does(house):
    await house.track(
        house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_hang;"), ("line_4_hang;", "line_4_good;"))
    )
    check, trials = house.checked()
    assert [(one["kind"], one["position"], one["until"]) for one in check.findings] == [(FindingKind.BOOT, 2, 3)]
    assert trials[2].tests["booted"] is False
    assert house.run("v1").verdict is Verdict.CLEAN


async def test_the_first_patch_that_does_not_boot(house):
    edits = [(f"line_{number};", f"line_{number}_good;") for number in range(1, 7)]
    edits[3] = ("line_4;", "line_4_hang;")
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    run = house.run("v1")
    assert run.verdict is Verdict.DOES_NOT_BOOT
    assert [(one["kind"], one["position"]) for one in check.findings] == [(FindingKind.FIRST_BAD, 4)]
    assert "The first bad patch is 4 (bpf: Change line 4): the kernel does not boot from it on." in run.sentence


async def test_a_new_warning_is_said_with_the_patch_that_brings_it_and_turns_nothing_red(house):
    """What the base warns of as well is no one's; what a later patch takes back is marked so."""
    house.posted(9, ("line_1;", "line_1_good;"))
    await house.track(
        house.posted(
            1,
            ("line_3;", "line_3_good;"),
            ("line_4;", "line_4_warn;"),
            ("line_5;", "line_5_warn;"),
            ("line_5_warn;", "line_5_good;"),
        )
    )
    check, trials = house.checked()
    told = {at: [(one["text"], one["remains"]) for one in trial.warnings] for at, trial in trials.items()}
    assert told == {
        1: [],
        2: [("unused variable 'intline_4_warn'", True)],
        3: [("unused variable 'intline_5_warn'", False)],
        4: [],
    }
    assert trials[2].warnings[0]["file"] == "kernel/bpf/core.c"
    assert trials[2].warnings[0]["line"] == 5
    assert check.findings == []
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert run.sentence.endswith("Patch 2 brings a new warning of the build.")


async def test_a_warning_that_the_base_has_is_nobodys(house):
    source = house.repository / "kernel" / "bpf" / "core.c"
    source.write_text(source.read_text().replace("line_20;", "line_20_warn;"))
    git(house.repository, "commit", "-qam", "warns")
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    _, trials = house.checked()
    assert [one.warnings for one in trials.values()] == [[], []]
    assert house.stepping.again, "the base was compiled for what it says itself"


async def test_a_single_patch_is_not_built_again(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    check, trials = house.checked()
    assert check.state is CheckState.DONE
    assert list(trials) == [1]
    assert len(house.stepping.built) <= 1, "only where the log of its own build is not there"


async def test_the_next_revision_is_compared_with_one_of_which_a_single_patch_does_not_build(house):
    """It was tested as a whole: its failure that is gone has to be called fixed."""
    house.posted(1, ("line_3;", "line_3_bad;"), ("int line_9;", "#error"), ("#error", "int line_9;"))
    with_break = (("line_3;", "line_3_good;"), ("int line_9;", "#error"), ("#error", "int line_9;"))
    house.posted(2, *with_break)
    await house.track(house.posted(3, ("line_3;", "line_3_good;"), ("line_4;", "line_4_bad;")))
    assert house.run("v2").verdict is Verdict.DOES_NOT_BUILD
    evidence = house.run("v3").evidence
    assert (evidence["previous"], evidence["since"]["broken"][0]["name"]) == ("v2", "bpf_iter/ksym")


async def test_one_mail_says_everything_and_only_when_the_patches_are_through(house):
    house.mailing()
    await house.track(
        house.posted(1, ("line_3;", "line_3_good;"), ("int line_9;", "#error"), ("#error", "int line_9;"))
    )
    with house.sessions() as session:
        report = session.scalars(select(Report)).one()
    assert report.verdict is Verdict.DOES_NOT_BUILD
    assert "patch 3 mends it" in " ".join(report.body.split())
    assert "b4 am -P 1-2 -o - " in report.body, "the whole does build"
    assert "  make kernel/bpf/core.o\n" in report.body


async def test_trouble_of_ours_loses_neither_the_mail_nor_the_verdict(house):
    house.mailing()
    house.stepping.trouble = [InfrastructureError("the disk is full")] * MOST_TRIES
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    check, _ = house.checked()
    assert (check.state, check.trouble) == (CheckState.DONE, "the disk is full")
    run = house.run("v1")
    assert (run.verdict, run.state) == (Verdict.CLEAN, RunState.DONE)
    with house.sessions() as session:
        report = session.scalars(select(Report)).one()
    assert "each patch on its own was not tried: the disk is full" in " ".join(report.body.split())


async def test_trouble_that_passes_is_forgotten(house):
    house.stepping.trouble = [InfrastructureError("the disk is full")]
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    check, trials = house.checked()
    assert (check.state, check.trouble, len(trials)) == (CheckState.DONE, None, 2)


async def test_a_profile_may_leave_single_patches_alone(house):
    house.mailing()
    off = {name: one.model_copy(update={"patches": "off"}) for name, one in house.settings.profiles.items()}
    house.settings = house.settings.model_copy(update={"profiles": off})
    object.__setattr__(house.context, "settings", house.settings)
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    with house.sessions() as session:
        assert session.scalars(select(PatchCheck)).all() == []
        assert session.scalars(select(Report)).one().verdict is Verdict.CLEAN


async def test_built_only_where_the_profile_says_so(house):
    build = {name: one.model_copy(update={"patches": "build"}) for name, one in house.settings.profiles.items()}
    object.__setattr__(house.context, "settings", house.settings.model_copy(update={"profiles": build}))
    house.settings = house.context.settings
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    _, trials = house.checked()
    assert trials[1].outcome is Outcome.PASS
    assert trials[1].tests is None


async def test_a_worker_that_was_lost_in_it_is_followed_by_another(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    run = house.run("v1")
    with house.sessions.begin() as session:
        session.get_one(PatchCheck, run.id).state = CheckState.OPEN
        lost = patches.claim(session, run.id, worker="killed/1")
    with house.sessions.begin() as session:
        held = patches.claim(session, run.id, worker="here/1")
    assert held.attempt == lost.attempt + 1
    with house.sessions.begin() as session:
        assert patches.claim(session, run.id, worker="here/1") is None, "often enough"
        check = session.get_one(PatchCheck, run.id)
        assert (check.state, check.trouble) == (
            CheckState.DONE,
            f"gave up after {MOST_TRIES} attempts; the last: lost: the worker stopped answering",
        )


async def test_whom_the_mails_did_not_go_to_is_said_with_the_patch(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;"), ("line_4;", "line_4_good;")))
    _, trials = house.checked()
    assert trials[1].advice == {
        "checkpatch": ["WARNING:LONG_LINE: line length of 123 exceeds 100 columns"],
        "missing": ["Max Maintainer <max@example.org>"],
    }
