"""Machines that did not come up, died or complained, and what is looked for with all tests though one is named."""

from datetime import UTC, datetime, timedelta

import pytest

from app.db.models import Ignore
from app.domain.outcome import ChangeClass, Verdict
from tests.workers.doubles import progs
from tests.workers.house import GOOD, House, plain_script
from workers.ports import Ending

pytestmark = pytest.mark.anyio

BOTH = ("bpf_iter", "log_buf")
QUIET = b"Linux version 6.12.0\n"
TITLE = "WARNING: kernel/bpf/core.c:3 in frob"
KASAN = (
    b"[   12.3] BUG: KASAN: slab-use-after-free in frob_free+0x1/0x9\n[   12.3] Call Trace:\n"
    b"[   12.3]  frob_free+0x1/0x9\n[   12.3] Kernel panic - not syncing: KASAN: panic_on_warn set ...\n"
)


def warning(*callers, place="kernel/bpf/core.c:3"):
    """Return a warning in frob(), which `callers` led to."""
    trace = "".join(f"[   12.3]  {name}+0x1/0x9\n" for name in ("frob", *callers))
    head = f"[   12.3] WARNING: CPU: 0 PID: 88 at {place} frob+0x1/0x9\n"
    return f"{head}{trace}[   12.3] ---[ end trace 0000 ]---\n".encode()


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


def ignored(house, pattern):
    now = datetime.now(UTC)
    with house.sessions.begin() as session:
        session.add(
            Ignore(
                pattern=pattern,
                expires_at=now + timedelta(days=1),
                reason="needs an NMI",
                owner="ann@example.org",
                created_by="ann",
                created_at=now,
            )
        )


async def judged(house, word="warns"):
    await house.track(house.posted(1, ("line_3;", f"line_3_{word};")))
    return house.run("v1")


def patched_boots(house, word="warns"):
    return [tests for source, tests in house.machine.boots if f"line_3_{word}" in source]


async def test_what_kills_another_test_than_its_own_is_looked_for_with_all_tests(house):
    """A use after free that the next test dies of: alone, that test passes, and is flaky; the kernel is not."""

    def script(source, tests, count):
        lines, ending = plain_script(source, tests, count)
        return (lines[:5], Ending.PANIC) if "warns" in source and tests == list(BOTH) else (lines, ending)

    house.machine.script = lambda source, tests, count: script(source, list(tests), count)
    house.machine.console = lambda source, tests: KASAN if "warns" in source and len(tests) > 1 else QUIET
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert "KASAN: slab-use-after-free in frob_free" in run.sentence
    assert house.changes(run) == {"log_buf": ChangeClass.FLAKY}, "no test is blamed that passes alone"


async def test_a_test_that_fails_and_warns_among_others_only(house):
    house.machine.script = lambda source, tests, count: plain_script(
        source.replace("warns", "bad" if len(tests) > 1 else "good"), tests, count
    )
    house.machine.console = lambda source, tests: warning() if "warns" in source and len(tests) > 1 else QUIET
    run = await judged(house)
    assert run.verdict is Verdict.REGRESSED
    assert TITLE in run.sentence
    assert house.changes(run) == {"bpf_iter/ksym": ChangeClass.FLAKY}


async def test_an_ignored_failure_excuses_no_complaint_of_the_kernel(house):
    """The entry is about a test; what the kernel says while it runs is looked for as with any that passes."""
    ignored(house, "bpf_iter/k*")
    house.machine.console = lambda source, tests: warning() if "_bad" in source and "bpf_iter" in tests else QUIET
    run = await judged(house, "bad")
    assert run.verdict is Verdict.REGRESSED
    assert TITLE in run.sentence
    assert patched_boots(house, "bad") == [BOTH, *[("bpf_iter",)] * 4], "as often as chance does not explain"


async def test_a_complaint_is_not_sure_for_an_ignored_test_that_fails_with_it(house):
    ignored(house, "bpf_iter")
    said = []

    def console(source, tests):
        if "_bad" not in source:
            return QUIET
        said.append(tests)
        return warning() if len(said) < 3 else QUIET

    house.machine.console = console
    run = await judged(house, "bad")
    assert run.verdict is Verdict.CLEAN
    assert "may come by chance, and nobody is blamed for it" in run.sentence


