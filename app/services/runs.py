"""Making runs: of a revision, and of the baseline that it is compared with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.config import ProfileSettings, Settings, TreeSettings
from app.db.models import Patch, Revision, Run, RunState
from app.db.queue import Priority, Task, enqueue
from app.errors import SubmissionError
from app.services.prerequisites import needed_of, to_apply

INPUTS = ("tree", "base_commit", "base_reason", "prerequisites", "profile", "files", "inputs_key", "pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChoice:
    """Where a revision's patches go: `commit` (40 hex digits) of `tree`, and why.

    `not_fetched` says of prerequisites, by how they are named (`message-id 1@example.org`), why they could not be had.
    """

    tree: str
    commit: str
    reason: str
    not_fetched: Mapping[str, str] = field(default_factory=dict)


def route(settings: Settings, tags: Sequence[str]) -> TreeSettings:
    """Return the tree that a series' subject tags choose: the first with one of them, else the first without any.

    Raises:
        SubmissionError: no tree is set up for such a series.
    """
    wanted = {tag.lower() for tag in tags}
    for tree in settings.trees:
        if wanted & {tag.lower() for tag in tree.tags}:
            return tree
    for tree in settings.trees:
        if not tree.tags:
            return tree
    shown = ", ".join(sorted(wanted)) or "none"
    raise SubmissionError(f"no tree takes a series with the tags {shown}; add one to [[trees]] in the settings")


def series_files(session: Session, series_id: int) -> list[str]:
    """Return the paths that any revision of a series touches, sorted: the selection follows them.

    One selection for all revisions makes them comparable, and lets them share a baseline.
    """
    touched = session.scalars(select(Patch.files).join(Revision).where(Revision.series_id == series_id))
    return sorted({path for files in touched for path in files})


def inputs_key(profile: ProfileSettings, files: Sequence[str], first: Sequence[str] = ()) -> str:
    """Return what must be equal for two runs of one base to be compared.

    That is the profile, the selection, and what is applied first (the Message-IDs of the patches, in order): what a
    prerequisite breaks is broken on both sides, and no one's doing.
    """
    known: dict[str, Any] = {"profile": profile.inputs(), "files": sorted(files)}
    if first:
        known["first"] = list(first)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def add_run(
    session: Session,
    settings: Settings,
    *,
    revision: Revision,
    base: BaseChoice,
    files: Sequence[str],
    profile: str,
    by: str,
) -> Run:
    """Insert a run of a revision and its queue entry, and those of its baseline where there is none yet.

    The baseline is the base with the revision's prerequisites.
    """
    needed = needed_of(session, revision, why=base.not_fetched)
    first = to_apply(needed)
    shared = {**_inputs(settings, base=base, profile=profile, files=files, first=first), "requested_by": by}
    baseline = _baseline(session, shared, age=settings.profiles[profile].baseline_age)
    return _queued(session, Run(revision_id=revision.id, baseline_id=baseline, **(shared | {"prerequisites": needed})))


def add_partial_run(session: Session, settings: Settings, whole: Run, *, only: Sequence[str], by: str) -> Run:
    """Insert a run of some tests alone, with the inputs of a whole run of the same revision and their baseline of now.

    Raises:
        SubmissionError: the settings have no such profile any more.
    """
    shared = {name: getattr(whole, name) for name in INPUTS}
    profile = settings.profiles.get(whole.profile)
    if profile is None:
        raise SubmissionError(
            f"run {whole.id} was made with the profile {whole.profile!r}, which is gone; run it whole"
        )
    of_base = {**shared, "prerequisites": to_apply(whole.prerequisites), "requested_by": by}
    baseline = _baseline(session, of_base, age=profile.baseline_age)
    run = Run(revision_id=whole.revision_id, baseline_id=baseline, only=list(only), requested_by=by, **shared)
    return _queued(session, run)


def renew(session: Session, run: Run, baseline: Run) -> None:
    """Execute a run and its baseline again, because they were not made with the same toolchain.

    The baseline is replaced for everybody; runs that were judged against it keep what was said of them.
    """
    values = {name: getattr(baseline, name) for name in (*INPUTS, "requested_by")}
    run.baseline_id = _replaced(session, baseline, values)
    run.results_attempt = None
    run.evidence = {}
    run.state = RunState.QUEUED
    session.flush()
    enqueue(session, Task.EXECUTE, pool=run.pool, priority=Priority.RUN, run_id=run.id)


def _queued(session: Session, run: Run) -> Run:
    run.state = RunState.QUEUED
    run.evidence, run.toolchain, run.selection = {}, {}, []
    session.add(run)
    session.flush()
    enqueue(session, Task.EXECUTE, pool=run.pool, priority=Priority.RUN, run_id=run.id)
    return run


def _inputs(
    settings: Settings, *, base: BaseChoice, profile: str, files: Sequence[str], first: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what a run and its baseline have in common."""
    patches = [message_id for one in first for message_id in one["patches"]]
    return {
        "tree": base.tree,
        "base_commit": base.commit,
        "base_reason": base.reason,
        "profile": profile,
        "files": list(files),
        "prerequisites": list(first),
        "inputs_key": inputs_key(settings.profiles[profile], files, patches),
        "pool": settings.profiles[profile].pool,
    }


def _baseline(session: Session, values: dict[str, Any], *, age: timedelta | None = None) -> int:
    """Return the id of the baseline with these inputs; of two transactions that want to make it, one does.

    One that ended for trouble of ours, or neither built nor booted, is made again: what stopped it may have been mended
    since. So is one that ended longer ago than `age`: the host is not what it was, and nothing else would show that.
    """
    same = [getattr(Run, name) == values[name] for name in ("tree", "base_commit", "profile", "inputs_key")]
    wanted = select(Run).where(Run.revision_id.is_(None), Run.replaced_by_id.is_(None), *same)
    known = session.scalar(wanted.with_for_update())
    if known is not None:
        return _replaced(session, known, values) if _useless(known) or _aged(known, age) else known.id
    fresh = {"state": RunState.QUEUED, "evidence": {}, "toolchain": {}, "selection": [], "newest_attempt": 0}
    made: int | None = session.scalar(upsert(Run).values(values | fresh).on_conflict_do_nothing().returning(Run.id))
    if made is not None:
        enqueue(session, Task.EXECUTE, pool=values["pool"], priority=Priority.BASELINE, run_id=made)
        return made
    return session.scalars(wanted).one().id


def _useless(baseline: Run) -> bool:
    return baseline.state is RunState.DONE and (
        baseline.results_attempt is None or False in {baseline.evidence.get(one) for one in ("built", "booted")}
    )


def _aged(baseline: Run, age: timedelta | None) -> bool:
    ended = baseline.finished_at if baseline.state is RunState.DONE else None
    return age is not None and ended is not None and datetime.now(UTC) - ended > age


def _replaced(session: Session, baseline: Run, values: dict[str, Any]) -> int:
    """Replace a baseline for everybody; return the id of its successor, which has the inputs `values`."""
    if baseline.replaced_by_id is None:
        baseline.replaced_by_id = baseline.id  # out of the way of the unique index; the successor's id comes below
        session.flush()
    successor = _baseline(session, values)
    baseline.replaced_by_id = successor
    return successor
