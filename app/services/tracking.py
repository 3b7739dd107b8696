"""Asking for a thread to be tracked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Message, Revision, Run, Series, Thread, ThreadState
from app.db.queue import Priority, Task, enqueue
from app.domain.message_id import parse_reference
from app.services.runs import BaseChoice, add_run, series_files

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


def add_missing_runs(
    session: Session, settings: Settings, series: Sequence[Series], bases: Mapping[str, BaseChoice]
) -> list[Run]:
    """Queue a run of every revision that has none yet and for which `bases` (by root Message-ID) has a base.

    Oldest first, as they were posted, so that each verdict can say what changed since the revision before.
    """
    added: list[Run] = []
    for one in series:
        files = series_files(session, one.id)
        untried = select(Revision).where(
            Revision.series_id == one.id,
            Revision.root_id.in_(bases),
            ~select(Run.id).where(Run.revision_id == Revision.id).exists(),
        )
        profile = settings.default_profile
        added += [
            add_run(session, settings, revision=new, base=bases[new.root_id], files=files, profile=profile, by="track")
            for new in session.scalars(untried.order_by(Revision.position))
        ]
    return added


def failed(session: Session, thread_id: int, why: str) -> None:
    """Note that a thread will not be fetched, and why."""
    thread = session.get_one(Thread, thread_id)
    thread.state, thread.error = ThreadState.FAILED, why


def fetched(session: Session, thread_id: int, *, notes: Sequence[str]) -> None:
    """Note that a thread has been fetched and stored; `notes` say what could not be had or is not run, and why."""
    thread = session.get_one(Thread, thread_id)
    thread.state = ThreadState.FETCHED
    thread.error = "; ".join(notes)[:4000] or None
    thread.fetched_at = datetime.now(UTC)


def fetched_along(session: Session, message_id: str, *, needed_by: str) -> int:
    """Return the id of the thread that a prerequisite was fetched with; what needs it is run, it is not by itself.

    Whoever tracks it has it fetched again, and run.
    """
    known = session.scalar(select(Message.thread_id).where(Message.message_id == message_id))
    known = known or session.scalar(select(Thread.id).where(Thread.message_id == message_id))
    if known is not None:
        return known
    thread = Thread(message_id=message_id, requested_by=f"needed by {needed_by}", state=ThreadState.FETCHED)
    thread.fetched_at = datetime.now(UTC)
    session.add(thread)
    session.flush()
    return thread.id
