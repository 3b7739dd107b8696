"""Which stack of a report counts, which of its lines are frames, and whose words a warning's are."""

import pytest

from app.domain.console import ConsoleEvent, scan_console

CUT = "------------[ cut here ]------------\n"
END = "---[ end trace 0000000000000000 ]---\n"
KASAN = "BUG: KASAN: slab-use-after-free in frob_free+0x14/0x30\nRead of size 8 at addr ffff8881 by task a/5\n"
FREED = "Freed by task 5:\n kasan_save_stack+0x2/0x5\n kfree+0x1/0x9\n"
BOUGHT = "Allocated by task 5{}:\n kasan_save_stack+0x2/0x5\n {}+0x1/0x9\n"
BORDER = "=" * 60 + "\n"


def only(text: str) -> ConsoleEvent:
    (event,) = scan_console(text)
    return event


def names(text: str) -> list[str]:
    return [frame.partition("+")[0] for frame in only(text).frames]


@pytest.mark.parametrize("tags", [(" <TASK>\n", " </TASK>\n"), ("", "")])
@pytest.mark.parametrize("when", ["", " on cpu 1 at 8.123s"])
def test_who_allocated_and_freed_it_does_not_count(tags: tuple[str, str], when: str) -> None:
    stack = f"Call Trace:\n{tags[0]} kasan_report+0xb4/0x100\n frob_free+0x14/0x30\n worker+0x1/0x9\n{tags[1]}\n"
    one, other = (KASAN + stack + BOUGHT.format(when, who) + FREED + BORDER for who in ("by_link", "by_attach"))
    assert names(one) == ["kasan_report", "frob_free", "worker"]
    assert only(one).fingerprint == only(other).fingerprint
    assert "by_link+0x1/0x9" in only(one).excerpt


@pytest.mark.parametrize(
    "heading",
    [
        "The buggy address belongs to the variable:",
        "Last potentially related work creation:",
        "Second to last potentially related work creation:",
        "allocated by task 507 on cpu 2 at 18.8s:",
        "kfence-#76 [0x01-0x02, size=32, cache=kmalloc-32] allocated by task 507:",
        "Uninit was created at:",
        "Local variable x created at:",
        "Last Breaking-Event-Address:",
    ],
)
def test_what_stands_below_another_heading_does_not_count(heading: str) -> None:
    assert names(f"BUG: x\n frob+0x1/0x9\n caller+0x1/0x9\n\n{heading}\n other+0x1/0x9\n") == ["frob", "caller"]


def test_the_trace_counts_that_comes_after_the_owner_of_a_page() -> None:
    owner = (
        "page last allocated via order 0, ts 12:\n post_alloc+0x1/0x9\npage last free pid 5 stack trace:\n x+0x1/0x9\n"
    )
    trace = "CPU: 0 PID: 5 Comm: a\nCall Trace:\n <TASK>\n bad_one+0x1/0x9\n frob+0x1/0x9\n </TASK>\n"
    assert names("BUG: Bad page state in process a  pfn:1a2b3\n" + owner + trace) == ["bad_one", "frob"]


@pytest.mark.parametrize(
    "second",
    [
        "Call trace:\n other+0x1/0x9\n",
        "task:rcu_preempt state:R  running task     stack:0\nCall trace:\n other+0x1/0x9\n",
        "NMI backtrace for cpu 2\nCPU: 2 PID: 9\npc : other+0x1/0x9\nCall trace:\n other+0x1/0x9\n",
        "Sending NMI from CPU 0 to CPUs 2:\npc : other+0x1/0x9\n",
    ],
)
def test_the_first_stack_of_a_stall_is_the_stalled_one(second: str) -> None:
    head = (
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\nrcu: \t1-...!: idle=a\nSending NMI from CPU 0 to 1:\n"
    )
    arm = "NMI backtrace for cpu 1\nCPU: 1 PID: 3\npc : spin+0x1/0x9\nCall trace:\n spin+0x1/0x9 (P)\n loop+0x1/0x9\n"
    assert names(head + arm + second) == ["spin", "loop"]
    nmi = "RIP: 0010:spin+0x1/0x9\nCall Trace:\n <NMI>\n nmi_cpu_backtrace+0x1/0x9\n </NMI>\n"
    x86 = nmi + " <TASK>\n loop+0x1/0x9\n </TASK>\n"
    assert names(head + x86 + second) == ["spin", "nmi_cpu_backtrace", "loop"]


def test_an_interrupts_part_of_a_stack_is_not_its_end() -> None:
    irq = "Call Trace:\n <IRQ>\n dump_stack_lvl+0x1/0x9\n timer+0x1/0x9\n </IRQ>\n <TASK>\n frob+0x1/0x9\n </TASK>\n"
    assert names(KASAN + irq + BOUGHT.format("", "other")) == ["dump_stack_lvl", "timer", "frob"]


