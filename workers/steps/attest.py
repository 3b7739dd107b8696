"""attest: the signatures of a thread's mails checked, after they were stored; nothing waits for it."""

import time

from sqlalchemy import select

from app.db.models import Message
from app.services import attestation
from workers.context import Context

AT_ONCE_S = 60.0
"""Then other work gets its turn; what is left is queued again."""


async def attest(context: Context, thread_id: int) -> None:
    """Check the signatures of the mails of a thread that have not been checked, and store each as it comes."""
    until = time.monotonic() + AT_ONCE_S
    with context.sessions() as session:
        wanted = attestation.unchecked(session, thread_id)
    for message_pk in wanted:
        if time.monotonic() > until:
            with context.sessions.begin() as session:
                attestation.ask(session, thread_id)
            return
        with context.sessions() as session:
            raw = session.scalar(select(Message.raw).where(Message.id == message_pk))
        if raw is not None:
            found = await context.signatures.check(raw)
            with context.sessions.begin() as session:
                attestation.store(session, message_pk, found)
