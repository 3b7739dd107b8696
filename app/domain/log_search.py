"""Where in a log a pattern of test_loader.c is, or what is most like it. A regular expression from a log is never run.

A pattern is a text to be found as it is; in one that is a regular expression, what stands between `{{` and `}}` is one,
and the rest is a text (compile_regex() in tools/testing/selftests/bpf/test_loader.c).
"""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz, process

MAX_COMPARED_LINES = 4000
"""Lines of a log in which the nearest to an expectation is looked for; the work is linear in it."""
MAX_LOOKS = 4_000_000
"""Lines that are looked at for the patterns of one output, again and again for each: a second at most.

Only who prints hundreds of patterns that are nowhere in a long log comes to the end of it.
"""

_ALIKE = 60
_HOLDS = 85
_MAX_WIDTH = 300
_MIN_PART = 6
_REGEX = re.compile(r"\{\{.*?\}\}", re.DOTALL)

Place = tuple[int, int]
"""A line's index and a column in it."""


class Looks:
    """How many lines may still be looked at."""

    def __init__(self) -> None:
        self._left = MAX_LOOKS

    def find(self, log: Sequence[str], start: Place, pattern: str, *, is_regex: bool) -> tuple[Place, Place] | None:
        """Return where a pattern begins and ends, None where it is nowhere, or no more lines may be looked at."""
        if self._left <= 0:
            return None
        span = _find(log, start, pattern, is_regex=is_regex)
        self._left -= (span[1][0] if span else len(log)) - start[0] + 1
        return span


def locate(
    log: Sequence[str], patterns: Sequence[tuple[str, bool]], start: Place = (0, 0), *, looks: Looks
) -> tuple[tuple[int | None, ...], Place]:
    """Return on which lines (from 1) patterns that matched one after the other did, and where the last one ends.

    None for one that cannot be told: it is all regular expression, or it was one of `__not_msg`, which newer trees
    call matched when the log does not have it.

    Args:
        log: the lines.
        patterns: each with whether it is a regular expression.
        start: where to begin.
        looks: how many lines may be looked at.
    """
    found: list[Place | None] = []
    places: list[int | None] = []
    at = before = start
    for pattern, is_regex in patterns:
        span = looks.find(log, at, pattern, is_regex=is_regex)
        if span is None and before != at:
            # What seemed to match before it was rather forbidden before it, and comes later.
            span = looks.find(log, before, pattern, is_regex=is_regex)
            if span is not None:
                places[-1] = None
                at = before
        if span is None:
            places.append(None)
            found.append(None)
            continue
        before, at = at, span[1]
        places.append(span[0][0] + 1)
        found.append(span[0])
    return tuple(places), at


def _find(log: Sequence[str], start: Place, pattern: str, *, is_regex: bool) -> tuple[Place, Place] | None:
    pieces = [piece for piece in _REGEX.split(pattern) if piece] if is_regex else [pattern]
    if not pieces or not pattern:
        return None
    if "\n" in pattern:
        return _find_lines(log, start, pieces[0].split("\n"))
    for line in range(start[0], len(log)):
        text = log[line]
        begin = end = -1
        column = start[1] if line == start[0] else 0
        for piece in pieces:
            at = text.find(piece, column)
            if at < 0:
                break
            begin = at if begin < 0 else begin
            column = end = at + len(piece)
        else:
            return (line, begin), (line, end)
    return None


def _find_lines(log: Sequence[str], start: Place, wanted: Sequence[str]) -> tuple[Place, Place] | None:
    """Find a text of several lines: the end of one, whole ones, the beginning of the last."""
    for line in range(start[0], len(log) - len(wanted) + 1):
        here = log[line : line + len(wanted)]
        whole = list(here[1:-1]) == list(wanted[1:-1])
        if whole and here[0].endswith(wanted[0]) and here[-1].startswith(wanted[-1]):
            return (line, len(here[0]) - len(wanted[0])), (line + len(wanted) - 1, len(wanted[-1]))
    return None


def nearest_line(log: Sequence[str], pattern: str, *, start: int = 0) -> int | None:
    """Return the number (from 1) of the line most like `pattern` at or after index `start`; None when none is."""
    wanted = _REGEX.sub("", pattern).strip()[:_MAX_WIDTH]
    lines = [line.strip()[:_MAX_WIDTH] for line in log[start : start + MAX_COMPARED_LINES]]
    best = process.extractOne(wanted, lines, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    if best is None and len(wanted) >= _MIN_PART:
        best = process.extractOne(wanted, lines, scorer=fuzz.partial_ratio, score_cutoff=_HOLDS)
    return None if best is None else start + int(best[2]) + 1
