"""The list of series, and one series: what each revision does to the tests, and what reviewers say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from app.db.models import Revision, Series
from app.db.queries import series as queries
from app.db.queries import threads as thread_queries
from app.db.queries.paging import Window
from app.db.queries.runs import change_counts, runs_of_revisions
from app.domain.outcome import Verdict
from app.web.mboxrd import download
from app.web.moved import moved_or_missing
from app.web.pages.lists import Pager, pager
from app.web.pages.series_page import series_page
from app.web.parameters import Config, Id, Now, OrAny, Read, SessionFactory, Words
from app.web.render import render
from app.web.words import Chip, revision_chips

router = APIRouter(include_in_schema=False)
PER_PAGE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionCard:
    """A revision in the list: what is said of it and how much talk there was."""

    revision: Revision
    chips: Sequence[Chip]
    comments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesList:
    """The first page."""

    items: Sequence[tuple[Series, Sequence[RevisionCard]]]
    pager: Pager
    tags: Sequence[str]
    verdicts: Sequence[Verdict]
    wanted: queries.SeriesFilter
    title: str = "Series"
    place: str = "series"

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return self.wanted != queries.SeriesFilter()


@router.get("/")
def list_series(
    request: Request,
    session: Read,
    q: Annotated[Words, Query()] = "",
    tag: Annotated[Words, Query()] = "",
    author: Annotated[Words, Query()] = "",
    verdict: Annotated[Verdict | None, OrAny, Query()] = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show the series, the one posted last first."""
    wanted = queries.SeriesFilter(text=q or None, tag=tag or None, author=author or None, verdict=verdict)
    found = queries.list_series(session, wanted, Window(page=page, limit=PER_PAGE))
    ids = [revision.id for series in found.items for revision in series.revisions]
    runs = runs_of_revisions(session, ids)
    counts = change_counts(session, [shown.id for one in runs.values() if (shown := one.shown)])
    comments = queries.comment_counts(session, ids)

    def card(one: Revision) -> RevisionCard:
        chips = revision_chips(runs[one.id], counts, one.total)
        return RevisionCard(revision=one, chips=chips, comments=comments.get(one.id, 0))

    context = SeriesList(
        items=[(series, [card(one) for one in series.revisions]) for series in found.items],
        pager=pager(request, found),
        tags=queries.list_tags(session),
        verdicts=list(Verdict),
        wanted=wanted,
    )
    return render(request, "series/list.html", context)


@router.get("/series/{series_id}")
def show_series(
    series_id: Id,
    request: Request,
    session: Read,
    settings: Config,
    now: Now,
    revision: Annotated[str | None, Query(max_length=100)] = None,
) -> HTMLResponse:
    """Show one series; `revision` is the label of the one to look at, the newest without it."""
    series = queries.get_series(session, series_id)
    if series is None or not series.revisions:
        raise moved_or_missing(session, series_id, revision)
    chosen = series.revisions[-1]
    if revision is not None:
        chosen = next((one for one in reversed(series.revisions) if one.label == revision), None) or chosen
        if chosen.label != revision:
            raise moved_or_missing(session, series_id, revision)
    return render(request, "series/show.html", series_page(session, settings, series, chosen, now))


@router.get("/series/{series_id}/mbox")
def download_series(series_id: Id, session: Read, sessions: SessionFactory) -> Response:
    """Send all mails of a series as an mbox."""
    mails = thread_queries.mails_of_series(session, series_id)
    if not mails:
        raise moved_or_missing(session, series_id)
    return download(sessions, mails, f"series-{series_id}")
