"""Patches and the comments on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager, joinedload, undefer

from app.db.models import Comment, Message, Patch
from app.db.queries.paging import Page, Window, paginate


def get_patch(session: Session, patch_id: int) -> Patch | None:
    """Return one patch with its diff and its mail."""
    return session.get(Patch, patch_id, options=(undefer(Patch.diff), joinedload(Patch.message)))


def list_patches(session: Session, window: Window, *, revision_id: int | None = None) -> Page[Patch]:
    """Return patches with their mails, of one revision or of all, in order."""
    statement = select(Patch).options(joinedload(Patch.message))
    if revision_id is not None:
        statement = statement.where(Patch.revision_id == revision_id)
    return paginate(session, statement.order_by(Patch.revision_id, Patch.position), window)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentText:
    """A comment with its mail, of whose text only the beginning is loaded: mails can be megabytes long."""

    comment: Comment
    body: str
    length: int


def comments_on_revision(session: Session, revision_id: int, most: int, limit: int = 500) -> Sequence[CommentText]:
    """Return the comments on a revision, cover letter and patches, the oldest first; at most `most` characters each."""
    statement = (
        select(Comment, func.left(Message.body, most), func.length(Message.body))
        .join(Comment.message)
        .options(contains_eager(Comment.message).defer(Message.body))
        .where(Comment.revision_id == revision_id)
        .order_by(Message.sent_at.nulls_last(), Comment.id)
        .limit(limit)
    )
    return [
        CommentText(comment=comment, body=body, length=length) for comment, body, length in session.execute(statement)
    ]


def list_comments(
    session: Session, window: Window, *, revision_id: int | None = None, patch_id: int | None = None
) -> Page[Comment]:
    """Return comments with their mails, the oldest first."""
    statement = select(Comment).join(Comment.message).options(joinedload(Comment.message))
    if revision_id is not None:
        statement = statement.where(Comment.revision_id == revision_id)
    if patch_id is not None:
        statement = statement.where(Comment.patch_id == patch_id)
    return paginate(session, statement.order_by(Message.sent_at.nulls_last(), Comment.id), window)


def get_comment(session: Session, comment_id: int) -> Comment | None:
    """Return one comment with its mail."""
    return session.get(Comment, comment_id, options=(joinedload(Comment.message),))
