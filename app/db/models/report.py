"""The outbox of reports."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created, Id, When, words
from app.domain.outcome import Verdict


class ReportState(StrEnum):
    """Where a report is; `sending` was handed to the SMTP server at least once and may or may not have arrived."""

    PREVIEW = "preview"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Report(Base):
    """What is mailed to the thread; its Message-ID is fixed and stored before anything is sent."""

    __tablename__ = "reports"
    __table_args__ = (Index(None, "revision_id"),)

    id: Mapped[Id]
    revision_id: Mapped[BigInt] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), unique=True)
    verdict: Mapped[Verdict] = mapped_column(words(Verdict, "verdict"))
    state: Mapped[ReportState] = mapped_column(words(ReportState, "state"))
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    in_reply_to: Mapped[str] = mapped_column(Text)
    references: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sender: Mapped[str] = mapped_column(Text)
    recipients: Mapped[list[str]] = mapped_column(ARRAY(Text))
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    sent_at: Mapped[When | None]
