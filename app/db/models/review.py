"""What people say of comments."""

from enum import StrEnum

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, Created, Id, words


class MarkSays(StrEnum):
    """What somebody says of a comment; WITHDRAWN leaves it again to what the revisions show."""

    ADDRESSED = "addressed"
    OPEN = "open"
    WITHDRAWN = "withdrawn"


class Mark(Base):
    """A person's word on a comment; the newest on a comment counts, none is ever changed.

    By the comment's Message-ID and not its row, so that it outlives new mail and archives read again.
    """

    __tablename__ = "marks"
    __table_args__ = (Index(None, "message_id", "id"),)

    id: Mapped[Id]
    message_id: Mapped[str] = mapped_column(Text)
    says: Mapped[MarkSays] = mapped_column(words(MarkSays, "says"))
    marked_by: Mapped[str] = mapped_column(Text)
    marked_at: Mapped[Created]
