"""Two revisions patch by patch: what became of each, and what differs, by `git range-diff` where it was made."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.evolution import Change, match_patches, moved_places
from app.domain.patch_difference import patch_difference, same_code
from app.domain.series import Patch

_PAIR = re.compile(r" {0,6}(?:(\d{1,6})|-): +[0-9a-f-]{4,64} [=!<>] +(?:(\d{1,6})|-): +[0-9a-f-]{4,64}(?: .*)?")
_INDENT = "    "
MAX_WORK = 100_000_000  # lines of the one times lines of the other, over all patches; then they are compared briefly


class Source(StrEnum):
    """Who says what became of a patch and what differs."""

    GIT = "git range-diff"
    PATCHES = "patch against patch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A patch and what it became; one side is None for added and dropped.

    `difference` is the diff of the two diffs, as `app.domain.patch_difference` describes it; "" where nothing differs
    or one side is None. `same_code` says that only author or message differ.
    """

    old: Patch | None
    new: Patch | None
    change: Change
    retitled: bool
    moved: bool
    same_code: bool
    difference: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All patches of two revisions, in the newer's order, the dropped ones last; `source` is that of most rows."""

    rows: tuple[Row, ...]
    source: Source


def compare(old: Sequence[Patch], new: Sequence[Patch], range_diff: str | None = None) -> Comparison:
    """Compare the patches of two revisions, each in its order.

    `range_diff` is what `git range-diff` wrote about the two as they were applied. Its pairs and its differences are
    taken, unless it is about other patches than these or finds no two alike. What it takes for dropped and added, but
    is one patch by title or by many of its lines (git gives up at 60 % by default, `--creation-factor`), is compared
    patch against patch. Where there is much to compare, the later patches are compared briefly.
    """
    by_git = _read(range_diff, old, new) if range_diff is not None else []
    source = Source.GIT if by_git else Source.PATCHES
    rows = [_row(before, after, difference, Source.GIT) for before, after, difference in by_git]
    left, right = _without(old, [row.old for row in rows]), _without(new, [row.new for row in rows])
    work = 0
    for pair in match_patches(left, right):
        if pair.old is not None and pair.new is not None:
            difference = patch_difference(pair.old, pair.new, briefly=work > MAX_WORK)
            rows.append(_row(pair.old, pair.new, difference, Source.PATCHES))
            work += pair.old.diff.count("\n") * pair.new.diff.count("\n") if difference else 0
        else:
            rows.append(_row(pair.old, pair.new, "", source))
    return Comparison(rows=_in_order(rows), source=source)


def _without(patches: Sequence[Patch], taken: Sequence[Patch | None]) -> list[Patch]:
    positions = {patch.position for patch in taken if patch is not None}
    return [patch for patch in patches if patch.position not in positions]


def _row(old: Patch | None, new: Patch | None, difference: str, source: Source) -> Row:
    if old is None or new is None:
        change = Change.ADDED if old is None else Change.DROPPED
        return Row(
            old=old, new=new, change=change, retitled=False, moved=False, same_code=False, difference="", source=source
        )
    return Row(
        old=old,
        new=new,
        change=Change.CHANGED if difference else Change.SAME,
        retitled=old.title != new.title,
        moved=False,
        same_code=not difference or same_code(old, new),
        difference=difference,
        source=source,
    )


def _in_order(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Sort the rows, and say now that all are known which patches have moved."""
    stayed = sorted((row.new.position, row.old.position) for row in rows if row.old and row.new)
    moved = moved_places([old for _, old in stayed])
    marked = [
        replace(row, moved=row.old is not None and row.new is not None and row.old.position in moved) for row in rows
    ]
    return tuple(sorted(marked, key=_place))


def _place(row: Row) -> tuple[bool, int]:
    one = row.new or row.old
    return row.new is None, one.position if one else 0


def _read(text: str, old: Sequence[Patch], new: Sequence[Patch]) -> list[tuple[Patch, Patch, str]]:
    """The pairs in what `git range-diff` wrote, which counts commits from 1; none if it is about other patches."""
    numbers: tuple[list[int], list[int]] = ([], [])
    pairs: list[tuple[int, int, list[str]]] = []
    lines: list[str] = []  # of the pair last named
    for line in text.split("\n"):
        if line.startswith(_INDENT):
            lines.append(line.removeprefix(_INDENT))
        elif found := _PAIR.fullmatch(line):
            lines = []
            for side, number in zip(numbers, found.groups(), strict=True):
                side.extend([int(number)] if number else [])
            if found[1] and found[2]:
                pairs.append((int(found[1]), int(found[2]), lines))
    if any(sorted(side) != list(range(1, len(patches) + 1)) for side, patches in zip(numbers, (old, new), strict=True)):
        return []
    return [(old[a - 1], new[b - 1], "".join(f"{line}\n" for line in lines)) for a, b, lines in pairs]
