"""Two revisions of a series side by side: what the author says has changed, and what has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.db.models import Patch, Revision, Series
from app.db.queries import series as queries
from app.domain.comparison import Row, Source
from app.domain.evolution import Change
from app.services.comparing import Difference, compare_revisions, pick
from app.web.between import Between, between
from app.web.moved import moved_or_missing
from app.web.parameters import Id, Read
from app.web.render import render
from app.web.twofold import Twofold, twofold
from app.web.words import Chip, Statement, Tone

router = APIRouter(include_in_schema=False)
MOST_LINES = 20_000
"""Lines of differences on one page; what comes after them is over REST."""

_CHIPS = {
    Change.SAME: Chip(text="same", tone=Tone.QUIET),
    Change.CHANGED: Chip(text="changed", tone=Tone.NEW),
    Change.ADDED: Chip(text="added", tone=Tone.GOOD),
    Change.DROPPED: Chip(text="dropped", tone=Tone.BAD),
}
_RETITLED = Chip(text="retitled", tone=Tone.WARN)
_MOVED = Chip(text="moved", tone=Tone.WARN)
_MESSAGE = Chip(text="message changed", tone=Tone.QUIET)

Label = Annotated[str | None, Query(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRow:
    """A patch and what became of it; `difference` is None where there is none or no room for it."""

    old: Patch | None
    new: Patch | None
    was: str | None
    chips: Sequence[Chip]
    difference: Twofold | None
    beside_git: bool

    @property
    def anchor(self) -> str:
        """What the row's difference is called on the page."""
        return f"patch-{self.new.position if self.new else 0}"

    @property
    def title(self) -> str:
        """The newest title."""
        patch = self.new or self.old
        assert patch is not None  # one side at least is there
        return patch.title


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Two revisions compared; `steps` are the pairs of neighbours, to go to."""

    series: Series
    difference: Difference
    statement: Statement
    rows: Sequence[PatchRow]
    steps: Sequence[tuple[Revision, Revision]]
    left_out: int
    tests: Between
    place: str = "series"

    @property
    def by_git(self) -> bool:
        """Whether it is git's word."""
        return self.difference.comparison.source is Source.GIT

    @property
    def beside_git(self) -> int:
        """How many patches git takes for dropped and added, and we for one."""
        return sum(row.beside_git for row in self.rows)

    @property
    def title(self) -> str:
        """The series and the two revisions."""
        return f"{self.series.title} · {self.difference.new.label} against {self.difference.old.label}"


@router.get("/series/{series_id}/compare")
def show_comparison(
    series_id: Id,
    request: Request,
    session: Read,
    older: Annotated[Label, Query(alias="from")] = None,
    to: Label = None,
) -> HTMLResponse:
    """Show two revisions of a series compared, by default the newest with the one before."""
    series = queries.get_series(session, series_id)
    if series is None:
        raise moved_or_missing(session, series_id)
    old, new = pick(series.revisions, older, to)
    difference = compare_revisions(session, series.revisions, old, new)
    rows, left_out = _rows(difference)
    context = ComparePage(
        series=series,
        difference=difference,
        statement=statement(difference),
        rows=rows,
        steps=list(zip(series.revisions, series.revisions[1:], strict=False)),
        left_out=left_out,
        tests=between(session, old, new),
    )
    return render(request, "series/compare.html", context)


def statement(difference: Difference) -> Statement:
    """Say in one sentence what became of the patches."""
    counts = Counter(row.change for row in difference.comparison.rows)
    changed, stayed = counts[Change.CHANGED], counts[Change.SAME] + counts[Change.CHANGED]
    if not changed:
        head = "No patch"
    elif changed < stayed:
        head = f"{changed} of {stayed} patches"
    else:
        head = {1: "The patch", 2: "Both patches"}.get(stayed, f"All {stayed} patches")
    head += f" changed from {difference.old.label} to {difference.new.label}"
    more = [f"{counts[one]} {one}" for one in (Change.ADDED, Change.DROPPED) if counts[one]]
    moved = sum(row.moved for row in difference.comparison.rows)
    more += [f"{moved} moved"] if moved else []
    rest = f", {', '.join(more)}." if more else "."
    return Statement(head=head, rest=rest, tone=Tone.NEW if changed or more else Tone.QUIET)


def _rows(difference: Difference) -> tuple[list[PatchRow], int]:
    """Return the rows, with the differences that there is room for, and how many there is none for."""
    rows, left_out, room = [], 0, MOST_LINES
    for row in difference.comparison.rows:
        shown = twofold(row.difference) if row.difference else None
        if shown is not None and len(shown.lines) > room:
            shown, left_out = None, left_out + 1
        room -= len(shown.lines) if shown else 0
        rows.append(_row(row, difference, shown))
    return rows, left_out


def _row(row: Row, difference: Difference, shown: Twofold | None) -> PatchRow:
    chips = [_MESSAGE if row.change is Change.CHANGED and row.same_code else _CHIPS[row.change]]
    chips += [_RETITLED] * row.retitled + [_MOVED] * row.moved
    return PatchRow(
        old=difference.patches[difference.old.id, row.old.position] if row.old else None,
        new=difference.patches[difference.new.id, row.new.position] if row.new else None,
        was=row.old.title if row.old and row.retitled else None,
        chips=chips,
        difference=shown,
        beside_git=difference.range_diff is not None and row.source is Source.PATCHES,
    )
