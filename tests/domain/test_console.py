import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.console import MAX_EVENTS, ConsoleKind, ConsoleScanner, scan_console

OOPS = """\
[    3.100000] Run /init as init process
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   12.345700] #PF: supervisor read access in kernel mode
[   12.345710] Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI
[   12.345720] CPU: 1 UID: 0 PID: 88 Comm: test_progs Not tainted 6.12.0 #1
[   12.345730] RIP: 0010:frob_iter_next+0x1c/0x60
[   12.345740] Code: 48 8b 47 18 0f 1f
[   12.345750] Call Trace:
[   12.345760]  <TASK>
[   12.345770]  ? __die+0x20/0x70
[   12.345780]  bpf_seq_read+0x1a2/0x4b0
[   12.345790]  vfs_read+0xb4/0x320
[   12.345800]  </TASK>
[   12.345810] ---[ end trace 0000000000000000 ]---
[   12.400000] Kernel panic - not syncing: Fatal exception
[   12.400010] Kernel Offset: disabled
[   12.400020] ---[ end Kernel panic - not syncing: Fatal exception ]---
"""


def test_an_oops_and_the_panic_after_it() -> None:
    oops, panic = scan_console(OOPS)
    assert (oops.kind, oops.title, oops.line) == (
        ConsoleKind.OOPS,
        "oops: kernel NULL pointer dereference in frob_iter_next",
        2,
    )
    assert oops.frames == ("frob_iter_next+0x1c/0x60", "bpf_seq_read+0x1a2/0x4b0", "vfs_read+0xb4/0x320")
    assert oops.excerpt.startswith("BUG: kernel NULL pointer dereference")
    assert oops.excerpt.endswith("---[ end trace 0000000000000000 ]---")
    assert (panic.kind, panic.title) == (ConsoleKind.PANIC, "panic: Fatal exception")


def test_the_fingerprint_does_not_move_with_time_address_cpu_or_build() -> None:
    moved = (
        OOPS.replace("[   12.3", "[  999.3")
        .replace("0000000000000018", "00000000deadbeef")
        .replace("CPU: 1", "CPU: 7")
        .replace("frob_iter_next+0x1c/0x60", "frob_iter_next+0x2d/0x74")
    )
    assert [e.fingerprint for e in scan_console(moved)] == [e.fingerprint for e in scan_console(OOPS)]
    elsewhere = OOPS.replace("frob_iter_next", "other_iter_next")
    assert scan_console(elsewhere)[0].fingerprint != scan_console(OOPS)[0].fingerprint