def test_a_hung_task_waits_where_its_own_stack_says() -> None:
    stack = "Call Trace:\n <TASK>\n __schedule+0x1/0x9\n {}+0x1/0x9\n </TASK>\n"
    hung = "INFO: task a:91 blocked for more than 122 seconds.\ntask:a state:D stack:26016 pid:91\n" + stack
    held = "\nShowing all locks held in the system:\ntask:b state:D pid:92\n" + stack
    assert names(hung.format("frob_wait") + held.format("other_wait")) == ["__schedule", "frob_wait"]


def test_lockdeps_own_stack_counts_whatever_stands_before_it() -> None:
    head = "WARNING: inconsistent lock state\n{IN-NMI} state was registered at:\n  other+0x1/0x9\n"
    trace = "Call Trace:\n <TASK>\n frob_store+0x1/0x9\n </TASK>\n"
    assert names(head + "stack backtrace:\nCPU: 1 PID: 8\n" + trace) == ["frob_store"]
    assert names(head + "Call trace:\n  there+0x1/0x9\nstack backtrace:\nCPU: 1 PID: 8\n" + trace) == ["frob_store"]


def test_where_preemption_was_disabled_is_no_frame() -> None:
    head = "BUG: sleeping function called from invalid context at mm/x.c:3\nPreemption disabled at:\n"
    trace = "Call Trace:\n <TASK>\n __might_resched+0x1/0x9\n frob_free+0x1/0x9\n </TASK>\n"
    one, other = (head + f"[<ffffffff8146a0bf>] {name}+0x1f/0x2f0\n" + trace for name in ("run_array", "migrate"))
    assert names(one) == ["__might_resched", "frob_free"]
    assert only(one).title.endswith("mm/x.c:3 in frob_free")
    assert only(one).fingerprint == only(other).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bpf_trampoline_6442536467", "bpf_trampoline_6442540012"),
        ("bpf_trampoline_6442536467", "bpf_trampoline_6442540012_1"),
        ("bpf_prog_6deef7357e7b4530", "bpf_prog_0123456789abcdef"),
        ("bpf_prog_6deef7357e7b4530_F", "bpf_prog_aaaaaaaaaaaaaaaa_F"),
    ],
)
def test_what_is_of_this_load_does_not_move_the_fingerprint(one: str, other: str) -> None:
    frames = "BUG: x\n first+0x1/0x9\n {}+0x4/0x10\n last+0x1/0x9\n"
    words = "BUG: KASAN: slab-out-of-bounds in {}+0x12/0x20\nCall Trace:\n frob+0x1/0x9\n"
    for text in (frames, words):
        assert only(text.format(one)).fingerprint == only(text.format(other)).fingerprint
        assert only(text.format(one)).fingerprint != only(text.format("bpf_prog_aaaaaaaaaaaaaaaa_G")).fingerprint


def warned(before: str, between: str) -> str:
    warning = "WARNING: CPU: 1 PID: 9 at lib/x.c:3 frob+0x1/0x9\n"
    return before + CUT + between + before + warning + before + END


@pytest.mark.parametrize(
    ("before", "foreign"),
    [
        ("[   10.000001] ", "#12/1    foo/bar:OK\n"),
        ("[   10.000001][   T99] ", "#12/1    foo/bar:OK\n"),
        ("[   10.000001][   T99] ", "[   10.000002][  T100] another driver speaks\n"),
        ("[   10.000001] [     C0] ", "[   10.000002] [     C1] another driver speaks\n"),
        ("<4>[   10.000001] ", "#12/1    foo/bar:OK\n"),
        ("Nov 02 10:00:01 host kernel: ", "Nov 02 10:00:01 host systemd[1]: Started it.\n"),
    ],
)
def test_what_others_say_in_between_is_not_what_a_warning_says(before: str, foreign: str) -> None:
    alone = only(warned(before, ""))
    assert alone.title == "WARNING: lib/x.c:3 in frob"
    assert only(warned(before, foreign)).fingerprint == alone.fingerprint
    said = before + "frob: went wrong\n"
    for between in (said, foreign + said, said + foreign):
        assert only(warned(before, between)).title == "WARNING: lib/x.c:3 in frob: frob: went wrong"


def test_without_a_prefix_nobody_can_be_told_apart() -> None:
    assert only(warned("", "frob: went wrong\n")).title == "WARNING: lib/x.c:3 in frob: frob: went wrong"
    torn = "words of a program" + warned("[   10.000001] ", "[   10.000001] frob: went wrong\n")
    assert only(torn).title == "WARNING: lib/x.c:3 in frob: frob: went wrong"


def test_two_conditions_that_one_function_warns_of_are_two_wherever_their_lines_move() -> None:
    said = "WARNING: [{}] kernel/bpf/verifier.c:{} at check_x+0x1/0x9, CPU#0: a/7\nCall Trace:\n do_check+0x1/0x9\n"
    here, moved, other = (
        only(CUT + said.format(condition, line) + END)
        for condition, line in (("ptr == NULL", 10), ("ptr == NULL", 12), ("regno < 11", 10))
    )
    assert here.fingerprint == moved.fingerprint != other.fingerprint
    assert "ptr == NULL" in here.title
