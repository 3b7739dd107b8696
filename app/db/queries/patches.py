"""Patches and the comments on them."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, undefer

from app.db.models import Comment, Message, Patch, Revision
from app.db.queries.paging import Page, Window, paginate


def get_patch(session: Session, patch_id: int) -> Patch | None:
    """Return one patch with its diff, its mail, its revision and its series."""
    options = (undefer(Patch.diff), joinedload(Patch.message), joinedload(Patch.revision).joinedload(Revision.series))
    return session.get(Patch, patch_id, options=options)


def list_patches(session: Session, window: Window, *, revision_id: int | None = None) -> Page[Patch]:
    """Return patches with their mails, of one revision or of all, in order."""
    statement = select(Patch).options(joinedload(Patch.message))
    if revision_id is not None:
        statement = statement.where(Patch.revision_id == revision_id)
    return paginate(session, statement.order_by(Patch.revision_id, Patch.position), window)


def neighbours(session: Session, patch: Patch) -> Sequence[Patch]:
    """Return the patches of the same revision, in order."""
    return session.scalars(select(Patch).where(Patch.revision_id == patch.revision_id).order_by(Patch.position)).all()


def comments_on_patch(session: Session, patch_id: int, limit: int = 500) -> Sequence[Comment]:
    """Return the comments on one patch with their mails, the oldest first."""
    statement = select(Comment).join(Comment.message).options(joinedload(Comment.message))
    statement = statement.where(Comment.patch_id == patch_id)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Comment.id).limit(limit)).all()


def comments_on_revision(session: Session, revision_id: int, limit: int = 500) -> Sequence[Comment]:
    """Return the comments on a revision, its cover letter and its patches, with their mails, the oldest first."""
    statement = select(Comment).join(Comment.message).options(joinedload(Comment.message))
    statement = statement.where(Comment.revision_id == revision_id)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Comment.id).limit(limit)).all()


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


def comment_counts_by_patch(session: Session, revision_id: int) -> dict[int | None, int]:
    """Count the comments on each patch of a revision; under None those on its cover letter."""
    counting = select(Comment.patch_id, func.count()).where(Comment.revision_id == revision_id)
    return dict(session.execute(counting.group_by(Comment.patch_id)).tuples().all())
