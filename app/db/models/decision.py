"""What people decided about which postings are one series, and where revisions were before they moved."""

from sqlalchemy import CheckConstraint, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.models.base import Base, BigInt, Created, Id, When, words
from app.db.models.series import Revision
from app.domain.decision import DecisionKind


class Decision(Base):
    """One decision of a person; it stays on record when it is undone, and then counts no more.

    Postings are named by Message-ID, which outlives rows. `parted_from` is a posting that stayed behind in the series
    that a SPLIT or MOVE took something out of; `note` is why, in the person's words, or "".
    """

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("kind != 'link' OR to_message_id IS NOT NULL", name="link_names_both"),
        CheckConstraint("kind != 'split' OR to_message_id IS NULL", name="split_names_one"),
        CheckConstraint("(undone_by IS NULL) = (undone_at IS NULL)", name="undone"),
    )

    id: Mapped[Id]
    kind: Mapped[DecisionKind] = mapped_column(words(DecisionKind, "kind"))
    message_id: Mapped[str] = mapped_column(Text, index=True)
    to_message_id: Mapped[str | None] = mapped_column(Text, index=True)
    parted_from: Mapped[str | None] = mapped_column(Text, index=True)
    note: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    undone_by: Mapped[str | None] = mapped_column(Text)
    undone_at: Mapped[When | None]


class FormerPlace(Base):
    """A revision was once `label` in a series, which may be gone; a trigger writes it when a revision moves."""

    __tablename__ = "former_places"

    series_id: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    revision_id: Mapped[BigInt] = mapped_column(
        ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    label: Mapped[str] = mapped_column(Text)
    left_at: Mapped[When] = mapped_column(server_default=func.now())

    revision: Mapped[Revision] = relationship(lazy="raise")
