"""The one sentence: what is said first, and what of very much."""

import pytest

from app.domain.regression import Change, RevisionComparison, compare
from app.domain.sentence import clean_sentence, regressed_sentence
from tests.domain.test_ignoring import entry
from tests.domain.test_regression import key, side


def changes(base: dict[str, str], patched: dict[str, str], **how: object) -> tuple[Change, ...]:
    return compare(side(**base), side(**patched), **how)  # type: ignore[arg-type]


def regressed(number: int, message: str = "") -> tuple[Change, ...]:
    names = [f"t{at:03}" for at in range(number)]
    found = changes(dict.fromkeys(names, "PPP"), dict.fromkeys(names, "FFF"))
    if not message:
        return found
    return tuple(
        Change(
            key=one.key,
            cls=one.cls,
            baseline=one.baseline,
            patched=type(one.patched)(outcomes=one.patched.outcomes, message=message if at % 3 else f"other {at}"),
            reason=one.reason,
        )
        for at, one in enumerate(found)
    )


def test_three_hundred_are_one_sentence_with_what_most_of_them_say() -> None:
    said = regressed_sentence("v3", regressed(300, "libbpf: failed to load"), died=False, why="")
    assert said == ("v3 regresses 300 tests: t000, t001, t002 and 297 more (200 of them: libbpf: failed to load).")


def test_of_few_or_of_different_ones_nothing_is_said_in_common() -> None:
    assert "of them" not in regressed_sentence("v3", regressed(9, "same"), died=False, why="")
    assert "of them" not in regressed_sentence("v3", regressed(12), died=False, why="")


def test_a_hostile_message_is_cut() -> None:
    assert len(regressed_sentence("v3", regressed(30, "x" * 300), died=False, why="")) < 250


def test_what_is_gone_is_said_before_the_rest_whatever_the_verdict() -> None:
    found = changes({"a": "P", "gone": "P", "stays": "P"}, {"a": "FFF", "stays": "P"})
    assert regressed_sentence("v3", found, died=False, why="") == (
        "v3 regresses 1 test: a. With v3 1 test of the base is gone: gone. 1 test is as on the base."
    )
    assert clean_sentence("v3", found[1:], previous=None, since=None).startswith(
        "v3 is clean, but 1 test of the base is gone: gone."
    )


def test_what_is_ignored_is_counted_apart() -> None:
    found = changes({"a": "P", "b": "P"}, {"a": "F", "b": "P"}, ignored={key("a"): entry("a")})
    assert clean_sentence("v3", found, previous=None, since=None) == (
        "v3 is clean. 1 failure is ignored, 1 test is as on the base."
    )
    assert found[0].reason == (
        "until 2026-12-01, ann@example.org sees to it: needs an NMI, which TCG has not "
        "(base passed 1 of 1, patched failed 1 of 1)"
    )


@pytest.mark.parametrize(("alike", "said"), [(True, "fixed"), (False, "gone")])
def test_fixed_is_said_only_of_what_was_tested_alike(alike: bool, said: str) -> None:
    since = RevisionComparison(fixed=(key("a"),), broken=(), still_broken=(), unknown=())
    sentence = clean_sentence("v3", changes({"a": "P"}, {"a": "P"}), previous="v2", since=since, alike=alike)
    assert sentence == f"v3 is clean. The failure of v2 is {said}, 1 test is as on the base."
