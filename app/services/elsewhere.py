"""After trouble of ours: a run is tried on another host, where there is one."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Attempt, CheckState, PatchCheck, Run, RunState, Worker
from app.services import attempts, patches

LEAVE = timedelta(minutes=2)
"""So long the host that failed leaves the run to others; then it tries again rather than nobody."""
LOOK_AGAIN_S = 5
ALIVE = timedelta(seconds=30)
"""A worker says every few seconds that it is there (workers/upkeep.py)."""

_TROUBLE = ("trouble of ours: ", attempts.LOST)


def left_to_others(session: Session, run_id: int, *, worker: str, pool: str) -> bool:
    """Tell whether this worker should leave a run to another host, and put it back on the queue if so.

    That is so for a while after trouble with it on this host (a full disk, no memory, a QEMU that does not start), when
    a worker of another host in the same pool is alive. Whatever is wrong may be wrong with the host.
    """
    run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    if run is None or run.state is RunState.DONE or not _failed_here(session, run, worker, pool):
        return False
    attempts.queue_next(session, run, pause_s=LOOK_AGAIN_S)
    return True


def patches_left_to_others(session: Session, run_id: int, *, worker: str, pool: str) -> bool:
    """Tell the same of trying a judged run's patches one by one."""
    run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    check = session.get(PatchCheck, run_id)
    if run is None or check is None or check.state is CheckState.DONE or not _failed_here(session, run, worker, pool):
        return False
    patches.queue(session, run, pause_s=LOOK_AGAIN_S)
    return True


def _failed_here(session: Session, run: Run, worker: str, pool: str) -> bool:
    """Whether the newest attempt failed on this host a moment ago, and another host is there."""
    attempts.close_lost(session, run)
    last = session.get(Attempt, (run.id, run.newest_attempt))
    if last is None or last.finished_at is None or not (last.ending or "").startswith(_TROUBLE):
        return False
    now = datetime.now(UTC)
    return host(last.worker) == host(worker) and now - last.finished_at <= LEAVE and _others(session, worker, pool, now)


def host(worker: str) -> str:
    """Return the host of a worker called `host/pid`."""
    return worker.partition("/")[0]


def _others(session: Session, worker: str, pool: str, now: datetime) -> bool:
    alive = session.scalars(select(Worker.name).where(Worker.pool == pool, Worker.seen_at > now - ALIVE))
    return any(host(name) != host(worker) for name in alive)
