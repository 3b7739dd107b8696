"""Whose signatures mails carry, as they were checked."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Attestation
from app.domain.attestation import Check, Scheme, Signature


def signatures_of(session: Session, message_pks: Collection[int]) -> dict[int, tuple[Signature, ...]]:
    """Return the signatures of mails by the mails' ids; one whose signatures have not been checked is left out."""
    rows = session.scalars(select(Attestation).where(Attestation.message_pk.in_(message_pks)))
    return {row.message_pk: tuple(_signature(one) for one in row.signatures) for row in rows}


def _signature(stored: Mapping[str, Any]) -> Signature:
    return Signature(
        scheme=Scheme(stored["scheme"]),
        signer=stored["signer"],
        result=Check(stored["result"]),
        by_author=stored["by_author"],
        reason=stored["reason"],
    )
