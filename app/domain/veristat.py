"""What the verifier spends on each program, and what that became between two runs, worst first.

veristat (tools/testing/selftests/bpf/veristat.c) loads every program of the selftests' object files, one at a time, and
says whether the verifier takes it, how many instructions it walked through, and how many states it kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

MUCH = 0.1
"""Growth of instructions or states that is called out: a tenth, of a program for which that is a number at all."""
FEW = 1000
"""Instructions below which growth is nobody's news: a program of ten may well have eleven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program in one run: `name` is `file/prog`, `accepted` the verifier's verdict."""

    name: str
    accepted: bool
    states: int
    insns: int


class Weight(IntEnum):
    """How grave it is what became of a program, the gravest first."""

    REFUSED = 0
    NEW_REFUSED = 1
    GREW = 2
    GONE = 3
    SHRANK = 4
    ACCEPTED = 5
    NEW = 6
    SAME = 7

    @property
    def words(self) -> str:
        """It in words."""
        return _WORDS[self]


_WORDS = {
    Weight.REFUSED: "refused now",
    Weight.NEW_REFUSED: "new, refused",
    Weight.GREW: "costs more",
    Weight.GONE: "gone",
    Weight.SHRANK: "costs less",
    Weight.ACCEPTED: "accepted now",
    Weight.NEW: "new",
    Weight.SAME: "the same",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramChange:
    """One program in two runs; None where a run does not have it."""

    name: str
    before: Program | None
    after: Program | None
    weight: Weight

    @property
    def insns(self) -> float | None:
        """By which part the instructions grew: 0.5 is half as many again; None where nothing can be compared."""
        return _growth(self.before.insns if self.before else None, self.after.insns if self.after else None)

    @property
    def states(self) -> float | None:
        """By which part the states grew."""
        return _growth(self.before.states if self.before else None, self.after.states if self.after else None)

    @property
    def growth(self) -> float:
        """The larger of both, 0.0 where nothing can be compared."""
        return max(self.insns or 0.0, self.states or 0.0)

    @property
    def much(self) -> bool:
        """Whether it grew by so much that it is called out."""
        counts = [one.insns for one in (self.before, self.after) if one]
        return self.weight is Weight.GREW and self.growth >= MUCH and max(counts) >= FEW


def compare_programs(before: Iterable[Program], after: Iterable[Program]) -> tuple[ProgramChange, ...]:
    """Return what became of each program that either run has: verdicts first, then by growth, then by name."""
    old: Mapping[str, Program] = {one.name: one for one in before}
    new: Mapping[str, Program] = {one.name: one for one in after}
    changes = [_change(name, old.get(name), new.get(name)) for name in old.keys() | new.keys()]
    return tuple(sorted(changes, key=lambda one: (one.weight, -one.growth, -_cost(one), one.name)))


def called_out(changes: Sequence[ProgramChange]) -> tuple[ProgramChange, ...]:
    """Return those that a reply has to name: refused where it was not, or grown by a lot.

    A new one that is refused may be meant to be: most programs of the verifier's own tests are.
    """
    return tuple(one for one in changes if one.weight is Weight.REFUSED or one.much)


def _change(name: str, before: Program | None, after: Program | None) -> ProgramChange:
    return ProgramChange(name=name, before=before, after=after, weight=_weight(before, after))


def _weight(before: Program | None, after: Program | None) -> Weight:
    if after is None:
        return Weight.GONE
    if before is None:
        return Weight.NEW if after.accepted else Weight.NEW_REFUSED
    if before.accepted != after.accepted:
        return Weight.ACCEPTED if after.accepted else Weight.REFUSED
    if (before.insns, before.states) == (after.insns, after.states):
        return Weight.SAME
    more = after.insns > before.insns or (after.insns == before.insns and after.states > before.states)
    return Weight.GREW if more else Weight.SHRANK


def _growth(before: int | None, after: int | None) -> float | None:
    if not before or after is None:
        return None
    return (after - before) / before


def _cost(one: ProgramChange) -> int:
    return one.after.insns if one.after else 0
