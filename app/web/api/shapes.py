"""Rows into the shapes of the API."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from app.db.models import Change, Comment, Patch, Result, Revision, Series
from app.db.queries.paging import Page
from app.db.queries.runs import RevisionRuns
from app.errors import NotFoundError
from app.web.api.schemas import (
    ChangeShape,
    CommentShape,
    Listing,
    PatchLine,
    PatchShape,
    Person,
    ResultShape,
    RevisionLine,
    RevisionShape,
    SeriesShape,
)

Row = TypeVar("Row")
Out = TypeVar("Out")


def found(row: Row | None, noun: str, id_: int) -> Row:
    """Return `row`.

    Raises:
        NotFoundError: it is None.
    """
    if row is None:
        raise NotFoundError(f"there is no {noun} {id_}")
    return row


def listing(request: Request, page: Page[Row], shape: Callable[[Row], Out]) -> Listing[Out]:
    """Return one page of a list with the address of the next."""
    following = None
    if page.window.page < page.pages:
        url = request.url.include_query_params(page=page.window.page + 1)
        following = f"{url.path}?{url.query}"
    items = [shape(row) for row in page.items]
    return Listing[Out](items=items, total=page.total, page=page.window.page, limit=page.window.limit, next=following)


def series_shape(series: Series, runs: dict[int, RevisionRuns]) -> SeriesShape:
    """Return a series with its revisions in short."""
    return SeriesShape(
        id=series.id,
        title=series.title,
        author=Person(name=series.author_name, email=series.author_email),
        tags=series.tags,
        change_id=series.change_id,
        first_posted=series.first_posted,
        last_posted=series.last_posted,
        revisions=[revision_line(one, runs[one.id]) for one in series.revisions],
    )


def revision_line(revision: Revision, runs: RevisionRuns) -> RevisionLine:
    """Return a revision in short."""
    shown = runs.shown
    return RevisionLine(
        id=revision.id,
        label=revision.label,
        version=revision.version,
        rfc=revision.rfc,
        posted_at=revision.posted_at,
        patches=revision.total,
        verdict=shown.verdict if shown else None,
        run_id=shown.id if shown else None,
        url=f"/series/{revision.series_id}?revision={revision.label}",
    )


def revision_shape(revision: Revision, runs: RevisionRuns) -> RevisionShape:
    """Return a revision with its patches; they, their mails and the cover letter have to be loaded."""
    shown = runs.shown
    same = RevisionShape.model_fields.keys() - {"author", "cover", "patches", "run_id", "verdict"}
    return RevisionShape(
        author=Person(name=revision.author_name, email=revision.author_email),
        cover=revision.cover.message_id if revision.cover else None,
        patches=[patch_line(patch) for patch in revision.patches],
        verdict=shown.verdict if shown else None,
        run_id=shown.id if shown else None,
        **{name: getattr(revision, name) for name in same},
    )


def patch_line(patch: Patch) -> PatchLine:
    """Return a patch in short; its mail has to be loaded."""
    return PatchLine(
        id=patch.id,
        revision_id=patch.revision_id,
        position=patch.position,
        title=patch.title,
        message_id=patch.message.message_id,
        files=patch.files,
        additions=patch.additions,
        deletions=patch.deletions,
        inherited_from=patch.inherited_from,
    )


def patch_shape(patch: Patch) -> PatchShape:
    """Return a patch with its diff."""
    return PatchShape(**patch_line(patch).model_dump(), diff=patch.diff)


def comment_shape(comment: Comment) -> CommentShape:
    """Return a comment; its mail has to be loaded."""
    mail = comment.message
    return CommentShape(
        id=comment.id,
        revision_id=comment.revision_id,
        patch_id=comment.patch_id,
        message_id=mail.message_id,
        author=Person(name=mail.author_name, email=mail.author_email),
        sent_at=mail.sent_at,
        subject=mail.subject,
        body=mail.body,
        bot=comment.bot,
        trailers=comment.trailers,
        anchors=comment.anchors,
        bot_report=comment.bot_report,
    )


def result_shape(result: Result) -> ResultShape:
    """Return a result; its test has to be loaded."""
    return ResultShape(
        suite=result.test.suite,
        name=result.test.name,
        **{name: getattr(result, name) for name in ResultShape.model_fields if name not in {"suite", "name"}},
    )


def change_shape(change: Change) -> ChangeShape:
    """Return a change; its test has to be loaded."""
    return ChangeShape(
        suite=change.test.suite,
        name=change.test.name,
        **{name: getattr(change, name) for name in ChangeShape.model_fields if name not in {"suite", "name"}},
    )
