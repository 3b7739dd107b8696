"""Whose signatures mails carry, as they were checked when the mails came in."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created


class Attestation(Base):
    """What checking the signatures of one mail gave; a mail without a row has not been looked at.

    `signatures` are `app.domain.attestation.Signature`s as JSON, none for a mail that nobody signed; `settled` says
    that checking again would find nothing new, as it might where DNS did not answer or a key was not known.
    """

    __tablename__ = "attestations"

    message_pk: Mapped[BigInt] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    signatures: Mapped[list[Any]] = mapped_column(JSONB)
    settled: Mapped[bool]
    checked_at: Mapped[Created]
