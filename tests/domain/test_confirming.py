import pytest

from app.domain.confirming import (
    MANY,
    SAMPLE,
    all_alike,
    doubted,
    in_doubt,
    new_failures,
    sample,
    seen_again,
    suspects,
    unlike_elsewhere,
)
from app.domain.flake import MOST_RUNS, History
from app.domain.outcome import ChangeClass, TestKey
from app.domain.regression import compare
from tests.domain.test_regression import key, progs, side


def names(keys: tuple[TestKey, ...]) -> list[str]:
    return [str(one) for one in keys]


def test_who_is_run_again() -> None:
    base, patched = side(a="P", b="P", c="F", d="S"), side(a="F", b="F", c="F", d="F", e="F", f="P")
    assert names(suspects(base, patched, ignored={key("b")})) == ["a", "d"], "the base has d, and skipped it"
    assert names(new_failures(base, patched, ignored=())) == ["e"]
    assert names(new_failures(base, patched, ignored={key("e")})) == []


def test_what_the_base_failed_before_it_came_to_is_run_on_the_base_again() -> None:
    base = progs("it:FAIL:1 no\n#1       it:FAIL\n")
    patched = progs("it:FAIL:1 no\n#1/1     it/a:FAIL\n#1       it:FAIL\n")
    assert names(suspects(base, patched, ignored=())) == ["it/a"]
    assert names(new_failures(base, patched, ignored=())) == []


def test_few_are_all_run_again_and_of_many_a_sample_over_all_names() -> None:
    few = tuple(key(f"t{at:03}/{sub}") for at in range(MANY) for sub in "ab")
    assert sample(few) == few
    many = tuple(key(f"t{at:03}/{sub}") for at in range(300) for sub in "ab")
    chosen = sample(many)
    assert len(chosen) == 2 * SAMPLE
    assert {one.name[1] for one in chosen} == {"0", "1", "2"}
    assert sample(()) == ()


@pytest.mark.parametrize(
    ("base", "patched", "alike"),
    [("PPP", "FFF", True), ("PPP", "FPF", False), ("PFP", "FFF", False), ("PPP", "PPP", False), ("PPP", "", False)],
)
def test_a_sample_of_one_kind(base: str, patched: str, alike: bool) -> None:
    assert all_alike(side(t="PPP", u=base), side(t="FFF", u=patched), [key("t"), key("u")]) is alike


@pytest.mark.parametrize(
    ("base", "patched", "failures", "wanted"),
    [
        # it passed in 20 runs and the two of now: twice again, and no less
        ("PPP", "FF", 0, True),
        ("PPP", "FFF", 0, False),
        ("PPP", "FFFF", 0, False),
        # 1 of 20: four times again
        ("PPP", "FFF", 1, True),
        ("PPP", "FFFF", 1, True),
        ("PPP", "FFFFF", 1, False),
        # it passed, so it is flaky whatever comes
        ("PPP", "FPF", 1, False),
        ("PFP", "FFF", 1, False),
        # the base has no result of it
        ("SS", "FFF", 1, False),
        # of a test that always failed elsewhere nothing that is seen here proves anything
        ("PPP", "F" * (MOST_RUNS + 1), 19, True),
    ],
)
def test_who_is_run_further(base: str, patched: str, failures: int, wanted: bool) -> None:
    known = {key("t"): History(failures=failures, runs=20)}
    assert bool(doubted(side(t=base), side(t=patched), [key("t")], known)) is wanted


@pytest.mark.parametrize("histories", [{}, {key("t"): History(runs=1)}], ids=["none", "baseline"])
def test_a_test_that_nothing_is_known_of_takes_four_runs_again_on_each_side(histories: dict[TestKey, History]) -> None:
    for again, wanted in ((1, True), (3, True), (4, False)):
        base, patched = side(t="P" * (1 + again)), side(t="F" * (1 + again))
        assert bool(doubted(base, patched, [key("t")], histories)) is wanted


def test_what_stays_in_doubt_is_no_regression() -> None:
    changes = compare(side(t="PPP", u="PPP", v="P"), side(t="FFF", u="FFF", v="P"))
    found = in_doubt(changes, [key("t"), key("v")])
    assert [(str(one.key), one.cls) for one in found] == [
        ("t", ChangeClass.FLAKY),
        ("u", ChangeClass.REGRESSION),
        ("v", ChangeClass.UNCHANGED),
    ]
    assert found[0].reason == "base passed 3 of 3, patched failed 3 of 3: too few runs to rule out chance"


def test_what_another_run_of_the_same_patches_told_otherwise_is_flaky_with_them() -> None:
    changes = compare(
        side(t="PPP", u="PPP", v="F", x="F", y="F", z="F"), side(t="FFF", u="FFF", v="F", w="FFF", x="P", y="P", z="F")
    )
    found = unlike_elsewhere(changes, side(t="FPF", v="P", w="PP", x="PF"))
    assert {str(one.key): one.cls for one in found} == {
        "t": ChangeClass.FLAKY,
        "u": ChangeClass.REGRESSION,
        "v": ChangeClass.FLAKY,
        "w": ChangeClass.FLAKY,
        "x": ChangeClass.FLAKY,
        "y": ChangeClass.FIXED,
        "z": ChangeClass.PRE_EXISTING,
    }
    reasons = {str(one.key): one.reason for one in found}
    where = "in other runs of the same patches"
    assert reasons["t"] == f"base passed 3 of 3, patched failed 3 of 3; failed 2 of 3 {where}"
    assert reasons["x"] == f"base failed 1 of 1, patched passed 1 of 1; failed 1 of 2 {where}"


def test_one_second_result_is_enough_to_go_on() -> None:
    assert seen_again(side(a="F", b="FF"), [key("a"), key("b")])
    assert not seen_again(side(a="FS", b="FM"), [key("a"), key("b"), key("absent")])
