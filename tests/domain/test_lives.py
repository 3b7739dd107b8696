"""Who ended a machine, how it is said, and what the next one has yet to run."""

import json

import pytest

from app.domain.console import scan_console
from app.domain.guest_stream import GuestStream
from app.domain.lives import Death, Left, left_behind, running, telling_event
from app.domain.outcome import Outcome

PANIC = Death(words="the kernel panicked")
OVER = Death(words="the time for all tests was up", ours=True)
HANG = Death(words="no result for 120 s", hung=True)
OOPS = """\
[   12.3] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   12.3] RIP: 0010:frob_iter_next+0x1c/0x60
[   12.3] ---[ end trace 0000000000000000 ]---
[   12.4] Kernel panic - not syncing: Fatal exception
"""
LOCKUP = (
    "[   99.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [test_progs:88]\n[   99.0] RIP: 0010:spin+0x1/0x9\n"
)


def frame(**fields: object) -> bytes:
    return b"\n@@reroll " + json.dumps(fields).encode() + b"\n"


def begin(suite: str) -> bytes:
    return frame(event="begin", suite=suite)


def end(suite: str, code: int) -> bytes:
    return frame(event="end", suite=suite, exit=code)


SUMMARY = b"Summary: 1/0 PASSED, 0 SKIPPED, 0 FAILED\n"


def left(tests: tuple[str, ...], data: bytes, *, death: Death = PANIC, console: str = "") -> Left:
    stream = GuestStream()
    results = stream.feed(data)
    over = stream.finish()
    return left_behind(tests, over, [*results, *over.results], death=death, events=scan_console(console))


def test_the_test_after_the_last_that_reported_is_the_killer_with_the_oops_as_its_message() -> None:
    found = left(("a", "b", "c", "d"), begin("test_progs") + b"#1       a:OK\n", console=OOPS)
    (killer,) = found.killers
    assert (killer.suite, killer.name, killer.outcome) == ("test_progs", "b", Outcome.FAIL)
    assert killer.message == "oops: kernel NULL pointer dereference in frob_iter_next"
    assert killer.detail is not None
    assert "RIP: 0010:frob_iter_next" in killer.detail
    assert found.tests == ("c", "d")
    assert found.cuts == ("the kernel panicked in test_progs while it ran b",)
    assert found.explained


def test_what_runs_when_the_time_for_all_is_up_did_not_fail() -> None:
    found = left(("a", "b", "c"), begin("test_progs") + b"#1       a:OK\n", death=OVER)
    assert [(one.name, one.outcome, one.message) for one in found.killers] == [("b", Outcome.MISS, OVER.words)]
    assert found.tests == ("c",)
    last = left(("a", "b"), begin("test_progs") + b"#1       a:OK\n", death=OVER)
    assert not last.explained, "what b has no results of may exist"
    fallen = left(("a", "test_maps:*"), begin("test_progs") + end("test_progs", 139), death=OVER)
    assert [one.outcome for one in fallen.killers] == [Outcome.FAIL], "that had ended before, by itself"


def test_a_hang_says_that_it_hangs_and_where() -> None:
    found = left(("a", "b"), begin("test_progs"), death=HANG, console=LOCKUP)
    assert found.killers[0].message == "no result for 120 s; soft lockup in spin"
    assert left(("a",), begin("test_progs"), death=HANG).killers[0].message == "no result for 120 s"


def test_other_suites_and_what_is_run_later_are_left_too() -> None:
    tests = ("b", "c", "test_verifier:*", "a", "test_progs-cpuv4:x", "test_progs-cpuv4:y")
    found = left(tests, begin("test_progs"))
    assert found.killers[0].name == "b"
    assert found.tests == ("c", "test_verifier:*", "a", "test_progs-cpuv4:x", "test_progs-cpuv4:y")
    over = begin("test_progs") + SUMMARY + end("test_progs", 0)
    found = left(tests, over + begin("test_verifier") + b"#0/p add OK\n")
    assert (found.killers[0].suite, found.killers[0].name) == ("test_verifier", "test_verifier")
    assert found.tests == ("a", "test_progs-cpuv4:x", "test_progs-cpuv4:y")
    assert found.cuts == ("the kernel panicked in test_verifier after add/p",)


