"""Asking for a thread to be tracked."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Thread, ThreadState
from app.db.queue import Priority, Task, enqueue
from app.domain.message_id import parse_reference

POOL = "default"


def track(session: Session, reference: str, *, requested_by: str) -> Thread:
    """Put the fetching of a thread on the queue; `reference` is a Message-ID or an archive's URL.

    The same thread again is fetched again, which adds what is new. One that is queued already is left as it is.

    Raises:
        SubmissionError: `reference` is neither; says why.
    """
    message_id = parse_reference(reference)
    thread = session.scalar(select(Thread).where(Thread.message_id == message_id).with_for_update())
    if thread is not None and thread.state is ThreadState.QUEUED:
        return thread
    if thread is None:
        thread = Thread(message_id=message_id, requested_by=requested_by)
        session.add(thread)
    thread.state = ThreadState.QUEUED
    thread.error = None
    session.flush()
    enqueue(session, Task.TRACK, pool=POOL, priority=Priority.TRACK, thread_id=thread.id)
    return thread
