"""Which mails' signatures are to be checked, and what was found."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import Attestation, Message
from app.db.queue import Priority, Task, enqueue
from app.domain.attestation import Signature, settled
from app.services.records import clean_json
from app.services.tracking import POOL

AGAIN_AFTER = timedelta(hours=1)
"""When what could not be settled is tried again, with the next fetch of its thread."""


def ask(session: Session, thread_id: int) -> None:
    """Queue the checking of a thread's mails."""
    enqueue(session, Task.ATTEST, pool=POOL, priority=Priority.ATTEST, thread_id=thread_id)


def unchecked(session: Session, thread_id: int) -> Sequence[int]:
    """Return the ids of a thread's mails whose signatures have not been checked, or should be again, oldest first."""
    stale = datetime.now(UTC) - AGAIN_AFTER
    wanted = (
        select(Message.id)
        .outerjoin(Attestation, Attestation.message_pk == Message.id)
        .where(Message.thread_id == thread_id)
        .where(
            or_(Attestation.message_pk.is_(None), ~Attestation.settled & (Attestation.checked_at < stale)),
        )
    )
    return session.scalars(wanted.order_by(Message.id)).all()


def store(session: Session, message_pk: int, signatures: Sequence[Signature]) -> None:
    """Keep what checking a mail gave; it replaces what was kept before."""
    values = {
        "message_pk": message_pk,
        "signatures": clean_json([asdict(one) for one in signatures]),
        "settled": settled(signatures),
        "checked_at": datetime.now(UTC),
    }
    session.execute(
        upsert(Attestation).values(values).on_conflict_do_update(index_elements=[Attestation.message_pk], set_=values)
    )
