"""What a complaint is called, and which of its words tell it from another of the same function."""

import pytest

from app.domain.console import ConsoleEvent, scan_console

STACK = "CPU: 0 UID: 0 PID: 99 Comm: test_progs Not tainted 6.12.0 #1\nCall Trace:\n <TASK>\n frob+0x1/0x9\n </TASK>\n"
CUT = "------------[ cut here ]------------\n"
END = "---[ end trace 0000000000000000 ]---\n"


def only(text: str) -> ConsoleEvent:
    (event,) = scan_console(text)
    return event


def undefined(kind: str, sentence: str, *, line: int = 10) -> ConsoleEvent:
    return only(f"{CUT}UBSAN: {kind} in kernel/bpf/core.c:{line}:5\n{sentence}\n{STACK}{END}")


@pytest.mark.parametrize(
    ("kind", "one", "again", "other"),
    [
        (
            "array-index-out-of-bounds",
            "index 5 is out of range for type 'int [4]'",
            "index -1 is out of range for type 'int [8]'",
            "index 5 is out of range for type 'struct frob *[4]'",
        ),
        (
            "shift-out-of-bounds",
            "shift exponent 64 is too large for 32-bit type 'int'",
            "shift exponent 4294967295 is too large for 32-bit type 'int'",
            "shift exponent 64 is too large for 64-bit type 'long int'",
        ),
        (
            "signed-integer-overflow",
            "2147483647 + 1 cannot be represented in type 'int'",
            "-2147483648 + -7 cannot be represented in type 'int'",
            "2147483647 * 3 cannot be represented in type 'int'",
        ),
        (
            "invalid-load",
            "load of value 5 is not a valid value for type '_Bool'",
            "load of value 107 is not a valid value for type '_Bool'",
            "load of value 5 is not a valid value for type 'bpf_reg_type'",
        ),
        (
            "misaligned-access",
            "member access within misaligned address 00000000cafe1235 for type 'struct frob'",
            "member access within misaligned address 000000007d0a2b31 for type 'struct frob'",
            "member access within misaligned address 00000000cafe1235 for type 'struct other'",
        ),
        (
            "object-size-mismatch",
            "load of address 00000000cafe1235 with insufficient space\nfor an object of type 'struct frob'",
            "load of address 000000007d0a2b31 with insufficient space\nfor an object of type 'struct frob'",
            "load of address 00000000cafe1235 with insufficient space\nfor an object of type 'struct other'",
        ),
        (
            "Undefined behaviour",
            "signed integer overflow:\n9 - -9 cannot be represented in type 'int'",
            "signed integer overflow:\n8 - 1 cannot be represented in type 'int'",
            "signed integer overflow:\n9 - -9 cannot be represented in type 'long int'",
        ),
    ],
)
def test_what_ubsan_says_tells_its_reports_apart_and_its_values_do_not(
    kind: str, one: str, again: str, other: str
) -> None:
    first = undefined(kind, one)
    assert undefined(kind, again, line=900).fingerprint == first.fingerprint
    assert undefined(kind, other).fingerprint != first.fingerprint
    assert "'" in first.title.removeprefix(f"UBSAN: {kind} in kernel/bpf/core.c:10:5 in frob: ")
    assert "cafe1235" not in first.title


def test_ubsans_sentence_is_its_title() -> None:
    event = undefined("array-index-out-of-bounds", "index 5 is out of range for type 'int [4]'")
    where = "UBSAN: array-index-out-of-bounds in kernel/bpf/core.c:10:5 in frob"
    assert event.title == f"{where}: index 5 is out of range for type 'int [4]'"
    assert event.frames == ("frob+0x1/0x9",)
    assert undefined("misaligned-access", "load of misaligned address 00000000cafe1235 for type 'int'").title.endswith(
        ": load of misaligned address for type 'int'"
    )


def test_what_others_say_is_not_ubsans_sentence() -> None:
    sentence = "shift exponent 64 is too large for 32-bit type 'int'"
    alone = undefined("shift-out-of-bounds", sentence)
    assert undefined("shift-out-of-bounds", f"#12/1    foo/bar:OK\n{sentence}").fingerprint == alone.fingerprint
    without = undefined("shift-out-of-bounds", "frob: another driver speaks")
    assert without.title == "UBSAN: shift-out-of-bounds in kernel/bpf/core.c:10:5 in frob"
    before = only(f"{CUT}noise\nUBSAN: shift-out-of-bounds in kernel/bpf/core.c:10:5\n{sentence}\n{STACK}{END}")
    assert (before.title, before.fingerprint) == (alone.title, alone.fingerprint)


def test_a_bug_whose_line_a_patch_moves_is_the_same() -> None:
    text = "kernel BUG at kernel/bpf/core.c:{}!\nOops: invalid opcode: 0000 [#1] SMP\nRIP: 0010:frob+{}/0x99\n"
    here, moved = (only(text.format(*where) + END) for where in ((10, "0x12"), (97, "0x45")))
    assert here.fingerprint == moved.fingerprint


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (
            "BUG: unable to handle page fault for address: ffffc90000123000",
            "oops: unable to handle page fault in frob",
        ),
        (
            "BUG: unable to handle kernel paging request at ffffc90000123000",
            "oops: unable to handle kernel paging request in frob",
        ),
        (
            "Unable to handle kernel paging request at virtual address dfff800000000001",
            "oops: Unable to handle kernel paging request in frob",
        ),
        (
            "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018",
            "oops: Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018 in frob",
        ),
        (
            "Unable to handle kernel write to read-only memory at virtual address ffff800081234567",
            "oops: Unable to handle kernel write to read-only memory in frob",
        ),
        (
            "Unable to handle kernel paging request at virtual address deadbeef when read",
            "oops: Unable to handle kernel paging request when read in frob",
        ),
        (
            "CPU 0 Unable to handle kernel paging request at virtual address 900000000000beef, era == 9000000000200000",
            "oops: Unable to handle kernel paging request in frob",
        ),
        (
            "BUG: Unable to handle kernel data access on read at 0xc00000000000beef",
            "oops: Unable to handle kernel data access on read in frob",
        ),
        (
            "Unable to handle kernel paging request for data at address 0xc00000000000beef",
            "oops: Unable to handle kernel paging request in frob",
        ),
        (
            "BUG: TASK stack guard page was hit at ffffc90000a0bff8 (stack is ffffc90000a0c000..ffffc90000a10000)",
            "BUG: TASK stack guard page was hit in frob",
        ),
        ("Oops: Oops: 0000 [#1] SMP", "oops: 0000 [#1] SMP in frob"),
        ("Kernel panic - not syncing: Oops: Fatal exception", "panic: Oops: Fatal exception in frob"),
        (
            "Oops: general protection fault, maybe for address 0xdead000000000100: 0000 [#1]",
            "oops: general protection fault, maybe for address 0xdead000000000100: 0000 [#1] in frob",
        ),
    ],
)
def test_a_title_bears_no_address_that_moves_and_says_once_that_it_is_an_oops(line: str, title: str) -> None:
    assert only(f"{line}\n{STACK}{END}").title == title
