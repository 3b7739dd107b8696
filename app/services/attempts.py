"""Attempts at runs: claimed with a fence, so that a worker that comes back from the dead changes nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db.models import Attempt, AttemptKind, Run, RunState, Step
from app.db.queue import Priority, Task, enqueue
from app.domain.outcome import Outcome, Verdict
from app.domain.text import storable
from app.errors import FencedError

MAX_ATTEMPTS = 5
"""After so many tries of one kind the run is inconclusive: something of ours is broken that trying does not mend."""
LOST = "lost: the worker stopped answering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on a run, until a newer attempt is claimed."""

    run_id: int
    attempt: int


def claim(session: Session, run_id: int, kind: AttemptKind, *, worker: str) -> Claim | None:
    """Start the next attempt of a run; None where there is nothing to do for this kind: no results yet, or already.

    An attempt that is still open belonged to a worker that was lost; it is closed as such.
    """
    run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    if run is None or run.state is RunState.DONE:
        return None
    if (kind is AttemptKind.JUDGE) is (run.results_attempt is None):
        return None
    last = close_lost(session, run)
    if tries(session, run_id, kind) >= MAX_ATTEMPTS:
        give_up(session, run, f"gave up after {MAX_ATTEMPTS} attempts; the last: {last}")
        return None
    run.state = RunState.RUNNING
    run.started_at = run.started_at or datetime.now(UTC)
    return begin(session, run, kind, worker=worker)


def close_lost(session: Session, run: Run) -> str:
    """Close the newest attempt of a locked run where it is open: its worker was lost; return how that attempt ended."""
    last = session.get(Attempt, (run.id, run.newest_attempt))
    if last is not None and last.finished_at is None:
        close(session, Claim(run_id=run.id, attempt=last.number), LOST)
    return (last.ending if last else None) or LOST


def begin(session: Session, run: Run, kind: AttemptKind, *, worker: str) -> Claim:
    """Insert the next attempt of a locked run: the fence for all earlier ones."""
    run.newest_attempt += 1
    session.flush()
    session.add(Attempt(run_id=run.id, number=run.newest_attempt, kind=kind, worker=worker))
    session.flush()
    return Claim(run_id=run.id, attempt=run.newest_attempt)


def tries(session: Session, run_id: int, kind: AttemptKind) -> int:
    """Count the attempts of one kind at a run."""
    counting = select(func.count()).where(Attempt.run_id == run_id, Attempt.kind == kind)
    return session.scalar(counting) or 0


def locked_run(session: Session, held: Claim) -> Run:
    """Return the run that `held` is about, locked.

    Raises:
        FencedError: a newer attempt has been claimed.
    """
    again = {"populate_existing": True}  # what was read before the lock may be of yesterday
    run = session.scalar(select(Run).where(Run.id == held.run_id).with_for_update().execution_options(**again))
    if run is None or run.newest_attempt != held.attempt:
        raise FencedError(f"attempt {held.attempt} of run {held.run_id} has been replaced")
    return run


def close(session: Session, held: Claim, ending: str) -> None:
    """Say how an attempt ended; a step that is open yet ended with it, for trouble of ours.

    What an attempt without results said first is not said any more.
    """
    ending = storable(ending)
    run = session.get_one(Run, held.run_id)
    if run.results_attempt is None:
        run.evidence = {key: value for key, value in run.evidence.items() if key != "first_verdict"}
    attempt = session.get_one(Attempt, (held.run_id, held.attempt))
    attempt.finished_at, attempt.ending = datetime.now(UTC), ending
    session.execute(
        update(Step)
        .where(Step.run_id == held.run_id, Step.attempt == held.attempt, Step.outcome.is_(None))
        .values(outcome=Outcome.MISS, summary=ending, finished_at=func.now())
    )


def give_up(session: Session, run: Run, why: str) -> None:
    """End a run as inconclusive, for trouble of ours; runs that wait for this one as their baseline get judged."""
    run.state = RunState.DONE
    run.verdict = Verdict.INCONCLUSIVE if run.revision_id is not None else None
    run.sentence = storable(why)
    run.finished_at = datetime.now(UTC)
    session.flush()
    if run.revision_id is None:
        wake_waiting(session, run)


def wake_waiting(session: Session, baseline: Run) -> None:
    """Queue the judging of every run that waits for this baseline."""
    waiting = select(Run).where(Run.baseline_id == baseline.id, Run.state == RunState.WAITING)
    for run in session.scalars(waiting):
        queue_next(session, run)


def queue_next(session: Session, run: Run, *, pause_s: int = 0) -> None:
    """Put on the queue what a run needs next: the judge where it has results, else an execution."""
    task, priority = Task.EXECUTE, Priority.RUN if run.revision_id is not None else Priority.BASELINE
    if run.results_attempt is not None:
        task, priority = Task.JUDGE, Priority.JUDGE
    enqueue(session, task, pool=run.pool, priority=priority, pause_s=pause_s, run_id=run.id)
