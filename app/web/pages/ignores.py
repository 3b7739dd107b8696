"""Tests whose failures are ignored: the list, an entry more, an entry ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.db.models import Ignore
from app.db.queries import ignores as queries
from app.db.queries.paging import Window
from app.errors import SubmissionError
from app.services import ignoring
from app.web.forms import Fields
from app.web.pages.lists import Pager, pager
from app.web.parameters import Config, Id, Now, Read, Words, Write
from app.web.render import render
from app.web.security import SignedIn
from app.web.words import Chip, Tone

router = APIRouter(include_in_schema=False)
PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRow:
    """An entry, what became of it, and whether it can be ended."""

    entry: Ignore
    chip: Chip
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreList:
    """The page; `pattern` and `suite` fill the form in for a test that it was asked from."""

    rows: Sequence[IgnoreRow]
    pager: Pager
    in_force: int
    pattern: str
    suite: str
    trees: Sequence[str]
    profiles: Sequence[str]
    longest_days: int = ignoring.LONGEST.days
    title: str = "Ignored tests"
    place: str = "tests"


@router.get("/ignores")
def list_ignores(
    request: Request,
    session: Read,
    settings: Config,
    now: Now,
    pattern: Annotated[Words, Query()] = "",
    suite: Annotated[Words, Query()] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show what is ignored, what expires last first, and what was."""
    found = queries.list_ignores(session, Window(page=page, limit=PER_PAGE), now=now)
    context = IgnoreList(
        rows=[_row(one, now) for one in found.items],
        pager=pager(request, found),
        in_force=len(queries.in_force(session, now)),
        pattern=pattern,
        suite=suite,
        trees=[tree.name for tree in settings.trees],
        profiles=sorted(settings.profiles),
    )
    return render(request, "ignores/list.html", context)


@router.post("/ignores")
def add_ignore(session: Write, token: SignedIn, now: Now, fields: Fields) -> RedirectResponse:
    """Put an entry on the list; it expires at the end of the day that the form names."""
    try:
        day = datetime.strptime(fields.get("expires", ""), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise SubmissionError("Say until which day it is to be ignored, as in 2026-12-31.") from None
    words = {name: fields.get(name, "") for name in ("pattern", "suite", "tree", "profile", "reason", "owner")}
    expires = datetime.combine(day, time(23, 59, 59), tzinfo=UTC)
    row = ignoring.add(session, ignoring.Entry(**words, expires_at=expires), by=token.name, now=now)
    return RedirectResponse(f"/ignores#ignore-{row.id}", 303)


@router.post("/ignores/{ignore_id}/end")
def end_ignore(ignore_id: Id, session: Write, token: SignedIn, now: Now, _fields: Fields) -> RedirectResponse:
    """Let an entry count no more."""
    row = ignoring.end(session, ignore_id, by=token.name, now=now)
    return RedirectResponse(f"/ignores#ignore-{row.id}", 303)


def _row(entry: Ignore, now: datetime) -> IgnoreRow:
    if entry.ended_at is not None:
        return IgnoreRow(entry=entry, chip=Chip(text="ended", tone=Tone.QUIET), in_force=False)
    if entry.expires_at <= now:
        return IgnoreRow(entry=entry, chip=Chip(text="expired", tone=Tone.QUIET), in_force=False)
    return IgnoreRow(entry=entry, chip=Chip(text="ignored", tone=Tone.WARN), in_force=True)
