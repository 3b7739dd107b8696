"""Tests whose failures are ignored for a while."""

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, Created, Id, When


class Ignore(Base):
    """One entry of the list, as app.domain.ignoring describes it; it stays on record when it expired or was ended.

    `created_by` and `ended_by` are the names of tokens.
    """

    __tablename__ = "ignores"
    __table_args__ = (
        CheckConstraint("(ended_by IS NULL) = (ended_at IS NULL)", name="ended"),
        Index(None, "expires_at"),
    )

    id: Mapped[Id]
    pattern: Mapped[str] = mapped_column(Text)
    suite: Mapped[str | None] = mapped_column(Text)
    tree: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[When]
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    ended_by: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[When | None]
