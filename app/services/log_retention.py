"""How long logs are kept: they are in the database, and most of what a run adds to it."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from app.config import ArtifactSettings
from app.db.models import LogChunk, Run, RunState, Step

STAYS = "config"
"""The log that is a kernel's configuration: a few kilobytes without which nobody builds it again."""
AT_ONCE = 200
"""Logs deleted in one transaction, each of 64 MB at most: nobody waits for it for long."""


def clear_logs(session: Session, limits: ArtifactSettings, now: datetime) -> int:
    """Delete logs that are kept no longer; return how many those were, at most AT_ONCE.

    Those of a baseline go when those of every run go that was compared with it. What results say of their own stays.
    """
    user = aliased(Run)
    ended = Run.finished_at < now - limits.keep_logs
    used = select(user.id).where(
        user.baseline_id == Run.id,
        (user.finished_at >= now - limits.keep_logs) | (user.state != RunState.DONE),
    )
    old = (
        select(LogChunk.step_id, LogChunk.name)
        .join(Step, Step.id == LogChunk.step_id)
        .join(Run, Run.id == Step.run_id)
        .where(Run.state == RunState.DONE, ended, ~used.exists(), LogChunk.name != STAYS)
        .distinct()
        .limit(AT_ONCE)
    )
    gone = session.execute(old).all()
    for step_id, name in gone:
        session.execute(delete(LogChunk).where(LogChunk.step_id == step_id, LogChunk.name == name))
    return len(gone)


def cleared(session: Session, step: Step, limits: ArtifactSettings, now: datetime) -> bool:
    """Tell whether a step has no logs any more because its run ended so long ago."""
    ended = session.get_one(Run, step.run_id).finished_at
    left = select(LogChunk.name).where(LogChunk.step_id == step.id, LogChunk.name != STAYS).limit(1)
    return ended is not None and ended < now - limits.keep_logs and session.scalar(left) is None
