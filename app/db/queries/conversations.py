"""Conversations: mails that have one root, whoever asked for them."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from app.db.models import Message


def mails_of_conversation(session: Session, root: str, limit: int) -> Sequence[Message]:
    """Return the mails below a root without their texts, the oldest first."""
    wanted = load_only(
        Message.message_id,
        Message.subject,
        Message.author_name,
        Message.author_email,
        Message.sent_at,
        Message.in_reply_to,
        raiseload=True,
    )
    statement = select(Message).options(wanted).where(Message.root == root)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id).limit(limit)).all()


def count_conversation(session: Session, root: str) -> int:
    """Count the mails below a root."""
    return session.scalar(select(func.count()).where(Message.root == root)) or 0


def ids_of_conversation(session: Session, root: str) -> Sequence[int]:
    """Return the ids of the mails below a root, the oldest first."""
    statement = select(Message.id).where(Message.root == root)
    return session.scalars(statement.order_by(Message.sent_at.nulls_last(), Message.id)).all()
