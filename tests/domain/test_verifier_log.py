import pytest

from app.domain.testlog.excerpt import explain
from app.domain.verifier_log import CheckKind, Status, find_check

LOG = """\
validate_msgs:FAIL:755 expect_msg
VERIFIER LOG:
=============
Func#0 is global and assumed valid.
0: R1=ctx() R10=fp0
; return *(int *)ctx->frob @ verifier_frob.c:12
0: (79) r1 = *(u64 *)(r1 +0)
1: (61) r0 = *(u32 *)(r1 +8)
R1 invalid frobbed mem access 'scalar'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
=============
MATCHED    SUBSTR: 'R1=ctx()'
MATCHED    SUBSTR: '0: (79) r1'
EXPECTED   SUBSTR: 'R1 invalid mem access 'scalar''
""".splitlines()


def test_a_message_that_is_not_in_the_log() -> None:
    check = find_check(LOG)
    assert check is not None
    assert check.kind is CheckKind.MSG
    assert [(e.status, e.pattern, e.line) for e in check.expectations] == [
        (Status.MATCHED, "R1=ctx()", 2),
        (Status.MATCHED, "0: (79) r1", 4),
        (Status.EXPECTED, "R1 invalid mem access 'scalar'", None),
    ]
    assert check.failing is check.expectations[2]
    assert check.wrong_at == 6
    assert check.log[check.wrong_at - 1] == check.nearest
    assert check.sentence == (
        "expected “R1 invalid mem access 'scalar'”, the verifier's log says “R1 invalid frobbed mem access 'scalar'”"
    )
    assert len(check.log) == 7


def test_it_becomes_the_message_of_the_failure() -> None:
    explained = explain(["run_subtest:PASS:obj_open_mem 0 nsec", *LOG])
    assert explained.message is not None
    assert explained.message.startswith("expected “R1 invalid mem access")
    assert explained.detail == "\n".join(LOG)


@pytest.mark.parametrize(
    ("lines", "kind", "sentence"),
    [
        (
            ["VERIFIER LOG:", "=============", "all is well", "=============", "EXPECTED   SUBSTR: 'invalid frob'"],
            CheckKind.MSG,
            "expected “invalid frob”, the verifier's log does not say it",
        ),
        (
            ["VERIFIER LOG:", "=============", "a frob", "=============", "UNEXPECTED SUBSTR: 'frob'"],
            CheckKind.MSG,
            "did not expect “frob”, the verifier's log has it",
        ),
        (
            ["XLATED:", "=============", "0: r0 = 1", "1: exit", "=============", "EXPECTED    REGEX: 'r0 = .*2'"],
            CheckKind.XLATED,
            "expected “r0 = .*2”, the rewritten program does not say it",
        ),
        (
            [
                *["JITED:", "=====", "endbr64", "nop", "ret", "=====", "MATCHED    SUBSTR: 'endbr64'"],
                *["WRONG LINE SUBSTR: 'ret'", "expecting match at line 1, actual match is at line 2"],
            ],
            CheckKind.JITED,
            "expected “ret” on the next line, the JITed program has it elsewhere",
        ),
        (
            ["run_subtest:FAIL:900 Unexpected retval: 3 != 0"],
            CheckKind.RETVAL,
            "returned 3, expected 0",
        ),
        (
            ["run_subtest:FAIL:unexpected_load_success unexpected success: 0"],
            CheckKind.FAILURE,
            "the program was expected to be refused, and loaded",
        ),
        (
            [
                *[
                    "run_subtest:FAIL:unexpected_load_failure unexpected error: -22 (errno 22)",
                    "VERIFIER LOG:",
                    "=====",
                ],
                *["0: exit", "R0 !read_ok", "processed 1 insns", "====="],
            ],
            CheckKind.SUCCESS,
            "the program was expected to load, the verifier refused it: “R0 !read_ok”",
        ),
    ],
)
def test_kinds(lines: list[str], kind: CheckKind, sentence: str) -> None:
    check = find_check(lines)
    assert check is not None
    assert (check.kind, check.sentence) == (kind, sentence)


def test_the_last_log_before_the_patterns_is_the_one_that_failed() -> None:
    lines = [
        "VERIFIER LOG:",
        "=====",
        "first",
        "=====",
        "XLATED:",
        "=====",
        "second",
        "=====",
        "EXPECTED   SUBSTR: 'x'",
    ]
    check = find_check(lines)
    assert check is not None
    assert (check.kind, check.log) == (CheckKind.XLATED, ("second",))


@pytest.mark.parametrize("lines", [[], ["f:FAIL:1 no"], ["VERIFIER LOG:", "=====", "cut off"]])
def test_no_check(lines: list[str]) -> None:
    assert find_check(lines) is None
