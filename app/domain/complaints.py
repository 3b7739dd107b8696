"""The words with which the kernel begins to complain, and the functions that only report: what a console is read by.

The forms are those of kernel/panic.c, lib/bug.c, arch/x86/kernel/dumpstack.c, mm/kasan/report.c, lib/ubsan.c,
kernel/locking/lockdep.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, kernel/watchdog.c, mm/oom_kill.c and
mm/kmemleak.c.
"""

import re
from collections.abc import Sequence
from enum import StrEnum


class ConsoleKind(StrEnum):
    """What the kernel complained of."""

    PANIC = "panic"
    OOPS = "oops"
    BUG = "BUG"
    WARNING = "WARNING"
    KASAN = "KASAN"
    UBSAN = "UBSAN"
    LOCKDEP = "lockdep"
    RCU_STALL = "RCU stall"
    HUNG_TASK = "hung task"
    SOFT_LOCKUP = "soft lockup"
    HARD_LOCKUP = "hard lockup"
    OOM = "OOM"
    LEAK = "memory leak"

    @property
    def depends_on_load(self) -> bool:
        """Whether a slow or busy host alone can bring it about, so that it proves nothing by itself."""
        return self in {
            ConsoleKind.RCU_STALL,
            ConsoleKind.HUNG_TASK,
            ConsoleKind.SOFT_LOCKUP,
            ConsoleKind.HARD_LOCKUP,
            ConsoleKind.OOM,
        }


_OOPS = (
    "kernel NULL", "unable to handle", "kernel stack", "Unable to handle", "general protection", "Oops: ",
    "Internal error: ", "divide error: ", "stack segment: ", "double fault: ", "invalid opcode: ", "int3: ",
)  # fmt: skip
# With what a line may begin for each: looking at that first spares most lines most patterns.
_HEADS: tuple[tuple[ConsoleKind, tuple[str, ...], re.Pattern[str]], ...] = (
    (ConsoleKind.PANIC, ("Kernel panic",), re.compile(r"^Kernel panic - not syncing: ?(.*)")),
    (ConsoleKind.KASAN, ("BUG: K",), re.compile(r"^BUG: (K(?:A|C|M)SAN: .*|KFENCE: .*)")),
    (ConsoleKind.UBSAN, ("UBSAN: ",), re.compile(r"^UBSAN: (.*)")),
    (
        ConsoleKind.SOFT_LOCKUP,
        ("watchdog: BUG", "BUG: soft", "BUG: work"),
        re.compile(r"^(?:watchdog: )?BUG: (soft lockup|workqueue lockup) - "),
    ),
    (
        ConsoleKind.HARD_LOCKUP,
        ("watchdog: ", "NMI watchdog: "),
        re.compile(r"^(?:NMI )?watchdog: .*(hard LOCKUP)", re.IGNORECASE),
    ),
    (
        ConsoleKind.RCU_STALL,
        ("rcu: INFO",),
        re.compile(r"^rcu: INFO: (rcu_\w+ (?:self-)?detected (?:expedited )?stalls?)"),
    ),
    (ConsoleKind.HUNG_TASK, ("INFO: task",), re.compile(r"^INFO: (task \S+?):\d+ blocked for more than")),
    (
        ConsoleKind.OOM,
        ("Memory cgroup out of", "Out of memory"),
        re.compile(r"^(?:Memory cgroup o|O)(ut of memory): Kill"),
    ),
    (
        ConsoleKind.LEAK,
        ("unreferenced object", "kmemleak: unref"),
        re.compile(r"^(?:kmemleak: )?(unreferenced object) 0x[0-9a-f]+ \((?:percpu )?size \d+\):"),
    ),
    (ConsoleKind.LEAK, ("kmemleak: ",), re.compile(r"^kmemleak: (\d+ new suspected memory leaks)")),
    (
        ConsoleKind.LOCKDEP,
        ("WARNING: ", "[ BUG: "),
        re.compile(
            r"^(?:WARNING: |\[ BUG: )((?:possible (?:circular locking|recursive locking|irq lock inversion|unsafe)"
            r"|inconsistent lock state|suspicious RCU usage|lock held when|bad unlock balance|Invalid wait context"
            r"|\S+-safe -> \S+-unsafe lock order|Nested lock was not taken|held lock freed).*?) ?\]?$"
        ),
    ),
    (
        ConsoleKind.OOPS,
        ("BUG: ", *_OOPS),
        re.compile(
            r"^(?:BUG: )?(kernel NULL pointer dereference|unable to handle .*|kernel stack overflow.*"
            r"|Unable to handle kernel .*|general protection fault.*|Oops: .*|Internal error: .*|divide error: .*"
            r"|stack segment: .*|double fault: .*|invalid opcode: .*|int3: .*)"
        ),
    ),
    (ConsoleKind.BUG, ("kernel BUG",), re.compile(r"^kernel (BUG at \S+?)!")),
    (ConsoleKind.BUG, ("BUG: ",), re.compile(r"^BUG: (.+)")),
    (ConsoleKind.WARNING, ("WARNING: ",), re.compile(r"^WARNING: (?:CPU: \d+ PID: \d+ at )?(\S+:\d+) ?(?:at )?.*")),
)
_STARTS = tuple({start for _, starts, _ in _HEADS for start in starts})
_INVOKED = re.compile(r"^(\S+ invoked oom-killer)")
KEYWORDS = (
    b"BUG", b"Oops", b"WARNING: ", b"Kernel panic", b"UBSAN", b" fault", b"detected", b"blocked for more", b"ockup",
    b"LOCKUP", b"oom-killer", b"ut of memory", b"kmemleak: ", b"divide error", b"nable to handle", b"stack segment",
    b"Internal error", b"invalid opcode", b"int3: ", b"unreferenced object",
)  # fmt: skip
"""A line without any of these begins no complaint."""
LAST_WORDS = (b"Kernel panic",)