def test_a_program_that_crashes_leaves_the_machine_and_the_suites_after_it_alone() -> None:
    data = (
        begin("test_progs")
        + b"#1       a:OK\nCaught signal #11!\nStack trace:\n"
        + end("test_progs", 139)
        + begin("test_maps")
        + b"test_maps: OK, 0 SKIPPED\n"
        + end("test_maps", 0)
        + frame(event="done")
    )
    found = left(("a", "b", "c", "test_maps:*"), data)
    assert [(one.name, one.message) for one in found.killers] == [("b", "caught signal 11")]
    assert found.tests == ("c",)
    assert found.cuts == ("exit code 139 of test_progs while it ran b: caught signal 11",)


@pytest.mark.parametrize(
    ("output", "code", "cut"),
    [
        (b"", None, "the kernel panicked in test_progs while it ran a"),
        (b"#1       a:OK\n#2       b:OK\n", None, "the kernel panicked in test_progs after b"),
        (
            b"./test_progs: no libelf.so.1\n",
            127,
            "exit code 127 of test_progs while it ran a: ./test_progs: no libelf.so.1",
        ),
        (b"", 2, "exit code 2 of test_progs while it ran a: it said nothing"),
    ],
)
def test_why_a_suite_was_cut_short(output: bytes, code: int | None, cut: str) -> None:
    over = b"" if code is None else end("test_progs", code) + frame(event="done")
    assert left(("a", "b"), begin("test_progs") + output + over).cuts == (cut,)


@pytest.mark.parametrize(
    "data",
    [
        begin("test_progs") + b"#1       a:OK\n#2       b:OK\n",
        begin("test_progs") + b"not found\n" + end("test_progs", 127) + frame(event="done"),
        begin("test_progs") + SUMMARY + end("test_progs", 0),
    ],
)
def test_nobody_is_named_where_nobody_is_known(data: bytes) -> None:
    found = left(("a", "b"), data)
    assert (found.killers, found.tests, found.explained) == ((), (), False)
    assert found.cuts


def test_a_whole_life_leaves_nothing() -> None:
    data = begin("test_progs") + SUMMARY + end("test_progs", 1) + frame(event="done")
    assert left(("a", "b"), data) == Left()


def test_a_machine_that_began_nothing_leaves_everything() -> None:
    assert left(("a", "b", "test_maps:*"), frame(event="ready")).tests == ("a", "b", "test_maps:*")


def test_a_killer_that_said_fail_itself_is_not_told_twice() -> None:
    data = begin("test_maps") + b"test_maps:FAIL:1\n" + end("test_maps", 1) + frame(event="done")
    found = left(("test_maps:*",), data)
    assert (found.killers, found.explained, len(found.cuts)) == ((), True, 1)


def test_forged_suites_name_nobody() -> None:
    found = left(("a", "b"), begin("other") + begin("test_progs"))
    assert (found.killers, found.tests) == ((), ("a", "b"))


def test_what_runs_follows_from_what_reported() -> None:
    tests = ("a", "b", "test_maps:*", "test_progs-cpuv4:a")
    assert running(tests, begun=0, last=None) is None
    assert running(tests, begun=1, last=None) == "a"
    assert running(tests, begun=1, last="a") == "b"
    assert running(tests, begun=1, last="b") is None
    assert running(tests, begun=2, last=None) == "test_maps:*"
    assert running(tests, begun=3, last=None) == "test_progs-cpuv4:a"
    assert running(tests, begun=4, last=None) is None
    assert running(("a/x", "a/y", "b"), begun=1, last="a") == "b"


def test_the_oops_tells_more_than_the_panic_and_the_lockup_more_than_a_warning() -> None:
    warning = "[ 1.0] WARNING: CPU: 0 PID: 7 at kernel/frob.c:1 frob+0x1/0x2\n[ 1.0] ---[ end trace 0 ]---\n"
    events = scan_console(warning + OOPS + LOCKUP)
    told = telling_event(events, hung=False)
    hung = telling_event(events, hung=True)
    assert told is not None
    assert hung is not None
    assert told.title.startswith("oops: kernel NULL pointer")
    assert hung.title == "soft lockup in spin"
    assert telling_event((), hung=True) is None
