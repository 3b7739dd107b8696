"""Two logs of one test -> what differs, with what merely moved folded away.

Between two kernels the same program's log differs in addresses, in register ids (numbered in the order in which they
are handed out), in times, and, after one more or one less instruction, in every instruction's number: no news. The
figures of the verifier's last line are news of their own, and told apart from the lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz.distance import Indel

from app.domain.log_fold import Folded, Style, fold

MAX_LINES = 10_000
"""Lines of each log, after the beginning and the end that they share, that are compared: two seconds at the worst."""
MAX_SHOWN = 3_000
"""Lines of a comparison that are given; so many that nobody reads them."""


class Where(StrEnum):
    """Which log has a line; GAP stands for lines left out because both have them."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of a comparison; `left` and `right` are its numbers (from 1) in the logs that have it.

    A line of both is shown as the right log has it, `moved` when the left one differs in what merely moves; a gap's
    text says how many lines it stands for.
    """

    where: Where
    left: int | None
    right: int | None
    text: str
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number of the verifier's statistics in both logs; None where a log has none."""

    name: str
    left: int | None
    right: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDiff:
    """A comparison. `removed` and `added` count lines, `moved` those that differ in what merely moves.

    `lines` is () when nothing else differs. `figures` are those that differ. `left_out` counts lines that were not
    compared, or are too many to be given.
    """

    lines: tuple[DiffLine, ...]
    removed: int
    added: int
    moved: int
    figures: tuple[Figure, ...]
    left_out: int

    @property
    def same(self) -> bool:
        """Whether nothing differs but what merely moved."""
        return not (self.removed or self.added or self.figures or self.left_out)


_STATS = re.compile(r"^processed \d+ insns ")
_FIGURE = re.compile(r"\b(processed|max_states_per_insn|total_states|peak_states) (\d{1,12})")
_FIGURE_NAMES = {
    "processed": "instructions",
    "max_states_per_insn": "most states of an instruction",
    "total_states": "states",
    "peak_states": "peak states",
}


def diff_logs(
    left: Sequence[str],
    right: Sequence[str],
    *,
    context: int = 3,
    style: Style = Style.LOG,
    exact: bool = False,
    most: int = MAX_LINES,
) -> LogDiff:
    """Compare two logs.

    Args:
        left: lines.
        right: lines.
        context: how many shared lines to give around those that differ.
        style: how they are folded.
        exact: compare them as they are, and give every difference.
        most: lines of each that are compared.
    """
    head = _shared(left, right)
    tail = _shared(left[head:][::-1], right[head:][::-1])
    a, b = left[head : len(left) - tail], right[head : len(right) - tail]
    beyond = max(len(a), len(b), most) - most
    a, b = a[:most], b[:most]
    lines: list[DiffLine] = list(_both(right, 0, 0, head))
    fold_a, fold_b = (_folded(one, head, len(part), style, exact=exact) for one, part in ((left, a), (right, b)))
    known = [] if exact else fold(left[max(head - MAX_LINES, 0) : head], style)
    lines += _middle(a, b, fold_a, fold_b, _Partners(known), head)
    if beyond:
        lines.append(_gap(beyond, "not compared"))
    lines += _both(right, len(left) - tail, len(right) - tail, tail)
    return _summed(lines, context, beyond, _figures(left, right))


def _summed(lines: Sequence[DiffLine], context: int, beyond: int, figures: tuple[Figure, ...]) -> LogDiff:
    """Return the comparison with all its `lines`, of which `beyond` more were not compared."""
    removed, added = (sum(line.where is where for line in lines) for where in (Where.LEFT, Where.RIGHT))
    shown = tuple(_with_gaps(lines, context)) if removed or added or beyond else ()
    return LogDiff(
        lines=shown[:MAX_SHOWN],
        removed=removed,
        added=added,
        moved=sum(line.moved for line in lines),
        figures=figures,
        left_out=beyond + max(len(shown) - MAX_SHOWN, 0),
    )


def _folded(lines: Sequence[str], start: int, number: int, style: Style, *, exact: bool) -> list[Folded]:
    if exact:
        return [Folded(text=line, names=()) for line in lines[start : start + number]]
    if style is Style.ITERATOR:  # the heads of its columns may be among the lines that both share
        return fold(lines[: start + number], style)[start:]
    return fold(lines[start : start + number], style)


