"""What reviewers ask for and what became of it; marks of people; trailers."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.db.models import Mark, MarkSays, Revision
from app.db.queries import review as queries
from app.db.queries import series as series_queries
from app.domain.address import Address
from app.domain.remark import Place
from app.services.review import Judged, Review, mark_comment, read_review
from app.web.api.review_schemas import (
    DroppedShape,
    GivenShape,
    MarkRequest,
    MarkShape,
    PlaceShape,
    RemarkShape,
    TrailersShape,
)
from app.web.api.schemas import Person, Problem
from app.web.api.shapes import found
from app.web.parameters import Id, Read, Write
from app.web.security import Bearer

router = APIRouter(tags=["review"])
NEEDS_TOKEN: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": "No good bearer token"}}


@router.get("/revisions/{revision_id}/remarks")
def list_remarks(revision_id: Id, session: Read) -> list[RemarkShape]:
    """List what comments on a revision ask for, and what is carried to it from earlier ones, the oldest first."""
    review, revision = _review(session, revision_id)
    shown = [*review.carried_to(revision.label), *review.made_on(revision.label)]
    return [_remark(review, one, revision.label) for one in shown]


@router.get("/revisions/{revision_id}/trailers")
def list_trailers(revision_id: Id, session: Read) -> TrailersShape:
    """List the trailers that replies gave to a revision, and those of the revision before that it dropped."""
    review, revision = _review(session, revision_id)
    before = review.before(revision.label)
    return TrailersShape(
        given=[
            GivenShape(
                trailer=f"{trailer.name}: {trailer.value}",
                name=trailer.name,
                person=_person(trailer.person) if trailer.person else None,
                sender=_person(reply.author),
                agrees=trailer.agrees,
                bot=reply.is_bot,
                comment_id=review.comments[reply.message.message_id].id,
                patch=reply.patch_position,
            )
            for reply in review.revisions[revision.label].comments
            for trailer in reply.trailers
        ],
        dropped=[
            DroppedShape(
                trailer=f"{one.trailer.name}: {one.trailer.value}",
                patch=one.patch.position,
                patch_id=review.patches[revision.label, one.patch.position].id,
                given_in=before.label if before else "",
                comment_id=review.comments[one.comment.message.message_id].id if one.comment else None,
                changed=one.changed,
            )
            for one in review.dropped_in(revision.label)
        ],
    )


@router.get("/comments/{comment_id}/marks")
def list_marks(comment_id: Id, session: Read) -> list[MarkShape]:
    """List all that people said of a comment, the newest, which counts, first."""
    message_id = found(queries.message_id_of_comment(session, comment_id), "comment", comment_id)
    return [MarkShape.model_validate(mark) for mark in queries.marks_of(session, message_id)]


@router.put("/comments/{comment_id}/mark", responses=NEEDS_TOKEN)
def put_mark(comment_id: Id, wanted: MarkRequest, session: Write, token: Bearer) -> MarkShape:
    """Say that a comment is addressed, or is open whatever the revisions show; the same again changes nothing."""
    return MarkShape.model_validate(mark_comment(session, comment_id, wanted.says, by=token.name))


@router.delete("/comments/{comment_id}/mark", responses=NEEDS_TOKEN)
def delete_mark(comment_id: Id, session: Write, token: Bearer) -> MarkShape:
    """Take back what was said of a comment; it is kept that it was said."""
    return MarkShape.model_validate(mark_comment(session, comment_id, MarkSays.WITHDRAWN, by=token.name))


def _review(session: Session, revision_id: int) -> tuple[Review, Revision]:
    series_id = found(queries.series_of_revision(session, revision_id), "revision", revision_id)
    series = found(series_queries.get_series(session, series_id), "series", series_id)
    revision = next(one for one in series.revisions if one.id == revision_id)
    return read_review(session, series, revision), revision


def _remark(review: Review, judged: Judged, label: str) -> RemarkShape:
    remark = judged.remark
    now = judged.place_in(label)
    return RemarkShape(
        comment_id=judged.comment_id,
        message_id=remark.comment.message.message_id,
        author=_person(remark.comment.author),
        bot=remark.comment.bot,
        quoted=remark.anchor.quoted if remark.anchor else None,
        text=remark.anchor.text if remark.anchor else remark.comment.message.body,
        made_at=_place(review, remark.places[0]),
        now_at=_place(review, now) if now else None,
        standing=remark.standing,
        settled_in=remark.settled_in,
        open=judged.open,
        why=": ".join(part for part in (judged.word, judged.why) if part),
        mark=_mark(judged.mark),
    )


def _place(review: Review, place: Place) -> PlaceShape:
    patch = review.patches.get((place.label, place.patch_position)) if place.patch_position is not None else None
    return PlaceShape(
        revision=place.label,
        patch_id=patch.id if patch else None,
        patch=place.patch_position,
        path=place.path,
        line=place.line,
        removed=place.removed,
    )


def _person(address: Address) -> Person:
    return Person(name=address.name, email=address.email)


def _mark(mark: Mark | None) -> MarkShape | None:
    return MarkShape.model_validate(mark) if mark is not None else None
