from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.flake import (
    CHANCE,
    MOST_RUNS,
    USUAL_RUNS,
    History,
    Sighting,
    interval,
    read_history,
    runs_again,
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
        # fails by itself in half of its runs: no number of runs that anybody waits for would do
        (10, 20, MOST_RUNS),
        (0, 20, USUAL_RUNS),
        (0, 0, USUAL_RUNS),
        # never seen to pass: that is no flake, and nothing to compare with
        (20, 20, USUAL_RUNS),
    ],
)
def test_how_often_a_suspect_is_run_again(failures: int, runs: int, again: int) -> None:
    assert runs_again(History(failures=failures, runs=runs)) == again


@given(runs=st.integers(2, 500), data=st.data())
def test_as_many_runs_as_are_made_are_enough_or_it_is_called_flaky(runs: int, data: st.DataObject) -> None:
    known = History(failures=data.draw(st.integers(1, runs - 1)), runs=runs)
    again = runs_again(known)
    assert USUAL_RUNS <= again <= MOST_RUNS
    # Whoever always fails is cleared by chance or blamed, and the more it failed again the less chance explains.
    assert known.explains_failures(again) is (known.rate[1] ** again >= CHANCE)
    assert known.explains_failures(again) <= known.explains_failures(again - 1)
    if again < MOST_RUNS:
        assert not known.explains_failures(again)
    if again > USUAL_RUNS:
        assert known.explains_failures(again - 1)


@given(rate=st.sampled_from([0.02, 0.05, 0.1, 1 / 3, 0.5]), seed=st.integers(0, 2**32))
def test_a_test_that_only_flakes_is_hardly_ever_taken_for_a_regression(rate: float, seed: int) -> None:
    """Of a thousand flukes each, of tests whose history was measured: at most one in a hundred is blamed, and a bit."""
    dice = Random(seed)
    blamed = 0
    for _ in range(1000):
        known = History(failures=sum(dice.random() < rate for _ in range(40)), runs=40)
        again = runs_again(known)
        always = all(dice.random() < rate for _ in range(again))
        blamed += known.flaky and always and not known.explains_failures(again)
    assert blamed <= 25


def test_a_history_without_failures_excuses_nothing() -> None:
    assert not History(failures=0, runs=3).explains_failures(2)
    assert not History().explains_failures(2)
    assert not History(failures=3, runs=3).explains_passes(1)


def test_praise_needs_more_than_a_test_that_passes_most_of_the_time() -> None:
    assert History(failures=1, runs=20).explains_passes(1)
    assert not History(failures=19, runs=20).explains_passes(6)
