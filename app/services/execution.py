"""What an execution needs to know, and what becomes of what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload, undefer

from app.db.models import AttemptKind, Message, Patch, Revision, Run, RunState
from app.domain.trailer import PrerequisiteKind
from app.services import attempts
from app.services.attempts import Claim
from app.services.records import clean_json

_WITH_MAIL = (
    select(Patch).join(Patch.message).options(undefer(Patch.diff), contains_eager(Patch.message).undefer(Message.raw))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPatch:
    """One patch to apply: `raw` is the mail as it came, `diff` the text of its diff."""

    position: int
    title: str
    raw: bytes
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPrerequisite:
    """What is applied before the run's own patches; `problem` says why it is not, where it has no patches.

    `patch_id` is set where it was named by nothing else and is not at hand: the tree may have it.
    """

    named: str
    called: str
    root_id: str
    patches: tuple[JobPatch, ...]
    problem: str
    patch_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to execute. `label` is None for a baseline; `files` steer the selection, `only` narrows it.

    `first` is what both a run and its baseline have applied before anything else.
    """

    run_id: int
    label: str | None
    tree: str
    base_commit: str
    base_reason: str
    profile: str
    files: tuple[str, ...]
    only: tuple[str, ...] | None
    first: tuple[JobPrerequisite, ...]
    patches: tuple[JobPatch, ...]


def load_job(session: Session, run_id: int) -> Job:
    """Return what a worker needs to execute a run."""
    run = session.get_one(Run, run_id, options=[joinedload(Run.revision)])
    return Job(
        run_id=run.id,
        label=run.revision.label if run.revision else None,
        tree=run.tree,
        base_commit=run.base_commit,
        base_reason=run.base_reason,
        profile=run.profile,
        files=tuple(run.files),
        only=None if run.only is None else tuple(run.only),
        first=tuple(_prerequisite(session, one) for one in run.prerequisites),
        patches=_patches(session, run.revision),
    )


def _prerequisite(session: Session, stored: Mapping[str, Any]) -> JobPrerequisite:
    ids = stored["patches"]
    rows = session.scalars(_WITH_MAIL.where(Message.message_id.in_(ids), Patch.inherited_from.is_(None)))
    found = {one.message.message_id: _job_patch(one) for one in rows}
    kind, _, value = stored["named"].partition(" ")
    return JobPrerequisite(
        named=stored["named"],
        called=stored["called"],
        root_id=stored["root_id"],
        patches=tuple(found[one] for one in ids),
        problem=stored["problem"],
        patch_id=value if kind == PrerequisiteKind.PATCH_ID and not ids else None,
    )


def _patches(session: Session, revision: Revision | None) -> tuple[JobPatch, ...]:
    if revision is None:
        return ()
    rows = session.scalars(_WITH_MAIL.where(Patch.revision_id == revision.id).order_by(Patch.position))
    return tuple(_job_patch(one) for one in rows)


def _job_patch(one: Patch) -> JobPatch:
    return JobPatch(position=one.position, title=one.title, raw=one.message.raw, diff=one.diff)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an execution found, as the judge and the pages read it.

    `reached` is the last step that was tried; the rest is None or empty where it was not come to. `errors` are the
    compiler's, `events` the console's, each a JSON object; `selection` are tests with the reason they were chosen.
    """

    reached: str
    applied: bool
    built: bool
    booted: bool
    complete: bool
    facts: Mapping[str, Any]
    selection: tuple[Mapping[str, str], ...] = ()
    toolchain: Mapping[str, str] | None = None


def finish(session: Session, held: Claim, found: Findings) -> None:
    """Store what an execution found; queue the judge when the baseline is there, else wait for it.

    Raises:
        FencedError: this attempt has been replaced.
    """
    run = attempts.locked_run(session, held)
    run.results_attempt = held.attempt
    said = run.evidence.get("first_verdict")
    run.evidence = clean_json(
        {
            "reached": found.reached,
            "applied": found.applied,
            "built": found.built,
            "booted": found.booted,
            "complete": found.complete,
            "first_verdict": said if said and said["attempt"] == held.attempt else None,
            **found.facts,
        }
    )
    run.selection = clean_json(list(found.selection))
    run.toolchain = clean_json(dict(found.toolchain or {}))
    attempts.close(session, held, "done")
    if run.revision_id is None:
        run.state = RunState.DONE
        run.finished_at = datetime.now(UTC)
        session.flush()
        attempts.wake_waiting(session, run)
        return
    run.state = RunState.WAITING
    session.flush()
    if not found.applied or _baseline_done(session, run):
        attempts.queue_next(session, run)


def _baseline_done(session: Session, run: Run) -> bool:
    """Tell whether the baseline is there; the lock makes its end either be seen here or see that this run waits."""
    state = session.scalar(select(Run.state).where(Run.id == run.baseline_id).with_for_update(read=True))
    return state is RunState.DONE


def retry_later(session: Session, held: Claim, kind: AttemptKind, why: str, *, pause_s: int) -> None:
    """After trouble of ours: queue another attempt, or end the run as inconclusive when there were enough."""
    run = attempts.locked_run(session, held)
    attempts.close(session, held, f"trouble of ours: {why}"[:2000])
    if attempts.tries(session, run.id, kind) >= attempts.MAX_ATTEMPTS:
        attempts.give_up(session, run, f"inconclusive after {attempts.MAX_ATTEMPTS} attempts: {why}"[:2000])
        return
    run.state = RunState.QUEUED if kind is AttemptKind.EXECUTE else RunState.WAITING
    attempts.queue_next(session, run, pause_s=pause_s)
