import pytest

from app.domain import output_diff
from app.domain.output_diff import diff_outputs
from app.domain.test_output import PartKind

FRAME = "============="


def framed(head: str, *lines: str) -> list[str]:
    return [head, FRAME, *lines, FRAME]


def test_parts_are_compared_with_their_like() -> None:
    left = [
        "run_subtest:PASS:obj_open_mem 0 nsec",
        *framed("VERIFIER LOG:", "0: exit", "R1 !read_ok"),
        *framed("ITERATOR OUTPUT: task", "|pid: 1"),
        *framed("ITERATOR OUTPUT: bpf_map", "|a"),
        *framed("ITERATOR OUTPUT: task", "|value 4"),
    ]
    right = [
        *framed("VERIFIER LOG:", "7: exit", "R1 !readable"),
        *framed("ITERATOR OUTPUT: task", "|pid: 19"),
        *framed("ITERATOR OUTPUT: task", "|value 5"),
        *framed("XLATED:", "0: exit"),
        "run_subtest:PASS:load 12 nsec",
    ]
    found = diff_outputs(left, right)
    assert [(one.kind, one.title, one.number, one.left, one.right, one.same) for one in found] == [
        (PartKind.VERIFIER, "", 0, True, True, False),
        (PartKind.ITERATOR, "task", 1, True, True, True),
        (PartKind.ITERATOR, "task", 2, True, True, False),
        (PartKind.XLATED, "", 0, False, True, False),
        (PartKind.ITERATOR, "bpf_map", 0, True, False, False),
    ]
    assert (found[0].diff.removed, found[0].diff.added, found[0].diff.moved) == (1, 1, 1)


def test_what_was_printed_beside_the_parts_is_compared_where_it_differs() -> None:
    log = framed("VERIFIER LOG:", "0: exit")
    found = diff_outputs([*log, "f:FAIL:12 sum is 3"], [*log, "f:FAIL:15 sum is 4"])
    assert [(one.kind, one.same) for one in found] == [(PartKind.VERIFIER, True), (None, False)]
    assert diff_outputs([*log, "f:FAIL:12 sum is 3"], [*log, "f:FAIL:15 sum is 3"])[0].same


def test_outputs_without_parts_are_compared_whole() -> None:
    found = diff_outputs(["a", "b"], ["a", "c"])
    assert [(one.kind, one.diff.removed, one.diff.added) for one in found] == [(None, 1, 1)]
    assert [one.same for one in diff_outputs([], [])] == [True]
    assert not diff_outputs(["0: exit"], ["1: exit"], exact=True)[0].same


def test_what_differs_between_two_boots_of_one_side_is_restless() -> None:
    left = [*framed("ITERATOR OUTPUT: task", "|a 1"), *framed("ITERATOR OUTPUT: bpf_map", "|b 1")]
    again = [*framed("ITERATOR OUTPUT: task", "|a 2"), *framed("ITERATOR OUTPUT: bpf_map", "|b 1")]
    right = [*framed("ITERATOR OUTPUT: task", "|a 3"), *framed("ITERATOR OUTPUT: bpf_map", "|b 4")]
    assert [one.restless for one in diff_outputs(left, right, again=again)] == [True, False]
    assert [one.restless for one in diff_outputs(left, right)] == [False, False]
    assert [one.restless for one in diff_outputs(left, left, again=again)] == [False, False]


def test_no_more_lines_of_all_parts_are_compared_than_somebody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_diff, "MAX_IN_ALL", 4)
    same = framed("VERIFIER LOG:", "1", "2", "3", "4", "5")
    left = [*same, *framed("XLATED:", "a", "b", "c"), *framed("JITED:", "a", "b", "c"), *framed("STDOUT:", "a")]
    right = [*same, *framed("XLATED:", "x", "y", "z"), *framed("JITED:", "x", "y", "z"), *framed("STDOUT:", "x")]
    found = diff_outputs(left, right)
    assert [(one.diff.removed, one.diff.left_out, one.same) for one in found] == [
        (0, 0, True),
        (3, 0, False),
        (1, 2, False),
        (0, 1, False),
    ]