@pytest.mark.parametrize(
    ("text", "kind", "title"),
    [
        (
            "WARNING: CPU: 0 PID: 77 at kernel/bpf/verifier.c:1204 check_frob+0x12/0x90",
            ConsoleKind.WARNING,
            "WARNING: kernel/bpf/verifier.c:1204 in check_frob",
        ),
        (
            "WARNING: kernel/bpf/verifier.c:1204 at check_frob+0x12/0x90, CPU#0: test_progs/77",
            ConsoleKind.WARNING,
            "WARNING: kernel/bpf/verifier.c:1204 in check_frob",
        ),
        (
            "BUG: KASAN: slab-out-of-bounds in frob_copy+0x33/0x80",
            ConsoleKind.KASAN,
            "KASAN: slab-out-of-bounds in frob_copy+0x33/0x80",
        ),
        (
            "UBSAN: array-index-out-of-bounds in kernel/bpf/frob.c:12:3",
            ConsoleKind.UBSAN,
            "UBSAN: array-index-out-of-bounds in kernel/bpf/frob.c:12:3",
        ),
        (
            "WARNING: possible circular locking dependency detected",
            ConsoleKind.LOCKDEP,
            "lockdep: possible circular locking dependency detected",
        ),
        ("WARNING: suspicious RCU usage", ConsoleKind.LOCKDEP, "lockdep: suspicious RCU usage"),
        (
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            ConsoleKind.RCU_STALL,
            "RCU stall: rcu_preempt detected stalls",
        ),
        (
            "INFO: task test_progs:91 blocked for more than 122 seconds.",
            ConsoleKind.HUNG_TASK,
            "hung task: task test_progs",
        ),
        (
            "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [test_progs:88]",
            ConsoleKind.SOFT_LOCKUP,
            "soft lockup",
        ),
        ("BUG: workqueue lockup - pool cpus=0 node=0", ConsoleKind.SOFT_LOCKUP, "soft lockup: workqueue lockup"),
        ("test_maps invoked oom-killer: gfp_mask=0xcc0", ConsoleKind.OOM, "OOM: test_maps invoked oom-killer"),
        (
            "BUG: sleeping function called from invalid context at kernel/frob.c:3",
            ConsoleKind.BUG,
            "BUG: sleeping function called from invalid context at kernel/frob.c:3",
        ),
        ("kernel BUG at kernel/bpf/frob.c:99!", ConsoleKind.BUG, "BUG at kernel/bpf/frob.c:99"),
        (
            "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            ConsoleKind.LEAK,
            "memory leak: 3 new suspected memory leaks",
        ),
        (
            "Kernel panic - not syncing: VFS: Unable to mount root fs",
            ConsoleKind.PANIC,
            "panic: VFS: Unable to mount root fs",
        ),
        (
            "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]",
            ConsoleKind.OOPS,
            "oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]",
        ),
    ],
)
def test_kinds(text: str, kind: ConsoleKind, title: str) -> None:
    events = scan_console(f"[    1.000000][   T91] {text}\r\n[    1.100000] fine\r\n")
    assert [(event.kind, event.title) for event in events] == [(kind, title)]


@pytest.mark.parametrize(
    "text",
    [
        "bpf_testmod: loading out-of-tree module taints kernel.",
        "Command line: console=ttyS0 panic=-1 oops=panic",
        "DEBUG: nothing",
        "x86/fpu: Supporting XSAVE feature 0x001",
        "tsc: Detected 2100.000 MHz processor",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled",
    ],
)
def test_what_is_no_event(text: str) -> None:
    assert scan_console(f"[    0.000000] {text}\n") == ()


TRACE = """\
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 frob_store+0x1a2/0x4b0
 </TASK>
"""
CUT = "------------[ cut here ]------------\n"
END = "---[ end trace 0000000000000000 ]---\n"


def test_what_warn_says_is_told_and_tells_warnings_apart() -> None:
    text = "WARNING: CPU: {} PID: 8 at lib/refcount.c:{} refcount_warn_saturate+0xb/0x9\n" + TRACE + END
    one = CUT + "refcount_t: underflow; use-after-free.\n" + text.format(0, 28)
    other = CUT + "refcount_t: saturated; leaking memory.\n" + text.format(1, 22)
    events = scan_console(one + other + CUT + text.format(0, 9) + CUT + "noise\n" * 9 + text.format(0, 9))
    assert [event.title for event in events] == [
        "WARNING: lib/refcount.c:28 in frob_store: refcount_t: underflow; use-after-free.",
        "WARNING: lib/refcount.c:22 in frob_store: refcount_t: saturated; leaking memory.",
        "WARNING: lib/refcount.c:9 in frob_store",
    ]
    assert [event.count for event in events] == [1, 1, 2]
    assert [event.line for event in events][:2] == [3, 12]


def test_a_report_ends_at_its_border_and_an_oops_after_it_is_another() -> None:
    border = "=" * 66 + "\n"
    report = border + "BUG: KASAN: slab-use-after-free in frob_store+0x33/0x80\n" + TRACE + "Freed by task 8:\n"
    kasan, oops = scan_console(report + border + "Disabling lock debugging\n" + OOPS.replace("Kernel panic", ""))
    assert (kasan.kind, oops.kind) == (ConsoleKind.KASAN, ConsoleKind.OOPS)
    assert kasan.excerpt.endswith("Freed by task 8:")
    assert kasan.frames == ("dump_stack_lvl+0x5d/0x80", "frob_store+0x1a2/0x4b0")


