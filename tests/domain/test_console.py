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
