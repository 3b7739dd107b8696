"""Workers, and the queue that they take from (procrastinate's tables, read only)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, select, text
from sqlalchemy.orm import Session

from app.db.models import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One entry of the queue that is not over: `status` is todo or doing, `args` say what it is about."""

    id: int
    pool: str
    task: str
    priority: int
    status: str
    args: dict[str, Any]
    tries: int
    since: datetime | None


def list_workers(session: Session, limit: int = 200) -> Sequence[Worker]:
    """Return the workers, the one heard of last first."""
    return session.scalars(select(Worker).order_by(Worker.seen_at.desc(), Worker.name).limit(limit)).all()


def queue_counts(session: Session) -> dict[str, dict[str, int]]:
    """Count the queue's entries by task and status."""
    counts: dict[str, dict[str, int]] = {}
    rows = session.execute(
        text("SELECT task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2 ORDER BY 1, 2")
    )
    for task, status, number in rows:
        counts.setdefault(task, {})[status] = number
    return counts


def queue_entries(session: Session, limit: int = 100) -> Sequence[QueueEntry]:
    """Return what is being done and what is next, in the order in which workers take it."""
    rows = session.execute(
        text(
            "SELECT j.id, j.queue_name, j.task_name, j.priority, j.status::text, j.args, j.attempts,"
            "  (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id) AS since"
            " FROM procrastinate_jobs j WHERE j.status IN ('doing', 'todo')"
            " ORDER BY j.status = 'doing' DESC, j.priority DESC, j.id LIMIT :most"
        ).columns(since=DateTime(timezone=True)),
        {"most": limit},
    )
    return [
        QueueEntry(id=id_, pool=pool, task=task, priority=priority, status=status, args=args, tries=tries, since=since)
        for id_, pool, task, priority, status, args, tries, since in rows
    ]
