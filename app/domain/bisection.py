"""Which patch of a series broke something: a bisection that knows of commits which cannot tell, and of luck.

Position 0 is the base, position N has patches 1 to N applied. What is looked for is where the failure that the whole
series shows began: the patch after the last position that is good. Pure: whoever builds and boots asks for `next` and
tells what was seen, until `next` is None.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.domain.flake import MOST_RUNS

LOOKS = 5
"""How often each of the two neighbours, the last good and the first bad, has to have been seen so: once to be found,
and four times again, as a test of which nothing is known (app/domain/flake.py). One boot that falls out by chance would
name another patch."""
MOST_TRIES = 2 * LOOKS
"""So often a position is tried at most; one that has not told LOOKS times then cannot tell."""


class Seen(StrEnum):
    """What one try at one position showed. UNTOLD: the test is not there, or the kernel does not build or boot."""

    GOOD = "good"
    BAD = "bad"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstBad:
    """The patch `position` is the first bad one, if it is `sure`; else it is one of those after `good` up to it."""

    good: int
    position: int

    @property
    def sure(self) -> bool:
        """Whether it is one patch and no other."""
        return self.position == self.good + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """What is known of a series of `length` patches; `seen` holds what each try showed, by position."""

    length: int
    seen: dict[int, tuple[Seen, ...]] = field(default_factory=dict)

    def told(self, position: int, what: Seen) -> "Bisection":
        """Return what is known after one more try.

        Raises:
            ValueError: the series has no such position.
        """
        if not 0 <= position <= self.length:
            raise ValueError(f"position {position} of a series of {self.length} patches")
        return replace(self, seen={**self.seen, position: (*self.seen.get(position, ()), what)})

    @property
    def by_chance(self) -> bool:
        """Whether the whole series was seen to be good as well: what fails with it does so now and then."""
        return {Seen.GOOD, Seen.BAD} <= set(self._telling(self.length))

    @property
    def next(self) -> int | None:
        """Where to try next; None when no further try could tell more.

        What a single patch does now and then the whole series may do as well: that is looked at further then.
        """
        ends = self._ends()
        if ends is None:
            return next((end for end in (self.length, 0) if end not in self.seen), None)
        good, bad = ends
        untried = [at for at in range(good + 1, bad) if at not in self.seen]
        if untried:
            middle = (good + bad) / 2
            return min(untried, key=lambda at: (abs(at - middle), at))
        if self._luck_inside and self._wants(self.length, MOST_RUNS):
            return self.length
        return next((at for at in (bad, good) if self._wants(at, LOOKS)), None)

    @property
    def answer(self) -> FirstBad | None:
        """The first bad patch as far as it is known; None where an end is not what it has to be (a failure by chance).

        To be asked when `next` is None.
        """
        ends = self._ends()
        return None if ends is None else FirstBad(good=ends[0], position=ends[1])

    def _ends(self) -> tuple[int, int] | None:
        """The last good position and the first bad one above it; None where the ends of the series are not so."""
        if self._state(0) is not Seen.GOOD or self._state(self.length) is not Seen.BAD:
            return None
        good = max(at for at in self.seen if self._state(at) is Seen.GOOD)
        bad = min(at for at in self.seen if at > good and self._state(at) is Seen.BAD)
        return good, bad

    @property
    def _luck_inside(self) -> bool:
        return any(len(set(self._telling(at))) > 1 for at in range(1, self.length))

    def _state(self, position: int) -> Seen:
        """What a position is; seen both good and bad, or too seldom in all its tries, it tells nothing."""
        telling = self._telling(position)
        mute = len(telling) < LOOKS and len(self.seen.get(position, ())) >= MOST_TRIES
        return telling[0] if len(set(telling)) == 1 and not mute else Seen.UNTOLD

    def _wants(self, position: int, looks: int) -> bool:
        """Whether to try once more where so many looks have to tell."""
        return len(self._telling(position)) < looks and len(self.seen.get(position, ())) < MOST_TRIES

    def _telling(self, position: int) -> tuple[Seen, ...]:
        return tuple(one for one in self.seen.get(position, ()) if one is not Seen.UNTOLD)
