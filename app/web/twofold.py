"""A diff of two diffs for pages: each line with the sign of the outer diff and what it is in its patch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.web.render import visible

LIMIT = 120_000
"""Characters of one patch's difference that a page shows."""


class Outer(StrEnum):
    """In which of the two versions a line is, as the style sheet calls it."""

    BOTH = "in-both"
    OLD = "in-old"
    NEW = "in-new"
    HEADING = "in-neither"  # it says where the lines that follow stand


class Inner(StrEnum):
    """What a line is in its patch."""

    TEXT = "text"
    ADDED = "add"
    REMOVED = "del"
    FILE = "file"
    PLACE = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: `sign` is that of the outer diff, `text` still has that of the patch."""

    outer: Outer
    inner: Inner
    sign: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Twofold:
    """A difference by lines; `added` and `removed` count the outer signs, `left_out` characters that were too many."""

    lines: Sequence[Line]
    added: int
    removed: int
    left_out: int


_OUTER = {"+": Outer.NEW, "-": Outer.OLD, "@": Outer.HEADING}
_INNER = {"+": Inner.ADDED, "-": Inner.REMOVED, "@": Inner.PLACE}


def twofold(difference: str) -> Twofold:
    """Return the lines of a difference as `app.domain.patch_difference` or `git range-diff` has it."""
    shown = visible(difference[:LIMIT]).removesuffix("\n")
    lines = [_line(line) for line in shown.split("\n")] if shown else []
    return Twofold(
        lines=lines,
        added=sum(line.outer is Outer.NEW for line in lines),
        removed=sum(line.outer is Outer.OLD for line in lines),
        left_out=max(0, len(difference) - LIMIT),
    )


def _line(line: str) -> Line:
    outer = _OUTER.get(line[:1], Outer.BOTH)
    if outer is Outer.HEADING:
        return Line(outer=outer, inner=Inner.PLACE, sign=" ", text=line)
    text = line[1:]
    inner = Inner.FILE if text.startswith(" ## ") and text.endswith(" ##") else _INNER.get(text[:1], Inner.TEXT)
    return Line(outer=outer, inner=inner, sign=line[:1], text=text)
