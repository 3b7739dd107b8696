"""Workers and the queue, to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db.models import Worker
from app.db.queries import workers as queries
from app.web.parameters import Read
from app.web.render import render
from app.web.words import Chip, Tone

router = APIRouter(include_in_schema=False)
SILENT_AFTER = timedelta(minutes=1)
STATUSES = ("todo", "doing", "succeeded", "failed", "cancelled", "aborted")
SELDOM = ("cancelled", "aborted")
"""Statuses that have a column only where an entry has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersPage:
    """Who works, on what, and what waits."""

    workers: Sequence[tuple[Worker, Chip]]
    counts: Mapping[str, Mapping[str, int]]
    entries: Sequence[queries.QueueEntry]
    title: str = "Workers"
    place: str = "workers"

    @property
    def statuses(self) -> Sequence[str]:
        """The statuses to show, in the order of an entry's life."""
        return [one for one in STATUSES if one not in SELDOM or any(one in each for each in self.counts.values())]

    @property
    def alive(self) -> int:
        """How many workers were heard of within the last minute."""
        return sum(chip.tone is Tone.GOOD for _, chip in self.workers)

    @property
    def waiting(self) -> int:
        """How many entries no worker has taken yet."""
        return sum(by_status.get("todo", 0) for by_status in self.counts.values())


@router.get("/workers")
def list_workers(request: Request, session: Read) -> HTMLResponse:
    """Show workers and queue."""
    now = request.app.state.now()
    workers = [
        (worker, Chip(text="alive", tone=Tone.GOOD))
        if now - worker.seen_at <= SILENT_AFTER
        else (worker, Chip(text="silent", tone=Tone.WARN))
        for worker in queries.list_workers(session)
    ]
    context = WorkersPage(
        workers=workers, counts=queries.queue_counts(session), entries=queries.queue_entries(session)
    )  # fmt: skip
    return render(request, "workers/list.html", context)
