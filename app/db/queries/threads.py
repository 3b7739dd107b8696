"""Threads that somebody asked for, and the mails in them."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from app.db.models import Comment, Message, Patch, Revision, Series, Thread, ThreadState
from app.db.queries.paging import Page, Window, paginate


def get_thread(session: Session, thread_id: int) -> Thread | None:
    """Return one thread."""
    return session.get(Thread, thread_id)


def list_threads(session: Session, window: Window, *, state: ThreadState | None = None) -> Page[Thread]:
    """Return threads, the one asked for last first."""
    statement = select(Thread)
    if state is not None:
        statement = statement.where(Thread.state == state)
    return paginate(session, statement.order_by(Thread.id.desc()), window)


def messages_of_thread(session: Session, thread_id: int, limit: int = 2000) -> Sequence[Message]:
    """Return the mails that came with a thread, without body and source, the oldest first."""
    statement = select(Message).options(defer(Message.body)).where(Message.thread_id == thread_id)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id).limit(limit)).all()


def count_messages(session: Session, thread_ids: Sequence[int]) -> dict[int, int]:
    """Count the mails of each thread; one without any is left out."""
    counting = select(Message.thread_id, func.count()).where(Message.thread_id.in_(thread_ids))
    return {thread: number for thread, number in session.execute(counting.group_by(Message.thread_id)) if thread}


def subjects(session: Session, message_ids: Sequence[str]) -> dict[str, str]:
    """Return the subjects of those mails that are at hand, by Message-ID."""
    rows = session.execute(select(Message.message_id, Message.subject).where(Message.message_id.in_(message_ids)))
    return {row.message_id: row.subject for row in rows}


def series_of_thread(session: Session, thread_id: int) -> Sequence[Series]:
    """Return the series that a thread's mails belong to."""
    roots = select(Message.message_id).where(Message.thread_id == thread_id)
    statement = select(Series).join(Revision, Revision.series_id == Series.id).where(Revision.root_id.in_(roots))
    return session.scalars(statement.distinct().order_by(Series.id)).all()


def thread_of_message(session: Session, message_id: str) -> int | None:
    """Return the id of the thread that a mail came with; None where it is not kept or came otherwise."""
    return session.scalar(select(Message.thread_id).where(Message.message_id == message_id))


def get_message(session: Session, message_pk: int) -> Message | None:
    """Return one mail without its source."""
    return session.get(Message, message_pk)


def raw_message(session: Session, message_pk: int) -> bytes | None:
    """Return the source of one mail."""
    return session.scalar(select(Message.raw).where(Message.id == message_pk))


def raw_messages(session: Session, message_pks: Sequence[int]) -> Sequence[bytes]:
    """Return the sources of some mails, the oldest first."""
    statement = select(Message.raw).where(Message.id.in_(message_pks))
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id)).all()


def mails_of_series(session: Session, series_id: int) -> Sequence[int]:
    """Return the ids of all mails of a series: cover letters, patches and comments, the oldest first."""
    revisions = select(Revision.id).where(Revision.series_id == series_id).scalar_subquery()
    statement = select(Message.id).where(
        or_(
            Message.id.in_(select(Revision.cover_id).where(Revision.series_id == series_id)),
            Message.id.in_(select(Patch.message_pk).where(Patch.revision_id.in_(revisions))),
            Message.id.in_(select(Comment.message_pk).where(Comment.revision_id.in_(revisions))),
        )
    )
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id)).all()


def mails_of_thread(session: Session, thread_id: int) -> Sequence[int]:
    """Return the ids of a thread's mails, the oldest first."""
    statement = select(Message.id).where(Message.thread_id == thread_id)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id)).all()
