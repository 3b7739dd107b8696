import pytest

from workers.adapters import ports_watch
from workers.adapters.ports_watch import Watch
from workers.ports import Ending

LIMITS = {"boot_s": 10.0, "silence_s": 20.0, "total_s": 100.0}
READY = b'\n@@reroll {"event":"ready"}\n'
DONE = b'\n@@reroll {"event":"done"}\n'


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(ports_watch.time, "monotonic", lambda: now[0])
    return now


def watch_of(clock):
    heard = {"console": b"", "results": b""}

    def sink(name):
        def take(data):
            heard[name] += data

        return take

    return Watch(console_sink=sink("console"), results_sink=sink("results"), started=clock[0], spoke_at=clock[0]), heard


def test_all_bytes_are_passed_on(clock):
    watch, heard = watch_of(clock)
    for at in range(0, 1000, 7):
        watch.console(b"c%d" % at)
        watch.results(b"r%d" % at)
    assert heard["console"] == b"".join(b"c%d" % at for at in range(0, 1000, 7))
    assert heard["results"] == b"".join(b"r%d" % at for at in range(0, 1000, 7))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_marks_are_seen_wherever_the_chunks_are_cut(clock, size):
    watch, _ = watch_of(clock)
    clock[0] += 3
    text = b"x" * 100 + READY + b"#1 a:OK\n" + DONE
    for at in range(0, len(text), size):
        watch.results(text[at : at + size])
    console = b"y" * 100 + b"[ 1.0] Kernel panic - not syncing: VFS\n" + b"z" * 200
    for at in range(0, len(console), size):
        watch.console(console[at : at + size])
    assert (watch.booted_s, watch.done, watch.panicked) == (3.0, True, True)
    assert watch.ending() is Ending.PANIC


def test_endings(clock):
    watch, _ = watch_of(clock)
    assert watch.ending() is Ending.NO_BOOT
    watch.results(READY)
    assert watch.ending() is Ending.DIED
    watch.results(DONE)
    assert watch.ending() is Ending.FINISHED


def test_a_console_that_talks_does_not_extend_the_boot_limit(clock):
    watch, _ = watch_of(clock)
    for _ in range(12):
        clock[0] += 1
        watch.console(b"still booting\n")
    assert watch.overdue(**LIMITS) is Ending.NO_BOOT


def test_silence_is_that_of_the_results_and_only_after_boot(clock):
    watch, _ = watch_of(clock)
    clock[0] += 9
    assert watch.overdue(**LIMITS) is None
    watch.results(READY)
    for _ in range(3):
        clock[0] += 19
        assert watch.overdue(**LIMITS) is None
        watch.results(b"x")
    clock[0] += 21
    assert watch.overdue(**LIMITS) is Ending.SILENT


def test_a_kernel_that_complains_of_its_hang_for_ever_hangs(clock):
    watch, _ = watch_of(clock)
    watch.results(READY)
    for _ in range(5):
        clock[0] += 5
        watch.console(b"watchdog: BUG: soft lockup - CPU#0 stuck for 26s!\n")
    assert watch.overdue(**LIMITS) is Ending.SILENT


def test_a_panic_that_resets_nothing_is_a_panic(clock):
    watch, _ = watch_of(clock)
    watch.results(READY)
    watch.console(b"Kernel panic - not syncing: x\n")
    clock[0] += 9
    assert watch.overdue(**LIMITS) is None
    clock[0] += 2
    assert watch.overdue(**LIMITS) is Ending.PANIC


def test_talking_for_ever_meets_the_limit_of_the_whole(clock):
    watch, _ = watch_of(clock)
    watch.results(READY)
    for _ in range(11):
        clock[0] += 10
        watch.results(b"#1 a:OK\n")
    assert watch.overdue(**LIMITS) is Ending.TIME_LIMIT


def test_a_guest_that_writes_on_and_on_is_cut_off(clock, monkeypatch):
    monkeypatch.setattr(ports_watch, "MOST_BYTES", 1000)
    watch, heard = watch_of(clock)
    watch.results(READY)
    for _ in range(100):
        assert watch.overdue(**LIMITS) in (None, Ending.OUTPUT_LIMIT)
        watch.console(b"x" * 30)
    assert watch.overdue(**LIMITS) is Ending.OUTPUT_LIMIT
    assert len(heard["console"]) + len(heard["results"]) == 1000
