from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.flake import (
    CHANCE,
    MOST_RUNS,
    History,
    Sighting,
    interval,
    read_history,
    while_chance_explains,
    wilson,
)
from app.domain.outcome import Outcome


@pytest.mark.parametrize(
    ("failures", "runs", "low", "high"),
    [
        # worked with pencil and paper from the formula
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 3, 0.0615, 0.7923),
        (14, 212, 0.0397, 0.1077),
    ],
)
def test_wilson(failures: int, runs: int, low: float, high: float) -> None:
    assert wilson(failures, runs) == pytest.approx((low, high), abs=5e-4)


def test_interval() -> None:
    assert interval(14, 212) == "4\N{EN DASH}11 %"
    assert interval(0, 1200) == "0\N{EN DASH}0 %"


@pytest.mark.parametrize(("failures", "runs"), [(0, 0), (2, 1), (-1, 5)])
def test_no_rate(failures: int, runs: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(failures, runs)


@given(runs=st.integers(1, 10_000), data=st.data())
def test_the_interval_holds_the_rate(runs: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, runs))
    low, high = wilson(failures, runs)
    assert 0 <= low <= failures / runs <= high <= 1


def history(*bases: str) -> History:
    """One word a base, in the order of time, one letter a run."""
    letters = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR, "S": Outcome.SKIP, "M": Outcome.MISS}
    return read_history(
        Sighting(base=str(at), outcomes=tuple(letters[one] for one in word)) for at, word in enumerate(bases)
    )


@pytest.mark.parametrize(
    ("bases", "failures", "runs", "broken"),
    [
        ((), 0, 0, 0),
        (("PPP", "P"), 0, 4, 0),
        (("PFP", "PP"), 1, 5, 0),
        # an error is a failure; what was skipped or missed by us says nothing
        (("PE", "S", "MP"), 1, 3, 0),
        # once, between bases on which it passed
        (("P", "F", "P"), 1, 3, 0),
        # broken for a while, then mended: never flaky
        (("F", "F", "F", "P", "P"), 0, 2, 3),
        (("P", "FF", "P"), 0, 2, 1),
        # broken since: the newest base is what a revision is compared with
        (("P", "P", "F"), 0, 2, 1),
        (("F", "FF"), 0, 0, 2),
    ],
)
def test_what_counts_of_a_history(bases: tuple[str, ...], failures: int, runs: int, broken: int) -> None:
    found = history(*bases)
    assert (found.failures, found.runs, found.broken) == (failures, runs, broken)


def test_one_base_seen_at_two_times_is_one_base() -> None:
    passed, failed = (Outcome.PASS,), (Outcome.FAIL,)
    seen = [("a", failed), ("b", passed), ("a", passed), ("a", failed)]
    found = read_history(Sighting(base=base, outcomes=outcomes) for base, outcomes in seen)
    assert (found.failures, found.runs, found.bases, found.broken) == (2, 4, 2, 0)


def test_the_words_of_a_history() -> None:
    assert history().words == "never run on an unpatched tree"
    assert history("P").words == "passed 1 of 1 run of an unpatched tree"
    assert history("PPPPPPPPPF").words == "failed 1 of 10 runs of unpatched trees (2\N{EN DASH}40 %)"


@pytest.mark.parametrize(
    ("failures", "runs", "again"),
    [
        # 0.236 ** 4 is the first power below a hundredth, and so on; with pencil, paper and logarithms
        (1, 20, 4),
        (1, 100, 2),
        (2, 10, 7),
        # fails by itself in half of its runs
        (10, 20, 13),
        # never failed: the more is known, the fewer runs. Of 8 passes the first proves nothing; two failures and seven
        # passes come of a rate of 2/9 at best: (2/9) ** 2 * (7/9) ** 7 = 0.0085; with one pass less 0.0111, and so on
        (0, 60, 2),
        (0, 8, 2),
        (0, 7, 3),
        (0, 5, 3),
        (0, 4, 4),
        (0, 3, 7),
    ],
)
def test_how_many_failures_again_are_no_chance(failures: int, runs: int, again: int) -> None:
    known = History(failures=failures, runs=runs)
    assert known.explains_failures(again - 1)
    assert not known.explains_failures(again)


def test_nothing_is_proved_of_a_test_that_never_ran_or_never_passed() -> None:
    assert History().explains_failures(1000)
    assert History(failures=20, runs=20).explains_failures(1000)
    assert History(runs=1).explains_failures(1000), "the pass that made it a suspect"


def test_one_failure_again_proves_nothing_whatever_is_known() -> None:
    assert History(runs=1000).explains_failures(1)


def test_what_has_no_history_is_looked_at_four_times_on_each_side() -> None:
    assert list(while_chance_explains()) == [1, 2, 3, 4]


@given(runs=st.integers(2, 500), data=st.data())
def test_the_more_it_failed_again_the_less_chance_explains(runs: int, data: st.DataObject) -> None:
    known = History(failures=data.draw(st.integers(0, runs - 1)), runs=runs)
    again = data.draw(st.integers(1, 20))
    if known.failures and again > 1:
        assert known.explains_failures(again) is (known.rate[1] ** again >= CHANCE)
    assert known.explains_failures(again) <= known.explains_failures(again - 1)
    assert known.and_passed(5).explains_failures(again) <= known.explains_failures(again)


def blamed_of(flukes: int, rate: float, dice: Random, before: int) -> int:
    """Count how many tests are blamed that fail by themselves at this rate, run `before` times on unpatched trees.

    All of them passed on the baseline and failed in the first run with the patches: so they became suspects.
    """
    blamed = 0
    for _ in range(flukes):
        known = History(failures=sum(dice.random() < rate for _ in range(before)), runs=before).and_passed(1)
        again = 0
        while known.explains_failures(again) and again < MOST_RUNS and dice.random() < rate:
            again += 1
            if not known.flaky:
                if dice.random() < rate:
                    break
                known = known.and_passed(1)
        else:
            blamed += not known.explains_failures(again)
    return blamed


@given(runs=st.integers(2, 60), again=st.integers(2, 10), rate=st.floats(0, 1))
def test_no_rate_explains_better_what_was_no_chance(runs: int, again: int, rate: float) -> None:
    """At any rate so many failures again and so many passes, but for the first, come in less than one case of 100."""
    if not History(runs=runs).explains_failures(again):
        assert rate**again * (1 - rate) ** (runs - 1) < CHANCE


@given(rate=st.sampled_from([0.02, 0.05, 0.1, 1 / 3, 0.5, 0.7]), seed=st.integers(0, 2**32))
def test_a_test_that_only_flakes_is_hardly_ever_taken_for_a_regression(rate: float, seed: int) -> None:
    """Of a thousand flukes each, of tests whose history was measured: at most one in a hundred is blamed, and a bit."""
    assert blamed_of(1000, rate, Random(seed), before=40) <= 25


@given(rate=st.sampled_from([0.02, 0.05, 0.1, 1 / 3, 0.5, 0.7]), seed=st.integers(0, 2**32))
def test_nor_is_one_that_nothing_is_known_of(rate: float, seed: int) -> None:
    """Four in a row on each side: one in 256 of those that fail every other time, and of others fewer."""
    assert blamed_of(1000, rate, Random(seed), before=0) <= 15


def test_a_history_excuses_a_fix_only_where_it_is_of_a_flake() -> None:
    assert not History(failures=3, runs=3).explains_passes(1)


def test_praise_needs_more_than_a_test_that_passes_most_of_the_time() -> None:
    assert History(failures=1, runs=20).explains_passes(1)
    assert not History(failures=19, runs=20).explains_passes(6)