class _Partners:
    """Which name of the left log stands for which of the right one.

    A name may change its partner; the line where it does so is news, and what follows goes by the new one.
    """

    def __init__(self, shared: Sequence[Folded]) -> None:
        names = {name for line in shared for name in line.names}
        self._right = {(space, name): name for space, name in names}
        self._left = dict(self._right)

    def agree(self, x: Folded, y: Folded) -> bool:
        """Tell whether two lines of equal texts name the same; take on what they say."""
        agrees = len(x.names) == len(y.names)
        for (space, left), (_, right) in zip(x.names, y.names, strict=False):
            there, back = self._right.get((space, left), right), self._left.get((space, right), left)
            agrees = agrees and there == right and back == left
            self._right[space, left] = right
            self._left[space, right] = left
        return agrees


def _middle(
    a: Sequence[str],
    b: Sequence[str],
    fold_a: Sequence[Folded],
    fold_b: Sequence[Folded],
    partners: _Partners,
    head: int,
) -> Iterator[DiffLine]:
    """Yield the lines after the `head` shared ones: aligned by their folded texts, then by what they name."""
    x = y = 0
    for block in Indel.opcodes([one.text for one in fold_a], [one.text for one in fold_b]).as_matching_blocks():
        yield from _only(Where.LEFT, a, x, block.a, head)
        yield from _only(Where.RIGHT, b, y, block.b, head)
        x, y = block.a + block.size, block.b + block.size
        for at in range(block.size):
            i, j = block.a + at, block.b + at
            if partners.agree(fold_a[i], fold_b[j]):
                moved = a[i].rstrip() != b[j].rstrip()
                yield DiffLine(where=Where.BOTH, left=head + i + 1, right=head + j + 1, text=b[j], moved=moved)
            else:
                yield from _only(Where.LEFT, a, i, i + 1, head)
                yield from _only(Where.RIGHT, b, j, j + 1, head)


def _only(where: Where, lines: Sequence[str], start: int, stop: int, head: int) -> Iterator[DiffLine]:
    for at in range(start, stop):
        number = head + at + 1
        left, right = (number, None) if where is Where.LEFT else (None, number)
        yield DiffLine(where=where, left=left, right=right, text=lines[at])


def _figures(left: Sequence[str], right: Sequence[str]) -> tuple[Figure, ...]:
    """Return the statistics that differ: those of each log's last line that gives any."""
    a, b = _last_figures(left), _last_figures(right)
    if not a or not b:
        return ()
    return tuple(
        Figure(name=said, left=a.get(name), right=b.get(name))
        for name, said in _FIGURE_NAMES.items()
        if a.get(name) != b.get(name)
    )


def _last_figures(log: Sequence[str]) -> dict[str, int]:
    line = next((line for line in reversed(log) if _STATS.match(line)), "")
    return {name: int(number) for name, number in _FIGURE.findall(line)}


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _both(right: Sequence[str], a: int, b: int, number: int) -> Iterator[DiffLine]:
    for at in range(number):
        yield DiffLine(where=Where.BOTH, left=a + at + 1, right=b + at + 1, text=right[b + at])


def _gap(number: int, what: str) -> DiffLine:
    return DiffLine(where=Where.GAP, left=None, right=None, text=f"{number:,} line{'' if number == 1 else 's'} {what}")


def _with_gaps(lines: Sequence[DiffLine], context: int) -> Iterator[DiffLine]:
    """Leave out shared lines that are further than `context` from any that differs."""
    done = 0
    for at, line in enumerate(lines):
        if line.where is Where.BOTH:
            continue
        start = max(at - context, done)
        if start > done:
            yield _gap(start - done, "the same")
        yield from lines[start : at + 1]
        done = at + 1
        after = next(
            (n for n in range(done, min(done + context, len(lines))) if lines[n].where is not Where.BOTH), None
        )
        stop = min(done + context, len(lines)) if after is None else after
        yield from lines[done:stop]
        done = stop
    if len(lines) > done:
        yield _gap(len(lines) - done, "the same")