def test_a_complaint_that_the_kernel_survives_ends_with_its_trace() -> None:
    bug = "BUG: sleeping function called from invalid context at mm/x.c:3\n" + TRACE
    (event,) = scan_console(bug + "another driver is loaded\n other+0x1/0x2\n")
    assert event.excerpt.endswith("</TASK>")
    assert event.frames == ("dump_stack_lvl+0x5d/0x80", "frob_store+0x1a2/0x4b0")
    arm = bug.replace(" <TASK>\n", "").replace(" </TASK>\n", "")
    second = "Unable to handle kernel paging request at virtual address ffff0000\nInternal error: Oops: 96000004 [#1]\n"
    assert [event.kind for event in scan_console(arm + second + "Internal error: Oops: 96000004 [#2]\n")] == [
        ConsoleKind.BUG,
        ConsoleKind.OOPS,
        ConsoleKind.OOPS,
    ]


def test_one_event_for_an_oom_however_long_its_report() -> None:
    called = "test_maps invoked oom-killer: gfp_mask=0xcc0\n" + TRACE + "Mem-Info:\n" + "Node 0 hi:1\n" * 500
    killed = "Out of memory: Killed process 99 (test_maps) total-vm:1kB\n"
    (event,) = scan_console(called + killed + "oom_reaper: reaped process 99\n")
    assert event.title == "OOM: test_maps invoked oom-killer in frob_store"
    assert event.excerpt.endswith(killed.strip())
    assert event.excerpt.count("\n") == 119
    (alone,) = scan_console(killed)
    assert alone.title == "OOM: Out of memory: Killed process 99 (test_maps)"


def test_lockdeps_event_is_about_the_last_of_its_traces() -> None:
    head = "WARNING: possible circular locking dependency detected\n-> #1 (&b->lock){+.+.}-{3:3}:\n"
    before = "       lock_acquire+0xd1/0x2e0\n       other+0x1/0x9\n"
    (event,) = scan_console(head + before + "stack backtrace:\n" + TRACE)
    assert event.title == "lockdep: possible circular locking dependency detected in frob_store"


def test_a_race_is_the_same_from_either_side() -> None:
    head = "BUG: KCSAN: data-race in frob / other\n\n"
    sides = [
        "write to 0xffff888101 of 4 bytes by task 88 on cpu 0:\n frob+0x1/0x2\n\n",
        "read to it:\n other+0x1/0x2\n\n",
    ]
    one, two = (scan_console(head + "".join(order) + "=" * 66) for order in (sides, sides[::-1]))
    assert [event.fingerprint for event in one] == [event.fingerprint for event in two]
    assert one[0].title == "BUG: KCSAN: data-race in frob / other"


