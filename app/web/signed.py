"""Signatures of a mail as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Revision
from app.db.queries.attestations import signatures_of
from app.domain.attestation import Check, Scheme, Signature, told
from app.web.words import Chip, Tone

TONES = {Check.PASS: Tone.GOOD, Check.FAIL: Tone.WARN, Check.NO_KEY: Tone.QUIET, Check.UNCHECKED: Tone.QUIET}
MARKS = {
    (Scheme.PATATT, Check.PASS): "signed",
    (Scheme.PATATT, Check.FAIL): "signature broken",
    (Scheme.DKIM, Check.PASS): "DKIM",
    (Scheme.DKIM, Check.FAIL): "DKIM broken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The small mark beside a patch, and what it stands for."""

    chip: Chip
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLine:
    """One signature: what checking gave, by whom and how, why."""

    chip: Chip
    signer: str
    reason: str


def mark(signatures: Sequence[Signature]) -> Mark | None:
    """Return the mark of a mail, None where its signatures tell nothing of its author."""
    one = told(signatures)
    if one is None:
        return None
    return Mark(chip=Chip(text=MARKS[one.scheme, one.result], tone=TONES[one.result]), title=one.words)


def marks(session: Session, revision: Revision) -> dict[int, Mark]:
    """Return the marks of a revision's cover letter and patches, by the ids of their mails."""
    mails = [one.message_pk for one in revision.patches] + ([revision.cover_id] if revision.cover_id else [])
    found = {message_pk: mark(signatures) for message_pk, signatures in signatures_of(session, mails).items()}
    return {message_pk: one for message_pk, one in found.items() if one is not None}


def signed_lines(session: Session, message_pk: int) -> list[SignedLine] | None:
    """Return the signatures of a mail, developers' own first; None where they have not been checked."""
    signatures = signatures_of(session, [message_pk]).get(message_pk)
    if signatures is None:
        return None
    return [
        SignedLine(
            chip=Chip(text=f"{one.scheme} {one.result}", tone=TONES[one.result]),
            signer=one.signer + ("" if one.by_author or not one.signer else ", not the author's"),
            reason=one.reason,
        )
        for one in signatures
    ]
