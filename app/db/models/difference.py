"""What git says of two revisions that were both applied."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created


class RangeDiff(Base):
    """What `git range-diff` wrote about two revisions as a worker applied them, each on its base in the same tree.

    Commits and bases are 40 hex digits; `text` is git's output without colours.
    """

    __tablename__ = "range_diffs"
    __table_args__ = (Index(None, "new_id"),)

    old_id: Mapped[BigInt] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    new_id: Mapped[BigInt] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    tree: Mapped[str] = mapped_column(Text)
    old_base: Mapped[str] = mapped_column(Text)
    new_base: Mapped[str] = mapped_column(Text)
    old_commit: Mapped[str] = mapped_column(Text)
    new_commit: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
