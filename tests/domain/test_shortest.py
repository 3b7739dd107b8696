"""What is shown of a log, for each kind of harm: the lines that one would point at."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.shortest import MOST_LINES, shortest


def shown(text: str) -> list[str]:
    found = shortest(text)
    lines: list[str] = []
    for piece in found.pieces:
        lines += [f"[{piece.skipped}]"] * bool(piece.skipped) + list(piece.lines)
    return lines + [f"[{found.skipped}]"] * bool(found.skipped)


OOPS = """\
BUG: kernel NULL pointer dereference, address: 0000000000000010
#PF: supervisor read access in kernel mode
#PF: error_code(0x0000) - not-present page
PGD 0 P4D 0
Oops: Oops: 0000 [#1] PREEMPT SMP
CPU: 1 UID: 0 PID: 97 Comm: test_progs Not tainted 6.12.0 #1
Hardware name: QEMU Standard PC
RIP: 0010:frob_read+0x3c/0x90
Code: 48 89 e5 53 48 89 fb
RSP: 0018:ffffc900001a7d48 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff888003a4e800 RCX: 0000000000000000
R10: 0000000000000001 R11: 0000000000000000 R12: 0000000000000000
FS:  00007f0a5c1c0740(0000) GS:ffff88807dc80000(0000) knlGS:0000000000000000
CR2: 0000000000000010 CR3: 0000000003a5e000 CR4: 0000000000750ef0
Call Trace:
 <TASK>
 ? __die+0x20/0x70
 bpf_map_copy_value+0x71/0x2a0
 __sys_bpf+0x11b1/0x2a70
 </TASK>
---[ end trace 0000000000000000 ]---
"""


def test_of_an_oops_what_where_who_and_by_whom() -> None:
    assert shown(OOPS) == [
        "BUG: kernel NULL pointer dereference, address: 0000000000000010",
        "[4]",
        "CPU: 1 UID: 0 PID: 97 Comm: test_progs Not tainted 6.12.0 #1",
        "[1]",
        "RIP: 0010:frob_read+0x3c/0x90",
        "[7]",
        " bpf_map_copy_value+0x71/0x2a0",
        " __sys_bpf+0x11b1/0x2a70",
        "[1]",
    ]


def test_timestamps_make_no_difference() -> None:
    stamped = "".join(f"[   12.345678] {line}\n" for line in OOPS.splitlines())
    assert [line.partition("] ")[2] or line for line in shown(stamped)] == shown(OOPS)


def test_of_a_verifier_log_check_what_was_expected_and_how_the_log_ended() -> None:
    log = ["run_subtest:FAIL:unexpected_load_success unexpected success: 0", "VERIFIER LOG:", "============="]
    log += [f"{number}: (b7) r{number % 10} = 0" for number in range(400)]
    log += ["R1 invalid mem access 'scalar'", "=============", "MATCHED    SUBSTR: 'a'", "EXPECTED   SUBSTR: 'b'"]
    lines = shown("\n".join(log))
    assert lines[:2] == [log[0], "[389]"]
    assert lines[-3:] == ["R1 invalid mem access 'scalar'", "MATCHED    SUBSTR: 'a'", "EXPECTED   SUBSTR: 'b'"]
    assert len(lines) == MOST_LINES + 1


def test_of_a_check_the_line_that_failed_with_what_libbpf_said_before() -> None:
    log = "libbpf: map 'm': failed to create: -EPERM(-1)\nf:PASS:open 0 nsec\nf:FAIL:skel_load unexpected error: -1\n"
    assert shown(log) == [
        "libbpf: map 'm': failed to create: -EPERM(-1)",
        "f:FAIL:skel_load unexpected error: -1",
    ]


def test_of_an_iterator_its_output_and_what_of_it_is_wrong() -> None:
    output = [f"         {number}  hash  64" for number in range(200)]
    log = ["ITERATOR OUTPUT: bpf_map", "=============", *output, "============="]
    lines = shown("\n".join([*log, "test_map:FAIL:entries unexpected entries: actual 200 != expected 201"]))
    assert lines[0] == f"[{201 - (MOST_LINES - 1)}]"
    assert lines[-2:] == [output[-1], "test_map:FAIL:entries unexpected entries: actual 200 != expected 201"]


def test_of_a_timeout_who_was_stopped() -> None:
    log = [f"step {number} done" for number in range(100)]
    log += ["WATCHDOG: test case map_kptr executes for 120 seconds, terminating with SIGSEGV", "Caught signal #11!"]
    lines = shown("\n".join(log))
    assert "WATCHDOG: test case map_kptr executes for 120 seconds, terminating with SIGSEGV" in lines
    assert lines[-1] == "Caught signal #11!"


def test_of_a_build_the_error_with_its_source_line() -> None:
    log = ["  CC      kernel/bpf/frob.o"] * 40
    log += ["kernel/bpf/frob.c:12:9: error: 'x' undeclared", "   12 |  return x;", "      |         ^"]
    log += ["make[4]: *** [scripts/Makefile.build:229: kernel/bpf/frob.o] Error 1"]
    assert "kernel/bpf/frob.c:12:9: error: 'x' undeclared" in shown("\n".join(log))
    assert "ld: vmlinux.o: undefined reference to `frob'" in shown(
        "\n".join([*log[:40], "ld: vmlinux.o: undefined reference to `frob'"])
    )


@given(
    st.lists(st.sampled_from(["a", "x:FAIL:y", "EXPECTED   SUBSTR: 'b'", "f:PASS:z 0 nsec", "", *OOPS.splitlines()]))
)
def test_every_line_is_shown_or_counted_and_never_too_many(lines: list[str]) -> None:
    found = shortest("\n".join(lines))
    shown_lines = sum(len(piece.lines) for piece in found.pieces)
    whole = shortest("\n".join(lines), most=10_000)
    assert shown_lines <= MOST_LINES
    assert shown_lines + sum(piece.skipped for piece in found.pieces) + found.skipped == (
        sum(len(piece.lines) + piece.skipped for piece in whole.pieces) + whole.skipped
    )
