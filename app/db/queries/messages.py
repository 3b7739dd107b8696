"""Mails as such, whatever they belong to."""

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from app.db.models import Message
from app.db.queries.paging import Page, Window, paginate


def list_messages(
    session: Session, window: Window, *, thread_id: int | None = None, message_id: str | None = None
) -> Page[Message]:
    """Return mails without body and source, the oldest first; of one thread, or the one with a Message-ID."""
    statement = select(Message).options(defer(Message.body))
    if thread_id is not None:
        statement = statement.where(Message.thread_id == thread_id)
    if message_id is not None:
        statement = statement.where(Message.message_id == message_id)
    return paginate(session, statement.order_by(Message.sent_at.nulls_last(), Message.id), window)
