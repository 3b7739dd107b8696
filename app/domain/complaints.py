"""The words with which the kernel begins to complain, and the functions that only report: what a console is read by.

The forms are those of kernel/panic.c, lib/bug.c, kernel/cfi.c, each architecture's traps and faults, mm/kasan/report.c,
lib/ubsan.c, mm/slub.c, kernel/locking/lockdep.c, kernel/rcu/tree_stall.h and tasks.h, kernel/hung_task.c,
kernel/watchdog.c, mm/oom_kill.c and mm/kmemleak.c, old ones and new.
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


# With what a line may begin for each: looking at that first spares most lines most patterns.
_HEADS: tuple[tuple[ConsoleKind, tuple[str, ...], re.Pattern[str]], ...] = (
    (ConsoleKind.PANIC, ("Kernel panic",), re.compile(r"^Kernel panic - not syncing: ?(.*)")),
    (ConsoleKind.KASAN, ("BUG: KASAN",), re.compile(r"^BUG: (KASAN: .*)")),
    (ConsoleKind.UBSAN, ("UBSAN: ",), re.compile(r"^UBSAN: (.*)")),
    (
        ConsoleKind.SOFT_LOCKUP,
        ("watchdog: BUG", "NMI watchdog: BUG", "BUG: soft", "BUG: work"),
        re.compile(r"^(?:(?:NMI )?watchdog: )?BUG: (soft lockup|workqueue lockup) - "),
    ),
    (
        ConsoleKind.HARD_LOCKUP,
        ("watchdog: ", "NMI watchdog: "),
        re.compile(r"^(?:NMI )?watchdog: .*?(hard LOCKUP)(?: (?:on|@) .*)?$", re.IGNORECASE),
    ),
    (
        ConsoleKind.RCU_STALL,
        ("rcu: INFO: ", "INFO: rcu_"),
        re.compile(r"^(?:rcu: )?INFO: (rcu_\w+ (?:self-)?detected (?:expedited )?stalls?)"),
    ),
    (
        ConsoleKind.HUNG_TASK,
        ("INFO: task",),
        re.compile(r"^INFO: (task .{1,64}?):\d+ blocked .{0,40}?for more than"),
    ),
    (
        ConsoleKind.OOM,
        ("Memory cgroup out of", "Out of memory"),
        re.compile(r"^((?:Memory cgroup o|O)ut of memory[^:]{0,60}: Kill\w* process \d+ \(.{0,64}?\))"),
    ),
    (
        ConsoleKind.LEAK,
        ("unreferenced object", "kmemleak: unref"),
        re.compile(r"^(?:kmemleak: )?(unreferenced object) 0x[0-9a-f]+ \((?:percpu )?size \d+\):"),
    ),
    (ConsoleKind.LEAK, ("kmemleak: ",), re.compile(r"^kmemleak: (\d+ new suspected memory leaks)")),
    (
        ConsoleKind.LOCKDEP,
        ("WARNING: ", "[ BUG: ", "[ INFO: ", "INFO: trying"),
        re.compile(
            r"^(?:WARNING: |\[ BUG: |\[ INFO: |INFO: )((?:possible (?:circular locking|recursive locking|irq lock "
            r"inversion|unsafe)|inconsistent lock state|suspicious RCU usage|lock held when|bad unlock balance"
            r"|bad contention|Invalid wait context|\S+-safe -> \S+-unsafe lock order|Nested lock was not taken"
            r"|held lock freed|trying to register non-static key|.{1,64}/\d+ still has locks held).*?) ?\]?$"
        ),
    ),
    (
        ConsoleKind.OOPS,
        ("BUG: ", "CPU ", "kernel ", "unable to", "Unable to", "general protection", "Oops: ", "Internal error"),
        re.compile(
            r"^(?:BUG: |CPU \d+ )?([kK]ernel NULL pointer dereference.*?(?=, address: |$)|[uU]nable to handle .*"
            r"|kernel stack overflow.*|general protection fault.*|Oops: .*|Internal error: .*)"
        ),
    ),
    # Two BUG()s of one function are one where no condition is printed: their lines, and their offsets in the function,
    # move with each patch above them, and what only moved must not look like another complaint.
    (ConsoleKind.BUG, ("kernel BUG", "Kernel BUG"), re.compile(r"^[kK]ernel (BUG at (?:.{1,300}?:\d+(?=!)|\S+))")),
    (ConsoleKind.BUG, ("BUG: ",), re.compile(r"^BUG: (.+)")),
    (ConsoleKind.BUG, ("CFI failure",), re.compile(r"^(CFI failure at \S+)")),
    # Newer kernels print the condition before the place, where they were built to. It tells one function's warnings
    # apart, which their lines do not: patches move those.
    (
        ConsoleKind.WARNING,
        ("WARNING: ",),
        re.compile(
            r"^WARNING: (?:CPU: \d+ PID: \d+ at )?((?:\[.{1,200}?\] )?(?:\S+:\d+(?= )|[\w.]+\+0x[0-9a-f]+/\S+))"
        ),
    ),
)
_STARTS = tuple({start for _, starts, _ in _HEADS for start in starts})
_INVOKED = re.compile(r"^(.{1,64}? invoked oom-killer)")
_SLUB = re.compile(r"^BUG (\S{1,64}) \((?:Not tainted|Tainted: .{0,80}?)\): (.+)")
DIED = re.compile(r"^(.{3,300} \[#\d{1,4}\].*)")
"""Every architecture's die() ends its line with which oops since the boot it is, in this form."""
KEYWORDS = (
    b"BUG", b"Oops", b"WARNING: ", b"Kernel panic", b"UBSAN", b" fault", b"detected", b"for more than", b"ockup",
    b"LOCKUP", b"oom-killer", b"ut of memory", b"kmemleak: ", b"nable to handle", b"Internal error", b" [#",
    b"unreferenced object", b"INFO: ", b"CFI failure", b"[ cut here ]",
)  # fmt: skip
"""A line without any of these begins no complaint."""
LAST_WORDS = (b"Kernel panic",)

