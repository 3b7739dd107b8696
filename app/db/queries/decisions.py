"""What people decided about which postings are one series."""

from collections.abc import Collection

from sqlalchemy import Text, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.db.models import Decision as Row
from app.domain.decision import Decision


def decisions_about(session: Session, message_ids: Collection[str]) -> list[Decision]:
    """Return the decisions in force that name any of these Message-IDs, as what is decided on or as the target.

    The oldest first, which is the order that they are taken in.
    """
    wanted = any_(literal(list(message_ids), ARRAY(Text)))  # one parameter, however many mails a batch has
    statement = select(Row.kind, Row.message_id, Row.to_message_id).where(
        Row.undone_at.is_(None), or_(Row.message_id == wanted, Row.to_message_id == wanted)
    )
    rows = session.execute(statement.order_by(Row.id))
    return [Decision(kind=kind, message_id=message_id, to=to) for kind, message_id, to in rows]
