"""Series, revisions and the verdict on one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session

from app.db.models import Revision
from app.db.queries import patches as patch_queries
from app.db.queries import series as queries
from app.db.queries.runs import runs_of_revisions
from app.domain.outcome import Verdict
from app.errors import NotFoundError
from app.services.rerun import rerun
from app.web.api.schemas import (
    CommentShape,
    Listing,
    PatchLine,
    Problem,
    RerunRequest,
    RevisionShape,
    RunLine,
    SeriesShape,
)
from app.web.api.shapes import comment_shape, found, listing, patch_line, revision_shape, series_shape
from app.web.api.verdict import verdict_of
from app.web.api.verdict_schemas import VerdictDocument
from app.web.moved import moved_or_missing
from app.web.parameters import Config, Id, IdQuery, Paged, Read, Words, Write
from app.web.security import Bearer

router = APIRouter(tags=["series"])


@router.get("/series")
def list_series(
    request: Request,
    session: Read,
    window: Paged,
    q: Annotated[Words | None, Query(description="in titles, people, Message-IDs and names of tests")] = None,
    tag: Annotated[Words | None, Query(examples=["bpf-next"])] = None,
    author: Annotated[Words | None, Query(examples=["ann@example.org"])] = None,
    verdict: Annotated[Verdict | None, Query()] = None,
) -> Listing[SeriesShape]:
    """List series, the one posted last first."""
    wanted = queries.SeriesFilter(text=q, tag=tag, author=author, verdict=verdict)
    page = queries.list_series(session, wanted, window)
    runs = runs_of_revisions(session, [revision.id for series in page.items for revision in series.revisions])
    return listing(request, page, lambda series: series_shape(series, runs))


@router.get("/series/{series_id}", responses={307: {"description": "It is part of another series now: see Location"}})
def get_series(series_id: Id, session: Read) -> SeriesShape:
    """Return one series with its revisions."""
    series = queries.get_series(session, series_id)
    if series is None:
        raise moved_or_missing(session, series_id)
    return series_shape(series, runs_of_revisions(session, [revision.id for revision in series.revisions]))


@router.get("/revisions")
def list_revisions(request: Request, session: Read, window: Paged, series_id: IdQuery = None) -> Listing[RevisionShape]:
    """List revisions, of one series or of all."""
    page = queries.list_revisions(session, window, series_id=series_id)
    runs = runs_of_revisions(session, [revision.id for revision in page.items])
    return listing(request, page, lambda one: revision_shape(one, runs[one.id]))


@router.get("/revisions/{revision_id}")
def get_revision(revision_id: Id, session: Read) -> RevisionShape:
    """Return one revision with its patches."""
    revision = _revision(session, revision_id)
    runs = runs_of_revisions(session, [revision_id])[revision_id]
    return revision_shape(revision, runs)


@router.get("/revisions/{revision_id}/patches")
def list_patches_of_revision(revision_id: Id, request: Request, session: Read, window: Paged) -> Listing[PatchLine]:
    """List the patches of a revision in order."""
    _revision(session, revision_id)
    return listing(request, patch_queries.list_patches(session, window, revision_id=revision_id), patch_line)


@router.get("/revisions/{revision_id}/comments")
def list_comments_of_revision(revision_id: Id, request: Request, session: Read, window: Paged) -> Listing[CommentShape]:
    """List the comments on a revision, the oldest first."""
    _revision(session, revision_id)
    return listing(request, patch_queries.list_comments(session, window, revision_id=revision_id), comment_shape)


@router.get("/revisions/{revision_id}/verdict")
def get_verdict_of_revision(revision_id: Id, session: Read) -> VerdictDocument:
    """Return what is said of a revision, by the run that counts, with the evidence."""
    _revision(session, revision_id)
    shown = runs_of_revisions(session, [revision_id])[revision_id].shown
    if shown is None:
        raise NotFoundError(f"revision {revision_id} has not been run")
    return verdict_of(session, shown.id)


@router.post(
    "/revisions/{revision_id}/runs",
    status_code=202,
    responses={401: {"model": Problem, "description": "No good bearer token"}},
)
def rerun_revision(
    revision_id: Id, session: Write, settings: Config, token: Bearer, wanted: RerunRequest | None = None
) -> list[RunLine]:
    """Run a revision again: whole, or only what failed; with another profile; several times."""
    wanted = wanted or RerunRequest()
    runs = rerun(
        session,
        settings,
        revision_id=revision_id,
        only_failed=wanted.only_failed,
        profile=wanted.profile,
        times=wanted.times,
        requested_by=token.name,
    )
    session.flush()
    for run in runs:
        session.refresh(run)
    return [RunLine.model_validate(run) for run in runs]


def _revision(session: Session, revision_id: int) -> Revision:
    return found(queries.get_revision(session, revision_id), "revision", revision_id)