# Machinery between the fault and the report of it: says nothing about which fault it was.
_MACHINERY = re.compile(
    r"^(?:dump_stack(?:_lvl)?|show_stack|panic|vpanic|__warn(?:_printk)?|report_bug|handle_bug|exc_\w+|asm_\w+|oops_\w+"
    r"|die(?:_addr)?|__die\w*|page_fault_oops|no_context|kasan_\w+|print_\w*report\w*|__asan_\w+|check_region\w*"
    r"|print_address\w*|ubsan_epilogue|__ubsan_\w+|lockdep_\w+|lock_acquire|__lock_acquire|fixup_\w+|do_user_addr_fault"
    r"|ret_from_fork\w*|entry_SYSCALL\w*|do_syscall\w*|x64_sys_call|el[01]\w*|invoke_syscall|do_el0_svc"
    r"|print_\w*bug|check_noncircular|mark_lock\w*|refcount_warn_saturate|__(?:kasan|kfence|kmsan|msan|tsan)_\w+"
    # Who prints a stack, or checks a lock, where arm64, riscv or clang leave it a function of its own.
    r"|__dump_stack|(?:dump|unwind)_backtrace|walk_stackframe|do_trap_\w+|handle_exception|(?:report|handle)_cfi_failure"
    r"|validate_chain|check_prevs?_add|check_irq_usage|check_usage\w*|check_deadlock|mark_held_locks|mark_usage|valid_state"
    r"|print_bad_irq_dependency|print_lock_\w+|register_lock_class|assign_lock_key|_{0,2}lock_release|__hwasan_\w+"
    r"|handle_overflow|__list_(?:add|del)\w*_valid\w*|debug_print_object|_{0,2}debug_check_no_obj_freed"
    # What complains of a context, waits, or takes a lock: whoever called it is the one to be named.
    r"|_{2,3}might_\w+|__schedule\w*|schedule\w*|preempt_schedule\w*|io_schedule\w*|__switch_to\w*|__wait_for_common"
    r"|wait_for_completion\w*|check_preemption_disabled|\w*debug_smp_processor_id|spin_(?:dump|bug)|do_raw_\w+"
    r"|_raw_(?:spin|read|write)_\w+|\w*queued_spin_lock\w*|__mutex_lock\w*|mutex_lock\w*|rwsem_\w+|_{0,2}down_\w+"
    # The clock's tick and the interrupt of another CPU in which a lockup is found.
    r"|rcu_dump_cpu_stacks|rcu_sched_clock_irq|print_cpu_stall\w*|update_process_times|tick_\w+|_*hrtimer_(?:run_queues|interrupt)"
    r"|\w*sysvec_\w+|nmi_\w+|\w*nmi_handler|watchdog_\w+|arch_timer_\w+|handle_percpu_\w+|gic_handle_irq"
    # Who looks for memory, or through it.
    r"|dump_header|oom_kill_process|out_of_memory|__alloc_\w*pages\w*|alloc_pages\w*|mem_cgroup_out_of_memory|try_charge\w*"
    r"|slab_(?:err|fix|bug)|object_err|check_(?:bytes_and_report|object|slab)|\w+_(?:debug_processing|consistency_checks)"
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
    if slub := _SLUB.match(text):
        return ConsoleKind.BUG, f"{slub[1]}: {slub[2]}"
    if "invoked oom-killer" in text and (invoked := _INVOKED.match(text)):
        return ConsoleKind.OOM, invoked[1]
    died = DIED.match(text) if " [#" in text else None
    return None if died is None else (ConsoleKind.OOPS, died[1])


def telling(functions: Sequence[str]) -> list[str]:
    """Return the functions that say which fault it was; all of them if each only reports."""
    return [name for name in functions if not _MACHINERY.match(name)] or list(functions)
