"""What kernels of all architectures, old and new, begin to complain with."""

import pytest

from app.domain.complaints import KEYWORDS, ConsoleKind, head_of, telling

LOCKDEP, OOPS, BUG, STALL = ConsoleKind.LOCKDEP, ConsoleKind.OOPS, ConsoleKind.BUG, ConsoleKind.RCU_STALL


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("INFO: rcu_sched self-detected stall on CPU", STALL, "rcu_sched self-detected stall"),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", STALL, "rcu_preempt self-detected stall"),
        (
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-.... } 21002 jiffies s: 89",
            STALL,
            "rcu_preempt detected expedited stalls",
        ),
        ("INFO: rcu_tasks_trace detected stalls on tasks:", STALL, "rcu_tasks_trace detected stalls"),
        ("INFO: task my prog:91 blocked for more than 122 seconds.", ConsoleKind.HUNG_TASK, "task my prog"),
        ("INFO: task a:b:9 blocked in I/O wait for more than 122 seconds.", ConsoleKind.HUNG_TASK, "task a:b"),
        ("NMI watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:1]", ConsoleKind.SOFT_LOCKUP, "soft lockup"),
        (
            "watchdog: CPU 3 self-detected hard LOCKUP @ plpar_hcall_norets+0x1c/0x28",
            ConsoleKind.HARD_LOCKUP,
            "hard LOCKUP",
        ),
        ("watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1", ConsoleKind.HARD_LOCKUP, "hard LOCKUP"),
        ("watchdog: CPU 3 Hard LOCKUP", ConsoleKind.HARD_LOCKUP, "Hard LOCKUP"),
        (
            "Memory cgroup out of memory: Killed process 99 (a b) total-vm:1kB",
            ConsoleKind.OOM,
            "Memory cgroup out of memory: Killed process 99 (a b)",
        ),
        (
            "Out of memory (oom_kill_allocating_task): Killed process 9 (a) total-vm:1kB",
            ConsoleKind.OOM,
            "Out of memory (oom_kill_allocating_task): Killed process 9 (a)",
        ),
        ("my prog invoked oom-killer: gfp_mask=0xcc0", ConsoleKind.OOM, "my prog invoked oom-killer"),
        ("BUG kmalloc-64 (Tainted: G  B  OE ): Poison overwritten", BUG, "kmalloc-64: Poison overwritten"),
        ("BUG kmalloc-64 (Not tainted): Poison overwritten", BUG, "kmalloc-64: Poison overwritten"),
        ("BUG: KFENCE: memory corruption in frob+0x1/0x9", BUG, "KFENCE: memory corruption in frob+0x1/0x9"),
        ("BUG: KCSAN: data-race in frob / other", BUG, "KCSAN: data-race in frob / other"),
        ("BUG: KMSAN: uninit-value in frob+0x1/0x9", BUG, "KMSAN: uninit-value in frob+0x1/0x9"),
        (
            "BUG: TASK stack guard page was hit at ffff (stack is x)",
            BUG,
            "TASK stack guard page was hit at ffff (stack is x)",
        ),
        ("kernel BUG at [x == NULL] mm/frob.c:12!", BUG, "BUG at [x == NULL] mm/frob.c:12"),
        ("Kernel BUG at frob+0x1/0x9 [verbose debug info unavailable]", BUG, "BUG at frob+0x1/0x9"),
        ("CFI failure at frob+0x1/0x9 (target: cb+0x0/0x5; expected type: 0x1)", BUG, "CFI failure at frob+0x1/0x9"),
        ("WARNING: a b/88 still has locks held!", LOCKDEP, "a b/88 still has locks held!"),
        ("INFO: trying to register non-static key.", LOCKDEP, "trying to register non-static key."),
        ("[ BUG: Invalid wait context ]", LOCKDEP, "Invalid wait context"),
        ("[ INFO: possible recursive locking detected ]", LOCKDEP, "possible recursive locking detected"),
        (
            "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
            LOCKDEP,
            "HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
        ),
        ("WARNING: bad contention detected!", LOCKDEP, "bad contention detected!"),
        ("WARNING: [p == NULL] mm/x.c:12 at frob+0x1/0x9, CPU#0: a/7", ConsoleKind.WARNING, "[p == NULL] mm/x.c:12"),
        ("WARNING: CPU: 0 PID: 1 at [a < 0] mm/x.c:12 frob+0x1/0x9", ConsoleKind.WARNING, "[a < 0] mm/x.c:12"),
        ("WARNING: CPU: 0 PID: 1 at frob+0x1/0x9", ConsoleKind.WARNING, "frob+0x1/0x9"),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000018", OOPS, "kernel NULL pointer dereference"),
        (
            "BUG: Kernel NULL pointer dereference on read at 0x00000000",
            OOPS,
            "Kernel NULL pointer dereference on read at 0x00000000",
        ),
        ("BUG: Unable to handle kernel instruction fetch", OOPS, "Unable to handle kernel instruction fetch"),
        ("CPU 0 Unable to handle kernel paging request at x", OOPS, "Unable to handle kernel paging request at x"),
        ("divide error: 0000 [#1] PREEMPT SMP", OOPS, "divide error: 0000 [#1] PREEMPT SMP"),
        ("illegal operation: 0001 ilc:1 [#3] SMP", OOPS, "illegal operation: 0001 ilc:1 [#3] SMP"),
        ("Oops: Kernel access of bad area, sig: 11 [#1]", OOPS, "Oops: Kernel access of bad area, sig: 11 [#1]"),
        ("Kernel panic - not syncing: ", ConsoleKind.PANIC, "Kernel panic - not syncing: "),
    ],
)
def test_heads(line: str, kind: ConsoleKind, words: str) -> None:
    assert head_of(line) == (kind, words)
    assert any(word in line.encode() for word in KEYWORDS)


