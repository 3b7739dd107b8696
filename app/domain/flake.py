"""How often a test fails by itself: a rate with the interval that the number of runs allows, and what follows from it.

A series is blamed for a test only when that it fails by itself no longer explains what was seen. What made the test a
suspect, among hundreds, proves nothing: the first failure with the patches, and the pass on the base. The runs again
do, and all that is known from before. A series is blamed where they come by chance in less than CHANCE of such cases:

- A test that was seen to fail by itself: each run again fails with `rate ** runs`, by the highest rate that its runs on
  unpatched trees allow (the upper end of the interval).
- One that never failed there: whatever its rate is, that it fails in each of N runs again and passed in each of M
  others without the patches has the chance `rate**N * (1-rate)**M`, which is highest for the rate N / (N + M).

Until then the test is run again: a wrong accusation costs more than a slow answer, and a regression does not vanish, it
only takes more runs. Of a test that has passed eight times two are enough; one that nothing is known of takes four on
each side, and would it fail every other time, the worst there is, one such fluke in 256 were taken for a regression.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import sqrt

from app.domain.outcome import Outcome

CHANCE = 0.01
"""At most one fluke in a hundred is taken for a regression: with ten tests that fail one run in twenty, two series in
five meet such a fluke, so that one series in 250 at most is wrongly accused."""
USUAL_RUNS = 2
"""How often a suspect is run again on each side at least (docs/ARCHITECTURE.md)."""
MOST_RUNS = 8
"""A test that may fail by itself in more than half of its runs would take more; it is called flaky instead."""

_Z = 1.959963984540054
"""The standard normal's 97.5 % point: 95 % of intervals made so hold the true rate."""


def wilson(failures: int, runs: int) -> tuple[float, float]:
    """Return the 95 % score interval of a failure rate (E. B. Wilson, 1927), both ends in 0..1.

    Unlike the textbook interval it is right for few runs and for none or all failed.

    Raises:
        ValueError: there were no runs, or more failures than runs.
    """
    if not 0 <= failures <= runs or runs == 0:
        raise ValueError(f"{failures} failures in {runs} runs is no rate")
    rate, share = failures / runs, _Z**2 / runs
    centre = rate + share / 2
    spread = _Z * sqrt(rate * (1 - rate) / runs + share / (4 * runs))
    low, high = (centre - spread) / (1 + share), (centre + spread) / (1 + share)
    return (0.0 if failures == 0 else max(0.0, low)), (1.0 if failures == runs else min(1.0, high))


def interval(failures: int, runs: int) -> str:
    """Return the interval in whole per cent, as in "4-11 %" with an en dash."""
    low, high = wilson(failures, runs)
    return f"{low * 100:.0f}\N{EN DASH}{high * 100:.0f} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A test's outcomes on one unpatched tree: `base` names it (commit and prerequisites)."""

    base: str
    outcomes: tuple[Outcome, ...]

    @property
    def runs(self) -> int:
        """How many of them say something: neither skipped nor trouble of ours."""
        return sum(one is Outcome.PASS or one.failed for one in self.outcomes)

    @property
    def failures(self) -> int:
        """How many failed."""
        return sum(one.failed for one in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a test did on unpatched trees: `failures` of `runs`, on `bases` different ones.

    `broken` counts the bases that are left out because the test was broken on them rather than flaky.
    """

    failures: int = 0
    runs: int = 0
    bases: int = 0
    broken: int = 0

    @property
    def flaky(self) -> bool:
        """Whether it is known to fail by itself now and then."""
        return 0 < self.failures < self.runs

    @property
    def rate(self) -> tuple[float, float]:
        """The interval of its failure rate; 0 to 1 where it never ran."""
        return wilson(self.failures, self.runs) if self.runs else (0.0, 1.0)

    @property
    def words(self) -> str:
        """The figures for people: "failed 4 of 30 runs of unpatched trees (5-30 %)"."""
        if not self.runs:
            return "never run on an unpatched tree"
        where = "run of an unpatched tree" if self.runs == 1 else "runs of unpatched trees"
        if not self.failures:
            return f"passed {self.runs:,} of {self.runs:,} {where}"
        return f"failed {self.failures:,} of {self.runs:,} {where} ({interval(self.failures, self.runs)})"

    def and_passed(self, runs: int) -> "History":
        """Return what is known after so many more runs of an unpatched tree, in which it passed."""
        return replace(self, runs=self.runs + runs)

    def explains_failures(self, again: int) -> bool:
        """Tell whether the test may have failed in each of `again` runs by chance, for all that is known of it."""
        return again < USUAL_RUNS or self._chance(again) >= CHANCE

    def _chance(self, again: int) -> float:
        if self.failures:
            return self.rate[1] ** again
        others = self.runs - 1  # without the one that made it a suspect
        if others < 1:
            return 1.0
        worst = again / (again + others)
        return float(worst**again * (1 - worst) ** others)

    def explains_passes(self, runs: int) -> bool:
        """Tell whether a test that fails by itself may have passed in each of `runs` runs by chance."""
        return self.flaky and (1 - self.rate[0]) ** runs >= CHANCE


def while_chance_explains() -> Iterator[int]:
    """Count looks at both sides, of what has no history, until what came on the one alone each time is no chance."""
    number = 0
    while History(runs=1 + number).explains_failures(number):
        number += 1
        yield number


def read_history(sightings: Iterable[Sighting]) -> History:
    """Sum up what was seen on unpatched trees, given in the order of time, the oldest first; one base may come twice.

    A base on which the test never passed was broken: that tells nothing of how often the test fails by itself. Only
    where it failed once there, and passed on bases before and after, is it a failure like others.
    """
    seen: dict[str, tuple[Outcome, ...]] = {}
    for one in sightings:
        seen[one.base] = seen.get(one.base, ()) + one.outcomes
    bases = [found for base, outcomes in seen.items() if (found := Sighting(base=base, outcomes=outcomes)).runs]
    counted = [one for one, sound in zip(bases, _sound(bases), strict=True) if sound]
    return History(
        failures=sum(one.failures for one in counted),
        runs=sum(one.runs for one in counted),
        bases=len(counted),
        broken=len(bases) - len(counted),
    )


def _sound(bases: Sequence[Sighting]) -> list[bool]:
    """Tell of each base whether its results say how often the test fails by itself."""
    passes = [one.failures < one.runs for one in bases]
    before = list(accumulate(passes, initial=0))
    total = before[-1]
    return [
        passed or (one.runs == 1 and 0 < passed_before < total)
        for one, passed, passed_before in zip(bases, passes, before, strict=False)
    ]
