"""What several tasks and CPUs say at once, where each line tells whose it is (CONFIG_PRINTK_CALLER)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.console import MAX_AT_ONCE, ConsoleEvent, ConsoleKind, ConsoleScanner, scan_console

CUT = "------------[ cut here ]------------"
END = "---[ end trace 0000000000000000 ]---"


def warning(name: str, *, said: str = "", end: str = END) -> list[str]:
    place = f"WARNING: CPU: 0 PID: 9 at kernel/bpf/{name}.c:1 {name}+0x12/0x20"
    stack = [f"RIP: 0010:{name}+0x12/0x20", "Call Trace:", " <TASK>", f" {name}_caller+0x1/0x9", " </TASK>"]
    return [line for line in (CUT, said, place, "Modules linked in:", *stack, end) if line]


def kasan(name: str) -> list[str]:
    stack = ["Call Trace:", " <TASK>", " kasan_report+0x1/0x9", f" {name}+0x1/0x9", " </TASK>"]
    freed = ["Freed by task 5:", " kfree+0x1/0x9"]
    return ["=" * 66, f"BUG: KASAN: slab-use-after-free in {name}+0x1/0x9", *stack, *freed, "=" * 66]


def by(caller: str, lines: list[str]) -> list[str]:
    return [f"[    5.000001][{caller:>6}] {line}" for line in lines]


def in_turn(*reports: list[str]) -> str:
    """Lines of one after those of the other, as two CPUs print them; one that is shorter is at its end earlier."""
    longest = max(map(len, reports))
    return "".join(f"{one[at]}\n" for at in range(longest) for one in reports if at < len(one))


def whole(*reports: list[str]) -> str:
    return "".join(f"{line}\n" for one in reports for line in one)


def told(text: str) -> list[tuple[object, ...]]:
    """What does not depend on what else was said."""
    return sorted(
        (event.kind, event.title, event.frames, event.excerpt, event.fingerprint, event.count)
        for event in scan_console(text)
    )


def test_two_warnings_at_once_are_two_each_with_its_own_lines() -> None:
    text = in_turn(by("T99", warning("aa")), by("T100", warning("bb", said="bb went wrong")))
    first, second = scan_console(text)
    assert first.title == "WARNING: kernel/bpf/aa.c:1 in aa"
    assert first.frames == ("aa+0x12/0x20", "aa_caller+0x1/0x9")
    assert first.excerpt.split("\n") == warning("aa")[1:]
    assert second.title == "WARNING: kernel/bpf/bb.c:1 in bb: bb went wrong"
    assert second.frames == ("bb+0x12/0x20", "bb_caller+0x1/0x9")
    assert second.excerpt.split("\n") == warning("bb")[1:]
    lines = text.splitlines()
    assert "WARNING" in lines[first.line - 1]
    assert "aa.c" in lines[first.line - 1]
    assert "bb.c" in lines[second.line - 1]


REPORTS = [
    by("T99", warning("aa", said="aa went wrong")),
    by("T100", kasan("bb")),
    by("C1", warning("cc", said="in the interrupt of another CPU")),
    by("T7", ["INFO: trying to register non-static key.", "Call Trace:", " <TASK>", " dd+0x1/0x9", " </TASK>"]),
    by("T99999", ["BUG: kernel NULL pointer dereference, address: 0000000000000018", "Oops: Oops: 0000 [#1] SMP"])
    + by("T99999", ["RIP: 0010:ee+0x1/0x9", END, "Kernel panic - not syncing: Fatal exception"]),
]


@given(st.randoms(use_true_random=False), st.sampled_from(range(2, len(REPORTS) + 1)))
def test_however_the_lines_of_several_mix_each_is_as_it_is_alone(choose: random.Random, several: int) -> None:
    reports = choose.sample(REPORTS, several)
    waiting = [list(report) for report in reports]
    mixed = []
    while any(waiting):
        mixed.append(choose.choice([one for one in waiting if one]).pop(0))
    assert told(whole(mixed)) == sorted(one for report in reports for one in told(whole(report)))


def test_the_same_in_pieces_of_any_size() -> None:
    data = in_turn(*REPORTS).encode()
    for size in (1, 7, 100):
        scanner = ConsoleScanner()
        for at in range(0, len(data), size):
            scanner.feed(data[at : at + size])
        assert scanner.finish().events == scan_console(data)


def test_events_are_in_the_order_in_which_they_began() -> None:
    slow = by("T99", warning("aa"))
    first, second = scan_console(whole(slow[:4], by("T100", warning("bb")), slow[4:]))
    assert (first.line, second.line) == (2, 6)
    assert "aa" in first.title
    assert second.frames[0] == "bb+0x12/0x20"
    (both,) = scan_console(whole(slow[:4], by("T100", warning("aa")), slow[4:]))
    assert (both.line, both.count) == (2, 2)


def test_an_interrupt_in_the_middle_of_a_report_is_not_part_of_it() -> None:
    report = by("T99", warning("aa"))
    softirq = by("C0", ["bpf_testmod: a timer ran", "TCP: out of memory -- consider tuning tcp_mem", " other+0x1/0x9"])
    assert told(whole(report[:3], softirq, report[3:])) == told(whole(report))
    assert told(whole(report[:1], softirq * 5, report[1:])) == told(whole(report))
    nested = by("C0", warning("bb"))
    assert told(whole(report[:6], nested, report[6:])) == sorted(told(whole(report)) + told(whole(nested)))


def test_a_second_report_of_the_same_task_ends_its_first() -> None:
    endless = by("T99", warning("aa", end="")[:-1])
    other = by("T100", warning("bb"))
    text = whole(endless, other[:4], by("T99", warning("cc")), other[4:])
    assert [event.frames[0].partition("+")[0] for event in scan_console(text)] == ["aa", "bb", "cc"]
    assert "bb" not in scan_console(text)[0].excerpt


@pytest.mark.parametrize("detects", ["C0", "T16"])
@pytest.mark.parametrize("sends", [True, False])
def test_the_stacks_that_a_stall_has_other_cpus_show_are_part_of_it(detects: str, sends: bool) -> None:
    head = ["rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "rcu: \t1-...!: idle=a"]
    head += ["Sending NMI from CPU 0 to CPUs 1-2:"] if sends else []
    shown = ["RIP: 0010:{0}+0x1/0x9", "Call Trace:", " <TASK>", " {0}_caller+0x1/0x9", " </TASK>"]
    first, second = (
        by(f"C{cpu}", [f"NMI backtrace for cpu {cpu}", *(line.format(name) for line in shown)])
        for cpu, name in ((1, "spin"), (2, "idle"))
    )
    rest = by(detects, ["rcu: rcu_preempt kthread starved for 2100 jiffies!"])
    interrupted = by("T99", warning("aa"))
    stall, *others = scan_console(whole(by(detects, head), first, interrupted, second, rest))
    assert stall.kind is ConsoleKind.RCU_STALL
    assert stall.frames == ("spin+0x1/0x9", "spin_caller+0x1/0x9")
    assert "idle_caller" in stall.excerpt
    assert stall.excerpt.endswith("jiffies!")
    assert "aa" not in stall.excerpt
    assert [event.frames[0] for event in others] == ["aa+0x12/0x20"]


def test_a_cpu_that_shows_its_stack_may_have_had_a_complaint_of_its_own() -> None:
    lockup = ["watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [a:1]", "pc : spin+0x1/0x9", "Call trace:"]
    lockup += [" spin+0x1/0x9", " loop+0x1/0x9"]  # arm64's has no end
    stall = ["rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "Sending NMI from CPU 0 to CPUs 1:"]
    shown = ["NMI backtrace for cpu 1", "pc : other+0x1/0x9", "Call trace:", " other+0x1/0x9"]
    first, second = scan_console(whole(by("C1", lockup), by("C0", stall), by("C1", shown)))
    assert first.frames == ("spin+0x1/0x9", "loop+0x1/0x9")
    assert second.frames == ("other+0x1/0x9",)
    own, _ = scan_console(whole(by("C0", stall), by("C1", [*lockup, *shown])))
    assert own.kind is ConsoleKind.RCU_STALL
    assert own.frames == ()


def test_a_warning_does_not_take_the_stack_that_nobody_asked_for_in_it() -> None:
    report = by("T99", warning("aa"))
    shown = by("C1", ["NMI backtrace for cpu 1", "RIP: 0010:other+0x1/0x9", "Call Trace:", " other+0x1/0x9"])
    assert told(whole(report[:3], shown, report[3:])) == told(whole(report))


def test_what_tells_no_caller_is_still_read_with_what_was_said_last() -> None:
    report = by("T99", warning("aa"))
    assert "a program speaks" in only(whole(report[:5], ["a program speaks"], report[5:])).excerpt
    torn = by("T100", warning("bb"))[0]
    assert only(whole([f"login: {torn}"], by("T100", warning("bb")[1:]))).title == "WARNING: kernel/bpf/bb.c:1 in bb"
    programs, kernels = scan_console(whole(["BUG: so says a program"], by("T99", warning("aa"))))
    assert (programs.excerpt, kernels.frames[0]) == ("BUG: so says a program", "aa+0x12/0x20")


def only(text: str) -> ConsoleEvent:
    (event,) = scan_console(text)
    return event


def test_memory_is_bounded_however_many_complain_at_once_and_never_end() -> None:
    scanner = ConsoleScanner()
    for task in range(1000):
        scanner.feed(whole(by(f"T{task}", warning("aa")[:2])).encode())
    assert len(scanner._open) == MAX_AT_ONCE
    assert [event.count for event in scanner.finish().events] == [1000]


def test_what_fell_silent_without_an_end_is_over() -> None:
    endless = by("T99", warning("aa")[:-1])
    scanner = ConsoleScanner()
    scanner.feed(whole(endless, by("T1", ["frob: fine"] * 300)).encode())
    assert [event.excerpt.split("\n") for event in scanner.events] == [warning("aa")[1:-1]]
    later = by("T99", [" not_of_it+0x1/0x9"])
    scanner.feed(whole(later).encode())
    assert [event.frames for event in scanner.finish().events] == [("aa+0x12/0x20", "aa_caller+0x1/0x9")]
