import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import log_search
from app.domain.testlog.excerpt import explain
from app.domain.verifier_log import CheckKind, Status, find_check, find_checks

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
            "expected “invalid frob”, the verifier's log does not say it; it ends with “all is well”",
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
            "expected “ret” on the next line, the JITed program has it elsewhere (line 3, not 2)",
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


def frame(head: str, *log: str) -> list[str]:
    return [head, "=============", *log, "============="]


def places(lines: list[str]) -> list[int | None]:
    check = find_check(lines)
    assert check is not None
    return [one.line for one in check.expectations]


def test_several_checks_of_one_test_each_with_the_log_it_searched() -> None:
    lines = [
        "run_subtest:PASS:obj_open_mem 0 nsec",
        *frame("VERIFIER LOG:", "0: r0 = 1", "processed 1 insns"),
        "validate_msgs:FAIL:695 expect_msg",
        "EXPECTED   SUBSTR: 'r0 = 2'",
        *frame("XLATED:", "0: r0 = 1", "1: r9 = 5", "2: exit"),
        "validate_msgs:FAIL:695 expect_msg",
        "MATCHED    SUBSTR: '0: r0 = 1'",
        "WRONG LINE SUBSTR: '2: exit'",
        "expecting match at line 1, actual match is at line 2",
        "run_subtest:FAIL:1037 Unexpected retval: 1 != 2",
    ]
    checks = find_checks(lines)
    assert [check.kind for check in checks] == [CheckKind.MSG, CheckKind.XLATED, CheckKind.RETVAL]
    assert [check.log[0] for check in checks] == ["0: r0 = 1"] * 3
    assert (checks[1].wrong_at, checks[1].wanted_at, checks[1].nearest) == (3, 2, "2: exit")
    assert checks[2].log[-1] == "processed 1 insns"


def test_with_v_the_log_comes_before_the_failure() -> None:
    lines = [*frame("VERIFIER LOG:", "R1 !read_ok"), "validate_msgs:FAIL:695 expect_msg", "EXPECTED   SUBSTR: 'R2'"]
    check = find_check(lines)
    assert check is not None
    assert check.log == ("R1 !read_ok",)


def test_the_search_goes_on_behind_the_last_match_within_its_line() -> None:
    log = frame("VERIFIER LOG:", "R1=ctx() R10=fp0", "1: R1=ctx()")
    assert places(
        [*log, "MATCHED    SUBSTR: 'R1=ctx()'", "MATCHED    SUBSTR: 'R1=ctx()'", "EXPECTED   SUBSTR: 'q'"]
    ) == [
        1,
        2,
        None,
    ]


def test_a_regular_expression_is_located_by_its_texts_and_never_run() -> None:
    log = frame(
        "VERIFIER LOG:", "R1 type=scalar expected=fp", "R2 type=scalar expected=ctx", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!"
    )
    lines = [
        *log,
        "MATCHED     REGEX: 'R{{[0-9]}} type={{.*}} expected=ctx'",
        "MATCHED     REGEX: '{{(a+)+$}}'",
        "EXPECTED    REGEX: 'type={{[a-z]+}} wanted'",
    ]
    assert places(lines) == [2, None, None]


def test_what_was_forbidden_and_absent_is_called_matched_too() -> None:
    """Newer trees: __not_msg("b") between __msg("a") and __msg("c") held, for the only b comes after the c."""
    log = frame("VERIFIER LOG:", "a", "c", "b", "d")
    lines = [
        *log,
        "MATCHED    SUBSTR: 'a'",
        "MATCHED    SUBSTR: 'b'",
        "MATCHED    SUBSTR: 'c'",
        "EXPECTED   SUBSTR: 'x'",
    ]
    assert places(lines) == [1, None, 2, None]


def test_what_is_there_but_earlier_is_said_so() -> None:
    lines = [*frame("VERIFIER LOG:", "first", "second"), "MATCHED    SUBSTR: 'second'", "EXPECTED   SUBSTR: 'first'"]
    check = find_check(lines)
    assert check is not None
    assert check.wrong_at == 1
    assert check.sentence == (
        "expected “first” after what is expected before it, the verifier's log has it earlier, on line 1"
    )


def test_a_pattern_of_two_lines() -> None:
    lines = [
        *frame("VERIFIER LOG:", "0: r0 = 1", "1: exit", "2: no"),
        "MATCHED    SUBSTR: 'r0 = 1",
        "1: exit'",
        "EXPECTED   SUBSTR: 'maybe'",
    ]
    check = find_check(lines)
    assert check is not None
    assert [(one.pattern, one.line) for one in check.expectations] == [("r0 = 1\n1: exit", 1), ("maybe", None)]


def test_a_log_whose_last_line_lacks_its_newline() -> None:
    check = find_check(["VERIFIER LOG:", "=============", "R1 bad=============", "EXPECTED   SUBSTR: 'R1 good'"])
    assert check is not None
    assert check.log == ("R1 bad",)


@pytest.mark.parametrize(
    ("line", "kind", "sentence"),
    [
        (
            "drop_capabilities:FAIL:737 failed to drop capabilities: -1, Operation not permitted",
            CheckKind.CAPS,
            "failed to drop capabilities: -1, Operation not permitted",
        ),
        ("compile_regex:FAIL:184 Regexp too long: 'x'", CheckKind.SPEC, "Regexp too long: 'x'"),
        (
            "process_subtest:FAIL:1087 Can't parse test spec for program 'p'",
            CheckKind.SPEC,
            "Can't parse test spec for program 'p'",
        ),
        (
            "do_prog_test_run:FAIL:820 FAIL: Unexpected bpf_prog_test_run error: 524 (Unknown error 524) ",
            CheckKind.RETVAL,
            "the program could not be run: error 524 (Unknown error 524)",
        ),
    ],
)
def test_failures_that_a_line_says(line: str, kind: CheckKind, sentence: str) -> None:
    check = find_check([line])
    assert check is not None
    assert (check.kind, check.sentence) == (kind, sentence)


def test_patterns_by_the_hundred_that_are_nowhere_are_not_searched_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile test prints them, after a long log; what is said of the check stays."""
    monkeypatch.setattr(log_search, "MAX_LOOKS", 1000)
    log = ["VERIFIER LOG:", "=============", *("0: exit" for _ in range(400)), "R1 is here", "============="]
    found = [f"MATCHED    SUBSTR: '{text}'" for text in ("0: exit", *(["nowhere"] * 50), "R1 is here")]
    first, second = find_checks(
        [*log, *found[:2], *found[-1:], "EXPECTED   SUBSTR: 'R2'", *found, "EXPECTED   SUBSTR: 'R2'"]
    )
    assert [one.line for one in first.expectations] == [1, None, 401, None]
    assert [one.line for one in second.expectations][-2:] == [None, None]
    assert second.sentence.startswith("expected “R2”")


@given(
    st.lists(
        st.sampled_from([*LOG, "XLATED:", "WRONG LINE SUBSTR: 'a'", "MATCHED     REGEX: '{{'", "=============", ""])
    )
)
def test_any_order_of_these_lines_is_read(lines: list[str]) -> None:
    for check in find_checks(lines):
        assert check.sentence
        assert check.wrong_at is None or check.log[check.wrong_at - 1].strip() == check.nearest