# Machinery between the fault and the report of it: says nothing about which fault it was.
_MACHINERY = re.compile(
    r"^(?:dump_stack(?:_lvl)?|show_stack|panic|vpanic|__warn(?:_printk)?|report_bug|handle_bug|exc_\w+|asm_\w+|oops_\w+"
    r"|die(?:_addr)?|__die\w*|page_fault_oops|no_context|kasan_\w+|print_\w*report\w*|__asan_\w+|check_region\w*"
    r"|print_address\w*|ubsan_epilogue|__ubsan_\w+|lockdep_\w+|lock_acquire|__lock_acquire|fixup_\w+|do_user_addr_fault"
    r"|ret_from_fork\w*|entry_SYSCALL\w*|do_syscall\w*|x64_sys_call"
    r"|kmemleak_\w+|create_object|__create_object|__?_?k[vz]?malloc\w*|kmem_cache_alloc\w*|__kmem_cache_alloc\w*"
    r"|kv?zalloc\w*|krealloc\w*|__vmalloc\w*|vmalloc\w*|vzalloc\w*|pcpu_alloc\w*|__alloc_percpu\w*|slab_post_alloc\w*)"
    r"(?:\.\w+)*$"
)


def head_of(text: str) -> tuple[ConsoleKind, str] | None:
    """Return what a line (without its timestamp) begins to complain of, and in which words; None for any other."""
    if text.startswith(_STARTS):
        for kind, starts, pattern in _HEADS:
            if text.startswith(starts) and (found := pattern.match(text)):
                return kind, found[1] or text
    invoked = _INVOKED.match(text) if "invoked oom-killer" in text else None
    return None if invoked is None else (ConsoleKind.OOM, invoked[1])


def telling(functions: Sequence[str]) -> list[str]:
    """Return the functions that say which fault it was; all of them if each only reports."""
    return [name for name in functions if not _MACHINERY.match(name)] or list(functions)
