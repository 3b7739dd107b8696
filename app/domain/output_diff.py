"""What a test printed in two runs, compared part by part: logs with logs, an iterator's output with its like."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.log_diff import MAX_LINES, LogDiff, diff_logs
from app.domain.log_fold import Style
from app.domain.test_output import Part, PartKind, parts

MAX_COMPARED = 60
"""Parts that are compared; a test with more of them has no page that anybody reads."""
MAX_IN_ALL = 6 * MAX_LINES
"""Lines of all parts that are compared: two seconds, where nothing is alike."""

_Key = tuple[PartKind, str, int]
"""What a part is, what it says it is, and which of those that say so (from 1)."""
_Parts = Mapping[_Key, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDiff:
    """One part in both outputs; `left` or `right` is False where an output does not have it.

    `title` says what it is, `number` which of those that are called so (from 1), 0 where there is one. `restless`: it
    differs between two boots of the left side too, so that what differs may be nobody's doing.
    """

    kind: PartKind | None
    title: str
    number: int
    left: bool
    right: bool
    diff: LogDiff
    restless: bool = False

    @property
    def same(self) -> bool:
        """Whether it differs in nothing but what merely moved."""
        return self.left and self.right and self.diff.same


def diff_outputs(
    left: Sequence[str],
    right: Sequence[str],
    *,
    again: Sequence[str] | None = None,
    context: int = 3,
    exact: bool = False,
) -> tuple[PartDiff, ...]:
    """Compare two outputs of one test: each framed part with its like, then what was printed beside them.

    Args:
        left: lines.
        right: lines.
        again: what another boot of the left side printed.
        context: shared lines to give around those that differ.
        exact: fold nothing.
    """
    framed = parts(left), parts(right)
    a, b = (dict(_numbered(side)) for side in framed)
    c = {} if again is None else dict(_numbered(parts(again)))
    found = list(_by_part(a, b, c, context=context, exact=exact))
    beside = diff_logs(_beside(left, framed[0]), _beside(right, framed[1]), context=context, exact=exact)
    if not found or not beside.same:
        found.append(PartDiff(kind=None, title="", number=0, left=True, right=True, diff=beside))
    return tuple(found)


def _by_part(a: _Parts, b: _Parts, c: _Parts, *, context: int, exact: bool) -> Iterator[PartDiff]:
    """Compare the parts of `a` with those of `b`; `c` are those of another boot of `a`."""
    keys = list(dict.fromkeys((*b, *a)))[:MAX_COMPARED]
    room = MAX_IN_ALL
    for key in keys:
        kind, title, number = key
        one, other, another = a.get(key), b.get(key), c.get(key)
        style = Style.ITERATOR if kind is PartKind.ITERATOR else Style.LOG
        lines = (one.lines if one else (), other.lines if other else ())
        most = min(MAX_LINES, room)
        diff = diff_logs(*lines, context=context, style=style, exact=exact, most=most)
        room -= 0 if lines[0] == lines[1] else min(most, max(map(len, lines)))
        yield PartDiff(
            kind=kind,
            title=title,
            number=number if any(k[:2] == key[:2] and k != key for k in keys) else 0,
            left=one is not None,
            right=other is not None,
            diff=diff,
            restless=bool(one and another and not diff.same and _differ(one, another, style, most)),
        )


def _differ(one: Part, another: Part, style: Style, most: int) -> bool:
    return not diff_logs(one.lines, another.lines, style=style, most=most).same


def _numbered(framed: Sequence[Part]) -> list[tuple[_Key, Part]]:
    counts: Counter[tuple[PartKind, str]] = Counter()
    found = []
    for part in framed:
        counts[part.kind, part.title] += 1
        found.append(((part.kind, part.title, counts[part.kind, part.title]), part))
    return found


def _beside(output: Sequence[str], framed: Sequence[Part]) -> list[str]:
    """Return what is in no part, without what a check prints when it holds: `func:PASS:tag 0 nsec`."""
    inside = {at for part in framed for at in range(part.start - 2, part.end + 1)}
    return [
        line
        for at, line in enumerate(output)
        if at not in inside and line and not (":PASS:" in line.partition(" ")[0] and line.endswith(" nsec"))
    ]