@pytest.mark.parametrize(
    "frame",
    [
        " frob+0x1/0x2 [bpf_testmod]",
        " frob+0x1/0x2 [bpf_testmod 0123456789abcdef0123456789abcdef01234567]",
        " frob+0x1/0x2 (P)",
        " [<0000023f2a3d5b6e>] frob+0x1/0x2 ",
        "([<0000023f2a3d5b6e>] frob+0x1/0x2)",
        "[c000000001] [c000000002] frob+0x1/0x2 (unreliable)",
        " frob+0x1/0x2 kernel/bpf/frob.c:12",
        " frob+0x1/0x2 (kernel/bpf/frob.c:12 (discriminator 3))",
        "RIP: 0010:frob+0x1/0x2",
        "RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] frob+0x1/0x2",
        "EIP: frob+0x1/0x2",
        "pc : frob+0x1/0x2",
        "epc : frob+0x1/0x2",
        "NIP [c000000000123456] frob+0x1/0x2",
        "Krnl PSW : 0704c00180000000 0000023f2a3d5b6e (frob+0x1/0x2)",
    ],
)
def test_frames_of_all_architectures(frame: str) -> None:
    (event,) = scan_console(f"BUG: x\n{frame}\n ? not_this+0x1/0x2\n")
    assert event.frames == ("frob+0x1/0x2",)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[   12.345678] ",
        "[   12.345678][   T91] ",
        "[   12.345678][    C0] ",
        "[    C0] ",
        "<4>[   12.345678] ",
        "<12>[   12.345678] ",
        "[Mon Nov  2 10:00:01 2026] ",
        "[  +0.000012] ",
        "Nov  2 10:00:01 host kernel: ",
        "Nov 02 10:00:01.123456 host kernel: ",
        "[   12.345678] host kernel: ",
        "1793613601.123456 host kernel: ",
        "Mon 2026-11-02 10:00:01 UTC host kernel: ",
        "2026-11-02T10:00:01,123456+00:00 ",
        "2026-11-02T10:00:01,123456+0000 [   T91] ",
        "[  520.845678] [   T3919] ",
        "[   12.345678 <    0.000012>] ",
        "2026-11-02T10:00:01.123456+00:00 host kernel: [   12.345678] ",
        "kern  :warn  : [   12.345678] ",
        "4,1234,12345678,-;",
    ],
)
def test_what_stands_before_a_line(before: str) -> None:
    events = scan_console(f"{before}BUG: x\r\n{before} frob+0x1/0x2\r\n")
    assert [(event.title, event.excerpt.replace(" ", "")) for event in events] == [
        ("BUG: x in frob", "BUG:x\nfrob+0x1/0x2")
    ]


def test_a_complaint_behind_words_without_a_newline() -> None:
    text = "#12/3    name/sub:[   12.345678][   T91] BUG: KASAN: bad in frob+0x1/0x2\n"
    (event,) = scan_console("login: " + text)
    assert (event.title, event.excerpt) == ("KASAN: bad in frob+0x1/0x2", "BUG: KASAN: bad in frob+0x1/0x2")


def test_the_fingerprint_does_not_move_with_numbers_of_any_base() -> None:
    page = "BUG: Bad page state in process test_progs  pfn:{}\n"
    first = "general protection fault, probably for non-canonical address {}: 0000 [#1] PREEMPT SMP\n"
    events = scan_console(page.format("1a2b3") + page.format("fffff") + first.format("0xdead") + first.format("0x1"))
    assert [event.count for event in events] == [2, 2]
    other = scan_console(first.format("0xdead").replace("PREEMPT", "PREEMPT_RT").replace("#1", "#7"))
    assert other[0].fingerprint == events[1].fingerprint


def test_recursion_of_any_depth_is_one_event() -> None:
    frames = "".join(f" frob+0x{n:x}/0x99\n" for n in range(1, 9))
    events = scan_console(f"BUG: x\n{frames[:30]} a+0x1/0x2\n{END}BUG: x\n{frames} a+0x1/0x2\n{END}")
    assert [event.count for event in events] == [2]


def test_the_same_warning_again_is_counted() -> None:
    warning = "WARNING: CPU: {} PID: 77 at kernel/bpf/frob.c:{} frob+0x12/0x90\n---[ end trace 0 ]---\n"
    events = scan_console(warning.format(0, 5) + warning.format(1, 5))
    assert [event.count for event in events] == [2]


def test_a_flood_is_bounded_and_userspace_is_seen() -> None:
    scanner = ConsoleScanner()
    for letter in range(400):
        name = "".join(chr(97 + int(digit)) for digit in str(letter))
        scanner.feed(f"BUG: strange thing {name}\n".encode())
    assert not scanner.reached_userspace
    scanner.feed(b"[ 1.0] Run /init as init pro")
    scanner.feed(b"cess\n")
    report = scanner.finish()
    assert report.reached_userspace
    assert len(report.events) == MAX_EVENTS
    assert report.dropped == 400 - MAX_EVENTS


@given(
    lines=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(OOPS.encode().splitlines())), max_size=40),
    size=st.integers(1, 300),
)
def test_pieces_of_any_size_read_alike(lines: list[bytes], size: int) -> None:
    data = b"\n".join(lines)
    scanner = ConsoleScanner()
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    assert scanner.finish().events == scan_console(data)
