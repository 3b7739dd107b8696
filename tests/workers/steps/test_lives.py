"""What a machine's two ports come to while it lives: which test ran when, and where results lie in the log of all."""

import pytest

from app.config import ProfileSettings
from app.domain.outcome import Outcome, TestResult
from tests.workers.doubles import ScriptedBuilder, ScriptedMachine
from workers.ports import Boot, Ending, Image
from workers.steps import lives
from workers.steps.lives import BLUR_S, Life, Lives, QuietLog, Tap, lives_of, tally_of
from workers.steps.selftests import Boots, boot_quietly

pytestmark = pytest.mark.anyio

BEGIN = b'@@reroll {"event":"ready"}\n@@reroll {"event":"begin","suite":"test_progs"}\n'
OVER = b'Summary: 1/0 PASSED, 0 SKIPPED, 0 FAILED\n@@reroll {"event":"end","suite":"test_progs","exit":0}\n'
WARNING = b"WARNING: CPU: 0 PID: 7 at kernel/%s.c:1 frob+0x1/0x2\n---[ end trace 0 ]---\n"


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(lives.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def image(tmp_path):
    return Image(key="k", folder=tmp_path, tests=("a", "b", "c"), selection=(), not_built=(), toolchain={})


def boot(ending=Ending.FINISHED):
    return Boot(ending=ending, booted_s=1.0, wall_s=2.0, accelerator="tcg")


async def ended(tap, image, ending=Ending.FINISHED) -> Life:
    return await tap.finish(boot(ending), image, ProfileSettings(), None)


async def test_a_complaint_belongs_to_what_runs_or_to_what_has_just_ended(clock, image):
    tap = Tap(tests=("a", "b", "c"))
    tap.console(WARNING % b"before")
    tap.port(BEGIN)
    tap.console(WARNING % b"first")
    tap.port(b"#1       a:OK\n")
    clock[0] += BLUR_S / 2
    tap.console(WARNING % b"near")
    clock[0] += BLUR_S
    tap.console(WARNING % b"later")
    tap.port(b"#2       b:OK\n#3       c:OK\n" + OVER)
    tap.console(WARNING % b"after")
    found = {one.title.split("/")[1].split(".")[0]: one for one in (await ended(tap, image)).events}
    assert {name: (one.test, one.perhaps) for name, one in found.items()} == {
        "before": (None, None),
        "first": ("a", None),
        "near": ("b", "a"),
        "later": ("b", None),
        "after": (None, None),
    }


async def test_a_leak_belongs_to_the_test_in_whose_time_it_was_allocated(clock, image):
    tap = Tap(tests=("a", "b"))
    tap.port(BEGIN)
    for test in (b"#1       a:OK\n", b"#2       b:OK\n"):
        clock[0] += 10
        tap.port(test)
    tap.port(OVER + b'@@reroll {"event":"clocks","jiffies":10000,"uptime":40.0}\n')
    clock[0] += 8
    tap.port(b'@@reroll {"event":"clocks","jiffies":12000,"uptime":48.0}\n@@reroll {"event":"done"}\n')
    tap.console(b'unreferenced object 0xff (size 64):\n  comm "x", pid 7, jiffies 8000\n    frob+0x1/0x2\n')
    (leak,) = (await ended(tap, image)).events
    assert (leak.test, leak.life) == ("b", 1)


async def test_what_comes_before_there_is_a_log_is_held_for_it(image):
    tap, log = Tap(tests=("a",)), bytearray()
    tap.port(BEGIN)
    tap.results_log = log.extend
    tap.results_log(bytes(tap.held))
    tap.port(b"f:FAIL:1 no\n#1       a:FAIL\n" + OVER)
    (result,) = (await ended(tap, image)).results
    assert log[result.log_start : result.log_end] == b"f:FAIL:1 no\n"
    assert tap.taken == len(log)


async def test_results_of_later_machines_lie_behind_those_of_the_first_in_one_log(tmp_path, image):
    builder = ScriptedBuilder(tmp_path)
    builder.texts["k"] = "x"

    def script(_source, tests, _count):
        lines = ['@@reroll {"event":"ready"}', '@@reroll {"event":"begin","suite":"test_progs"}']
        if "b" in tests:
            return [*lines, "f:FAIL:1 of a", "#1       a:FAIL"], Ending.PANIC
        over = OVER.decode().splitlines()
        return [*lines, "f:FAIL:1 of c", "#3       c:FAIL", *over, '@@reroll {"event":"done"}'], Ending.FINISHED

    log = bytearray()
    machine = ScriptedMachine(builder, script)
    quiet = QuietLog(sink=log.extend)
    lived = await boot_quietly(machine, image, ProfileSettings(), tests=("a", "b", "c"), log=quiet)
    assert [(one.name, one.outcome) for one in lived.results] == [
        ("a", Outcome.FAIL),
        ("b", Outcome.FAIL),
        ("c", Outcome.FAIL),
    ]
    told = {one.name: bytes(log[one.log_start : one.log_end]) for one in lived.results if one.log_start is not None}
    assert told == {"a": b"f:FAIL:1 of a\n", "c": b"f:FAIL:1 of c\n"}
    assert [tests for _, tests in machine.boots] == [("a", "b", "c"), ("c",)]
    assert machine.loud == [("a", "b", "c"), ("c",)]
    assert lived.complete
    assert [(one["life"], len(one["killers"])) for one in lives_of(lived)] == [(1, 1), (2, 0)]


async def test_all_machines_of_a_run_share_the_time_for_all_tests(tmp_path, image):
    builder = ScriptedBuilder(tmp_path)
    builder.texts["k"] = "x"
    limits = []

    class Slow(ScriptedMachine):
        async def run(self, image, profile, **ports):
            limits.append(profile.test_timeout.total_seconds())
            ended = await super().run(image, profile, **ports)
            return Boot(ending=ended.ending, booted_s=1.0, wall_s=500.0, accelerator="tcg")

    machine = Slow(builder, lambda _source, _tests, _count: (BEGIN.decode().splitlines(), Ending.PANIC))
    profile = ProfileSettings()
    boots = Boots(machine=machine, image=image, profile=profile)
    first = await boots.live(Tap(tests=("a", "b", "c", "d")), profile)
    lived = Lives(each=(first, *await boots.rest(first)))
    assert limits == [1200, 700, 200]
    assert lived.each[-1].left.tests == ("d",)
    assert not lived.complete


def test_what_sums_up_is_counted_as_a_test_only():
    results = [
        TestResult(suite="s", name="a/x", parent="a", outcome=Outcome.FAIL),
        TestResult(suite="s", name="a", aggregate=True, outcome=Outcome.FAIL),
        TestResult(suite="s", name="b", outcome=Outcome.SKIP),
    ]
    tally = tally_of(results)
    assert (tally.tests, tally.leaves, tally.failed, tally.skipped, tally.passed) == (2, 2, 1, 1, 0)