@pytest.mark.parametrize("silent_once", [False, True])
async def test_a_kernel_that_does_not_come_up_once_is_judged_by_the_boot_that_did(house, silent_once):
    """One boot in which nothing came excuses nothing that all the others show."""

    def script(source, tests, count):
        if "hang" in source and count == 0 and silent_once:
            return [], Ending.NO_BOOT
        return plain_script(source.replace("hang", "good"), tests, count)

    house.machine.script = script
    boots = []

    def console(source, _tests):
        if "hang" not in source:
            return QUIET
        boots.append(source)
        return QUIET if len(boots) == 1 and silent_once else warning()

    house.machine.console = console
    run = await judged(house, "hang")
    assert run.verdict is Verdict.REGRESSED
    assert TITLE in run.sentence


@pytest.mark.parametrize("silent_once", [False, True])
async def test_a_kernel_that_does_not_come_up_once_and_dies_ever_after(house, silent_once):
    def script(source, tests, count):
        if "hang" not in source:
            return plain_script(source, tests, count)
        return ([], Ending.NO_BOOT) if count == 0 and silent_once else (GOOD[:-1], Ending.PANIC)

    house.machine.script = script
    run = await judged(house, "hang")
    assert run.verdict is Verdict.REGRESSED
    assert run.sentence.startswith("v1 cuts the tests short: the kernel panicked after the tests")


@pytest.mark.parametrize(("alone", "verdict"), [(True, Verdict.REGRESSED), (False, Verdict.CLEAN)])
async def test_where_the_base_dies_among_all_tests_a_complaint_is_looked_for_alone(house, alone, verdict):
    """A base that does not come to the end of its tests says nothing of what it did not complain of."""

    def script(source, tests, count):
        lines, ending = plain_script(source, tests, count)
        dies = "warns" not in source and tuple(tests) == BOTH
        return (lines[:-1], Ending.PANIC) if dies else (lines, ending)

    house.machine.script = script
    house.machine.console = lambda source, tests: (
        warning() if "warns" in source and "bpf_iter" in tests and (alone or len(tests) > 1) else QUIET
    )
    run = await judged(house)
    assert run.verdict is verdict
    assert TITLE in run.sentence, "said in either case"


async def test_a_complaint_with_the_title_of_the_bases_own_is_not_looked_for_in_single_patches(house):
    """The base warns at that line on another way; patch 3 adds its own, and patch 1 has nothing to do with it."""
    theirs, ours = (warning(*(f"{way}_{name}" for name in "abcd")) for way in ("path", "way"))

    def console(source, tests):
        said = theirs if "log_buf" in tests else b""
        return said + (ours if "warns" in source and "bpf_iter" in tests else b"") or QUIET

    house.machine.console = console
    edits = [(f"line_{at};", f"line_{at}_{'warns' if at == 3 else 'good'};") for at in range(1, 6)]
    await house.track(house.posted(1, *edits))
    check, _ = house.checked()
    assert [(one["position"], one["earliest"], one["what"]) for one in check.findings] == [(3, 3, TITLE)]


@pytest.mark.parametrize("host", [False, True])
async def test_no_patch_is_said_to_remove_what_was_skipped_by_chance_or_for_want_of_something_here(house, host):
    """Skipped once in the whole series' own boot, or in all machines since the base's, which had another host."""
    boots = []

    def script(source, tests, count):
        boots.append(source)
        skipped = len(boots) > 1 if host else ("line_4_good" in source and count == 0)
        words = [("bpf_iter/ksym", "OK"), ("log_buf/a", "OK"), ("log_buf/x", "SKIP" if skipped else "OK")]
        return progs(*[one for one in words if one[0].partition("/")[0] in tests]), Ending.FINISHED

    house.machine.script = script
    await house.track(house.posted(1, *[(f"line_{at};", f"line_{at}_good;") for at in range(1, 5)]))
    run = house.run("v1")
    assert house.changes(run) == {"log_buf/x": ChangeClass.DISAPPEARED}
    assert house.checked()[0].findings == []
    assert run.sentence.startswith("v1 is clean, but 1 test of the base is skipped: log_buf/x.")