@pytest.mark.parametrize(
    "line",
    [
        "rcu: rcu_preempt kthread starved for 2100 jiffies! g123 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0",
        "rcu_tasks_wait_gp: rcu_tasks grace period number 9 (since boot) is 2146 jiffies old.",
        "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
        "watchdog: hard lockup detector is off",
        "INFO: lockdep is turned off.",
        "WARNING: polling idle and HT enabled, performance may degrade",
        "traps: test_progs[88] general protection fault ip:401000 sp:7ffc error:0",
        "bpf: x[#1] y",
    ],
)
def test_what_begins_no_complaint(line: str) -> None:
    assert head_of(line) is None


@pytest.mark.parametrize(
    "before",
    [
        ["dump_stack_lvl", "__might_resched"],
        ["dump_stack_lvl", "__schedule_bug", "__schedule", "schedule"],
        ["__schedule", "schedule", "schedule_preempt_disabled", "__mutex_lock.constprop.0"],
        ["refcount_warn_saturate"],
        ["dump_stack_lvl", "spin_bug", "do_raw_spin_lock", "_raw_spin_lock_irqsave"],
        ["dump_stack_lvl", "print_circular_bug", "check_noncircular", "__lock_acquire", "lock_acquire"],
        ["dump_backtrace", "show_stack", "dump_stack_lvl", "dump_stack", "__might_resched"],
        ["__dump_stack", "dump_stack_lvl", "print_report", "kasan_report", "__hwasan_load8_noabort"],
        ["walk_stackframe", "dump_backtrace", "show_stack", "do_trap_break", "handle_exception"],
        ["unwind_backtrace", "show_stack", "dump_stack_lvl", "__warn"],
        ["dump_stack_lvl", "print_circular_bug", "check_prev_add", "validate_chain", "__lock_acquire", "lock_acquire"],
        ["print_bad_irq_dependency", "check_irq_usage", "check_prevs_add", "__lock_acquire"],
        ["print_usage_bug", "valid_state", "mark_lock_irq", "mark_held_locks", "lockdep_hardirqs_on_prepare"],
        ["dump_stack_lvl", "assign_lock_key", "register_lock_class", "__lock_acquire"],
        ["print_unlock_imbalance_bug", "__lock_release", "lock_release", "_raw_spin_unlock"],
        ["report_cfi_failure", "handle_cfi_failure"],
        ["handle_overflow", "__ubsan_handle_add_overflow"],
        ["__list_del_entry_valid_or_report"],
        ["debug_print_object", "__debug_check_no_obj_freed", "debug_check_no_obj_freed"],
        ["dump_stack_lvl", "dump_header", "oom_kill_process", "out_of_memory", "__alloc_pages_noprof"],
    ],
)
def test_who_only_reports_or_waits_is_not_named(before: list[str]) -> None:
    assert telling([*before, "frob", "vfs_read"]) == ["frob", "vfs_read"]
    assert telling(before) == before
