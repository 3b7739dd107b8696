"""What the kernel complains of while tests pass, and tests that end the machine: seen again before blame."""

from datetime import UTC, datetime, timedelta

import pytest

from app.db.models import RunState
from app.domain.outcome import ChangeClass, Verdict
from tests import factories as make
from tests.workers.house import GOOD, House, plain_script
from workers.ports import Ending

pytestmark = pytest.mark.anyio

WARNING = b"[   12.3] WARNING: CPU: 0 PID: 88 at kernel/bpf/core.c:3 frob+0x1/0x9\n[   12.3] ---[ end trace 0000 ]---\n"
LOCKUP = (
    b"[   99.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [test_progs:88]\n[   99.0] RIP: 0010:spin+0x1/0x9\n"
)
TITLE = "WARNING: kernel/bpf/core.c:3 in frob"


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


def warns(house, when):
    """Have the kernel warn where `when(source, tests, how often that source had been booted with them)`."""
    seen = {}

    def console(source, tests):
        count = seen.get((source, tests), 0)
        seen[source, tests] = count + 1
        return WARNING if when(source, tests, count) else b"Linux version 6.12.0\n"

    house.machine.console = lambda source, tests: console(source, tuple(tests))


async def judged(house):
    await house.track(house.posted(1, ("line_3;", "line_3_warns;")))
    return house.run("v1")


async def test_a_warning_is_blamed_that_comes_again_with_its_test_alone_and_only_with_the_patches(house):
    warns(house, lambda source, tests, _count: "warns" in source and "bpf_iter" in tests)
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert TITLE in run.sentence
    (event,) = run.evidence["events"]
    assert (event["title"], event["test"]) == (TITLE, "bpf_iter")
    alone = [source for source, tests in house.machine.boots if tests == ("bpf_iter",)]
    assert ["warns" in source for source in alone] == [True, False] * 4, "until chance explains it no more"


async def test_a_warning_that_comes_now_and_then_is_said_and_nobodys_doing(house):
    """As a test that fails in some boots only; it is not lost, for it may be worth a look."""
    warns(house, lambda source, tests, count: "warns" in source and (tests != ("bpf_iter",) or count == 0))
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN
    said = f"1 complaint of the kernel may come by chance, and nobody is blamed for it: {TITLE} while bpf_iter ran."
    assert said in run.sentence
    assert [one["excerpt"].split()[0] for one in run.evidence["reasons"]] == ["WARNING:"]


async def test_a_warning_that_goes_with_a_flaky_tests_failures_is_nobodys_doing(house):
    """The test fails and warns in two of three boots with the patches: flaky, and so is its warning."""
    house.machine.script = lambda source, tests, count: plain_script(
        source.replace("warns", "bad" if count != 1 else "good"), tests, count
    )
    warns(house, lambda source, tests, count: "warns" in source and not (tests == ("bpf_iter",) and count == 0))
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {"bpf_iter/ksym": ChangeClass.FLAKY}
    assert "may come by chance" in run.sentence


@pytest.mark.parametrize(("before", "verdict"), [(1, Verdict.REGRESSED), (15, Verdict.CLEAN)])
async def test_a_warning_that_unpatched_trees_gave_before_is_blamed_only_where_that_explains_it_no_more(
    house, before, verdict
):
    warns(house, lambda source, tests, _count: "warns" in source and "bpf_iter" in tests)
    assert (await judged(house)).verdict is Verdict.REGRESSED
    with house.sessions.begin() as session:
        fingerprint = house.run("v1").evidence["events"][0]["fingerprint"]
        for number in range(20):
            heard = [{"fingerprint": fingerprint}] if number < before else []
            old = make.add_run(session, tree="small", base_commit=f"{number:040}", state=RunState.DONE)
            old.created_at = datetime.now(UTC) - timedelta(days=1)
            old.evidence = {"booted": True, "ran": ["bpf_iter"], "events": heard}
    again = await house.rerun()
    assert again.verdict is verdict
    assert ("may come by chance" in again.sentence) is (verdict is Verdict.CLEAN)


async def test_what_a_busy_host_explains_is_not_looked_for_again(house):
    house.machine.console = lambda source, tests: LOCKUP if "warns" in source else b""
    assert (await judged(house)).verdict is Verdict.CLEAN
    assert len(house.machine.boots) == 2


async def test_a_base_that_does_not_come_up_is_no_ground_to_blame_a_warning_on_the_series(house):
    def script(source, tests, count):
        if "warns" not in source and tuple(tests) == ("bpf_iter",):
            return [], Ending.NO_BOOT
        return plain_script(source, tests, count)

    house.machine.script = script
    warns(house, lambda source, tests, _count: "warns" in source and "bpf_iter" in tests)
    run = await judged(house)
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "a confirming machine did not start" in run.sentence


