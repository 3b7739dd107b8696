"""In which test memory was lost."""

import pytest

from app.domain.console import ConsoleEvent, scan_console
from app.domain.leaks import Ended, Tick, attributed

REPORT = """\
unreferenced object 0xffff888004b3d2c0 (size 64):
  comm "test_progs", pid 75, jiffies 4294{:06}
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
  backtrace (crc 0):
    __kmalloc_cache_noprof+0x1d8/0x240
    bpf_map_meta_alloc+0x44/0x160
    array_of_map_alloc+0x14/0x60
    map_create+0x1a5/0x6c0
unreferenced object 0xffff888004b3d300 (size 64):
  comm "test_progs", pid 75, jiffies 4294{:06}
  backtrace (crc 0):
    __kmalloc_cache_noprof+0x1d8/0x240
    bpf_map_meta_alloc+0x44/0x160
    htab_of_map_alloc+0x3c/0x60
"""
# 250 jiffies a second; the guest's clock began 40 s after the host's.
TICKS = (
    Tick(jiffies=4294_010_000, uptime_s=40.0, arrived_s=80.0),
    Tick(jiffies=4294_011_500, uptime_s=46.0, arrived_s=86.0),
)
ENDED = (Ended(test="a", at_s=50.0), Ended(test="map_in_map", at_s=60.0), Ended(test="b", at_s=70.0))


def leaks(first: int, second: int = 0) -> tuple[ConsoleEvent, ...]:
    return scan_console(REPORT.format(first, second))


def test_a_report_is_read_as_one_leak_a_way_of_getting_there() -> None:
    one, other = leaks(5000)
    assert one.title == "memory leak: what was allocated in bpf_map_meta_alloc"
    assert one.frames[0] == "__kmalloc_cache_noprof+0x1d8/0x240"
    assert one.fingerprint != other.fingerprint
    assert [event.fingerprint for event in leaks(7, 9)] == [one.fingerprint, other.fingerprint]
    again = scan_console(REPORT.format(1, 2).replace("4b3d2c0", "5c4e3d1").replace("+0x44/0x160", "+0x48/0x170"))
    assert [event.fingerprint for event in again] == [one.fingerprint, other.fingerprint]


def test_what_follows_a_report_is_no_part_of_it() -> None:
    console = REPORT.format(1, 2) + "[   64.351965] sysrq: Resetting\n"
    assert "sysrq" not in scan_console(console)[1].excerpt


@pytest.mark.parametrize(
    ("jiffies", "test", "perhaps"),
    [
        (5000, "map_in_map", None),  # 20 s before the first tick: host time 60
        (2510, "map_in_map", "a"),  # just after a had ended
        (2400, "a", None),
        (100, "a", None),  # before any test had ended
        (9000, None, None),  # after the last
    ],
)
def test_when_it_was_allocated_tells_the_test(jiffies: int, test: str | None, perhaps: str | None) -> None:
    event = attributed(leaks(jiffies), TICKS, ENDED, blur_s=0.3)[0]
    assert (event.test, event.perhaps) == (test, perhaps)


@pytest.mark.parametrize("ticks", [(), TICKS[:1], TICKS[::-1], (TICKS[0], TICKS[0])])
def test_without_clocks_nothing_is_said(ticks: tuple[Tick, ...]) -> None:
    assert attributed(leaks(5000), ticks, ENDED, blur_s=0.3) == leaks(5000)


def test_other_complaints_keep_their_tests() -> None:
    events = scan_console("BUG: strange\n")
    assert attributed(events, TICKS, ENDED, blur_s=0.3) == events


def test_that_leaks_were_counted_is_no_complaint_of_its_own_where_they_are_listed() -> None:
    counted = "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n"
    assert len(scan_console(counted)) == 1
    assert scan_console(counted + REPORT.format(1, 2)) == scan_console("\n" + REPORT.format(1, 2))
