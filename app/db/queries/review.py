"""What a review is read from: comments, sources of mails, and what people say of comments."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import Comment, Mark, Message, Patch, Revision


def comments_of_revisions(session: Session, revision_ids: Sequence[int]) -> Sequence[Comment]:
    """Return the comments of some revisions, without their mails."""
    return session.scalars(select(Comment).where(Comment.revision_id.in_(revision_ids)).order_by(Comment.id)).all()


def sources(session: Session, message_pks: Sequence[int], most: int) -> dict[int, tuple[bytes, bool]]:
    """Return the sources of mails by their ids, of each at most `most` bytes, and whether that is all of it."""
    statement = select(Message.id, func.substr(Message.raw, 1, most), func.octet_length(Message.raw) <= most)
    found = session.execute(statement.where(Message.id.in_(message_pks)))
    return {pk: (raw, whole) for pk, raw, whole in found}


def newest_marks(session: Session, message_ids: Iterable[str]) -> dict[str, Mark]:
    """Return what people say of comments, by Message-ID; one that nobody has spoken of is left out."""
    newest = select(func.max(Mark.id)).where(Mark.message_id.in_(list(message_ids))).group_by(Mark.message_id)
    return {mark.message_id: mark for mark in session.scalars(select(Mark).where(Mark.id.in_(newest)))}


def marks_of(session: Session, message_id: str, limit: int = 100) -> Sequence[Mark]:
    """Return all that people have said of a comment, the newest first."""
    return session.scalars(
        select(Mark).where(Mark.message_id == message_id).order_by(Mark.id.desc()).limit(limit)
    ).all()


def bot_comments(session: Session, message_pks: Sequence[int]) -> Mapping[int, Comment]:
    """Return the comments by bots among some mails, by the mails' ids."""
    statement = select(Comment).where(Comment.message_pk.in_(message_pks), Comment.bot.is_not(None))
    return {comment.message_pk: comment for comment in session.scalars(statement)}


def message_id_of_comment(session: Session, comment_id: int) -> str | None:
    """Return the Message-ID of the mail that a comment is."""
    return session.scalar(
        select(Message.message_id).join(Comment, Comment.message_pk == Message.id).where(Comment.id == comment_id)
    )


def comment_of_message(session: Session, message_pk: int) -> Comment | None:
    """Return the comment that a mail is, if it is one."""
    return session.scalar(select(Comment).where(Comment.message_pk == message_pk))


def series_of_patch(session: Session, patch_id: int) -> int | None:
    """Return the id of the series that a patch belongs to."""
    return session.scalar(select(Revision.series_id).join(Revision.patches).where(Patch.id == patch_id))


def series_of_revision(session: Session, revision_id: int) -> int | None:
    """Return the id of the series that a revision belongs to."""
    return session.scalar(select(Revision.series_id).where(Revision.id == revision_id))


def diff_and_mail(session: Session, patch_id: int) -> tuple[str, Message]:
    """Return the diff of a patch and its mail."""
    diff, message = session.execute(select(Patch.diff, Message).join(Patch.message).where(Patch.id == patch_id)).one()
    return diff, message