def dies_after_the_tests(house, when):
    """Have the machine die at the end, where no test can be named for it, when `when(source, count)`."""

    def script(source, tests, count):
        lines, ending = plain_script(source, tests, count)
        return (lines[:-1], Ending.PANIC) if when(source, count) else (lines, ending)

    house.machine.script = script


async def test_a_machine_that_dies_after_its_tests_with_the_patches_alone_is_the_series(house):
    dies_after_the_tests(house, lambda source, _count: "warns" in source)
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert ["warns" in source for source, _ in house.machine.boots] == [False, True] + [True, False] * 4


async def test_a_machine_that_the_base_kills_too_when_it_runs_again_is_not_the_series(house):
    dies_after_the_tests(house, lambda source, count: "warns" in source or count > 0)
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN


async def test_a_warning_that_comes_once_is_nobodys_doing(house):
    warns(house, lambda source, tests, count: "warns" in source and len(tests) > 1 and count == 0)
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN
    assert [event["title"] for event in run.evidence["events"]] == [TITLE]


async def test_a_warning_that_takes_more_than_its_test_is_looked_for_with_all_of_them(house):
    warns(house, lambda source, tests, _count: "warns" in source and len(tests) > 1)
    assert (await judged(house)).verdict is Verdict.REGRESSED
    assert [tests for source, tests in house.machine.boots if "warns" in source] == [
        ("bpf_iter", "log_buf"),
        ("bpf_iter",),
        *[("bpf_iter", "log_buf")] * 4,
    ]


async def test_a_warning_that_takes_all_tests_is_not_looked_for_for_ever(house, monkeypatch):
    """Once on each side is no proof where that takes hours: it is said, and nobody is blamed."""
    monkeypatch.setattr("workers.steps.machines.MOST_LOOKING", timedelta(0))
    warns(house, lambda source, tests, _count: "warns" in source and len(tests) > 1)
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN
    assert "may come by chance" in run.sentence
    assert len(house.machine.boots) == 5


async def test_a_warning_that_passing_luck_kept_from_the_base_is_nobodys_doing(house):
    """It comes in every other boot of both, and came in the first three of one only."""
    warns(house, lambda source, tests, count: "bpf_iter" in tests and ("warns" in source or count > 2))
    assert (await judged(house)).verdict is Verdict.CLEAN


async def test_a_warning_that_the_base_gives_too_when_it_is_asked_again_is_not_the_series(house):
    warns(house, lambda source, tests, _count: "warns" in source or tests == ("bpf_iter",))
    assert (await judged(house)).verdict is Verdict.CLEAN


async def test_a_warning_of_the_base_is_looked_at_no_further(house):
    warns(house, lambda _source, _tests, _count: True)
    assert (await judged(house)).verdict is Verdict.CLEAN
    assert len(house.machine.boots) == 2


async def test_a_test_that_ends_both_machines_is_not_the_series(house):
    def script(source, tests, count):
        return plain_script(f"{source} panic", tests, count)

    house.machine.script = script
    run = await judged(house)
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {"bpf_iter": ChangeClass.PRE_EXISTING}


async def test_a_hang_is_named_with_the_lockup_as_its_reason(house):
    def script(source, tests, count):
        if "warns" in source and "bpf_iter" in tests:
            return GOOD[:2], Ending.SILENT
        return plain_script(source, tests, count)

    house.machine.script = script
    house.machine.console = lambda source, tests: LOCKUP if "warns" in source and "bpf_iter" in tests else b""
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert house.changes(run)["bpf_iter"] is ChangeClass.REGRESSION
    (killer,) = [one for life in run.evidence["lives"] for one in life["killers"]]
    assert (killer["name"], killer["message"]) == ("bpf_iter", "no result for 120 s; soft lockup in spin")


async def test_killers_are_looked_for_in_so_many_machines_and_what_is_left_is_said(house, monkeypatch):
    monkeypatch.setattr("workers.steps.selftests.MOST_LIVES", 1)
    house.machine.script = lambda source, tests, count: plain_script(source.replace("warns", "panic"), tests, count)
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert run.evidence["lives"][0]["not_run"] == ["log_buf"]
    assert house.changes(run)["log_buf"] is ChangeClass.NOT_RUN


async def test_a_second_machine_that_does_not_come_up_is_trouble_of_ours(house):
    def script(source, tests, count):
        if "warns" in source and tuple(tests) == ("log_buf",):
            return [], Ending.NO_BOOT
        return plain_script(source.replace("warns", "panic"), tests, count)

    house.machine.script = script
    run = await judged(house)
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "machine 2 of this run did not come up, unlike the first" in run.sentence
