"""A test's log for pages: numbered lines, what matched ticked, what is wrong marked; bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.verifier_log import Status, VerifierCheck

MOST_LINES = 1500
"""Lines of one log that a page shows: all, or those around what is wrong; the rest is a link away."""
MOST_OF_ALL = 4 * MOST_LINES
"""Lines of all logs on one page: fifty checks may have searched one and the same."""
MOST_EXPECTED = 100
"""Expectations of one check that a page shows, the last: that is where it failed."""
WIDTH = 2000


class Mark(StrEnum):
    """What is to be said of a line, as the style sheet calls it."""

    NONE = ""
    MATCHED = "hit"
    WRONG = "miss"
    WANTED = "want"


SIGNS = {Mark.NONE: "", Mark.MATCHED: "✓", Mark.WRONG: "✗", Mark.WANTED: "→"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line; `number` from 1. With `number` 0 it stands for lines that are left out."""

    number: int
    text: str
    mark: Mark = Mark.NONE

    @property
    def sign(self) -> str:
        """The mark as a character."""
        return SIGNS[self.mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationRow:
    """One expectation: its sign, word and tone, and the line to go to."""

    sign: str
    word: str
    tone: str
    pattern: str
    is_regex: bool
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A check that failed, as a page shows it; `number` from 1 makes its anchors.

    `earlier` counts expectations that matched before those of `rows`, `size` the lines of the whole log.
    """

    number: int
    kind: str
    sentence: str
    rows: Sequence[ExpectationRow]
    earlier: int
    log: Sequence[LogLine]
    size: int
    wrong_at: int | None


_WORDS = {
    Status.MATCHED: ("✓", "matched", "pass"),
    Status.EXPECTED: ("✗", "missing", "fail"),
    Status.WRONG_LINE: ("✗", "wrong line", "fail"),
    Status.UNEXPECTED: ("✗", "unexpected", "fail"),
}


class Room:
    """The lines that logs may still take on one page."""

    def __init__(self) -> None:
        self._left = MOST_OF_ALL

    def numbered(self, lines: Sequence[str], marks: dict[int, Mark] | None = None, *, centre: int = 1) -> list[LogLine]:
        """Return lines with their numbers, if there is room: those around `centre`, and every marked one."""
        shown = numbered(lines, marks, centre=centre, most=min(MOST_LINES, self._left))
        self._left = max(0, self._left - len(shown))
        return shown


def check_views(checks: Sequence[VerifierCheck], room: Room) -> list[CheckView]:
    """Return checks as a page shows them."""
    return [_check_view(number, check, room) for number, check in enumerate(checks, start=1)]


def _check_view(number: int, check: VerifierCheck, room: Room) -> CheckView:
    rows = []
    marks: dict[int, Mark] = {}
    for one in check.expectations[-MOST_EXPECTED:]:
        sign, word, tone = _WORDS[one.status]
        line = one.line if one.line is not None or one.status is Status.MATCHED else check.wrong_at
        rows.append(
            ExpectationRow(sign=sign, word=word, tone=tone, pattern=one.pattern, is_regex=one.is_regex, line=line)
        )
        if one.status is Status.MATCHED and one.line is not None:
            marks[one.line] = Mark.MATCHED
    if check.wanted_at is not None:
        marks.setdefault(check.wanted_at, Mark.WANTED)
    if check.wrong_at is not None:
        marks[check.wrong_at] = Mark.WRONG
    return CheckView(
        number=number,
        kind=str(check.kind),
        sentence=check.sentence,
        rows=rows,
        earlier=len(check.expectations) - len(rows),
        log=room.numbered(check.log, marks, centre=check.wrong_at or len(check.log)),
        size=len(check.log),
        wrong_at=check.wrong_at,
    )


def numbered(
    lines: Sequence[str], marks: dict[int, Mark] | None = None, *, centre: int = 1, most: int = MOST_LINES
) -> list[LogLine]:
    """Return lines with their numbers; of more than `most` those around `centre`, and every marked one."""
    marks = marks or {}
    first = max(1, min(centre - most // 2, len(lines) - most + 1))
    last = min(len(lines), first + most - 1)
    wanted = sorted({*range(first, last + 1), *(at for at in marks if 0 < at <= len(lines))})
    shown: list[LogLine] = []
    before = 0
    for at in wanted:
        if at > before + 1:
            shown.append(_gap(at - before - 1))
        text = lines[at - 1]
        shown.append(LogLine(number=at, text=text[:WIDTH], mark=marks.get(at, Mark.NONE)))
        before = at
    if before < len(lines):
        shown.append(_gap(len(lines) - before))
    return shown


def _gap(number: int) -> LogLine:
    return LogLine(number=0, text=f"{number:,} line{'' if number == 1 else 's'} left out")
