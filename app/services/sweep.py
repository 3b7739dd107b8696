"""Work that should go on and that no queue entry stands for any more: put on the queue again.

The queue gives an entry up after a few tries that no attempt could record, such as a database that went away each time.
What it spoke of would otherwise stay as it is for ever.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Text, cast, column, exists, func, or_, select, table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.db.models import CheckState, PatchCheck, Report, ReportState, Run, RunState, Thread, ThreadState
from app.db.queue import Priority, Task, enqueue
from app.services import attempts, patches
from app.services.tracking import POOL

SWEEP_LOCK = 5_316_913
"""pg_try_advisory_xact_lock: of all workers that look at the same time, one queues."""

_JOBS = table("procrastinate_jobs", column("status"), column("task_name", Text), column("args", JSONB))


def requeue_lost(session: Session) -> list[str]:
    """Queue what has no entry any more; return a few words on each, for the log.

    Nothing goes round for ever: attempts at a run are counted and end it as inconclusive, tries of a report and of a
    thread end those as failed.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(SWEEP_LOCK))):
        return []
    return [*_runs(session), *_patches(session), *_threads(session), *_reports(session)]


def _runs(session: Session) -> list[str]:
    """Queue runs that have not ended, but for those that wait for a baseline which is still to end."""
    baseline = aliased(Run)
    waits = exists().where(
        Run.state == RunState.WAITING, baseline.id == Run.baseline_id, baseline.state != RunState.DONE
    )
    lost = session.scalars(
        select(Run).where(Run.state != RunState.DONE, ~waits, ~_entry((Task.EXECUTE, Task.JUDGE), "run_id", Run.id))
    ).all()
    for run in lost:
        attempts.queue_next(session, run)
    return [f"run {run.id}, {run.state}" for run in lost]


def _patches(session: Session) -> list[str]:
    """Queue judged runs whose patches are still to be tried one by one: their reports wait for it."""
    lost = session.scalars(
        select(Run)
        .join(PatchCheck, PatchCheck.run_id == Run.id)
        .where(PatchCheck.state == CheckState.OPEN, ~_entry((Task.PATCHES,), "run_id", Run.id))
    ).all()
    for run in lost:
        patches.queue(session, run)
    return [f"run {run.id}, its patches" for run in lost]


def _threads(session: Session) -> list[str]:
    open_ = (ThreadState.QUEUED, ThreadState.FETCHING)
    lost = session.scalars(
        select(Thread).where(Thread.state.in_(open_), ~_entry((Task.TRACK,), "thread_id", Thread.id))
    ).all()
    for thread in lost:
        enqueue(session, Task.TRACK, pool=POOL, priority=Priority.TRACK, thread_id=thread.id)
    return [f"thread {thread.id}, {thread.state}" for thread in lost]


def _reports(session: Session) -> list[str]:
    open_ = (ReportState.QUEUED, ReportState.SENDING)
    lost = session.execute(
        select(Report.id, Report.state, Run.pool)
        .join(Run, Run.id == Report.run_id)
        .where(Report.state.in_(open_), ~_entry((Task.MAIL,), "report_id", Report.id))
    ).all()
    for report_id, _, pool in lost:
        enqueue(session, Task.MAIL, pool=pool, priority=Priority.MAIL, report_id=report_id)
    return [f"report {report_id}, {state}" for report_id, state, _ in lost]


def _entry(tasks: Sequence[Task], argument: str, id_: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether the queue has an entry, waiting or being worked on, of one of `tasks` about the row `id_`."""
    status = cast(_JOBS.c.status, Text)
    return (
        select(_JOBS.c.task_name)
        .where(
            or_(status == "todo", status == "doing"),
            _JOBS.c.task_name.in_([str(task) for task in tasks]),
            _JOBS.c.args[argument].as_string() == cast(id_, Text),
        )
        .exists()
    )
