"""What a worker does beside its jobs, every few seconds: say that it is there, and look after what others left.

Trouble with one of these (a database that is away, say) is logged, and the next time it is tried again: nobody would
notice a worker that goes on without them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

from app.services import log_retention, presence, sweep
from workers.context import Context

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0
STALLED_S = 20.0
"""A worker that has not been heard of for so long is lost, and its jobs are given to others."""
REAP_EVERY_S = 5.0
SWEEP_EVERY_S = 60.0
TIDY_EVERY_S = 3600.0


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """The upkeep that one worker does; every worker does all of it, for any may be the last one alive."""

    app: App
    context: Context
    doing: str | None = field(default=None)

    async def keep(self) -> None:
        """Do all of it until cancelled."""
        await asyncio.gather(
            every(HEARTBEAT_S, self.say_present),
            every(REAP_EVERY_S, self.give_back),
            every(SWEEP_EVERY_S, self.sweep),
            every(TIDY_EVERY_S, self.tidy, first_s=TIDY_EVERY_S),
            every(TIDY_EVERY_S, self.clear_logs),
        )

    async def note(self, call_next: AsyncCallNext, job: JobContext, _worker: Worker) -> Any:  # noqa: ANN401 - a job's
        """Run a job, and note meanwhile what it is: a worker middleware of the queue."""
        about = [f"{name.removesuffix('_id')} {value}" for name, value in job.job.task_kwargs.items()]
        self.doing = " ".join([job.job.task_name, *about])
        try:
            return await call_next()
        finally:
            self.doing = None

    async def say_present(self) -> None:
        """Say that this worker is there, and what it does."""
        use = self.context
        with use.sessions.begin() as session:
            presence.seen(session, worker=use.worker, pool=use.pool, machine=use.machine_facts, doing=self.doing)

    async def give_back(self) -> None:
        """Give the jobs of lost workers to others."""
        manager = self.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
            try:
                await manager.retry_job(job)
            except ConnectorException as error:  # most likely another worker was faster
                log.info("a lost job was not given back", job=job.id, error=str(error.__cause__ or error))
            else:
                log.warning("a worker was lost; its job is queued again", task=job.task_name, args=job.task_kwargs)

    async def sweep(self) -> None:
        """Queue again what should go on and is not on the queue any more."""
        with self.context.sessions.begin() as session:
            for lost in sweep.requeue_lost(session):
                log.warning("this was no longer on the queue; it is queued again", what=lost)

    async def clear_logs(self) -> None:
        """Delete logs that are kept no longer, some at a time."""
        gone = 0
        while more := await asyncio.to_thread(self._clear_some):
            gone += more
        if gone:
            log.info("old logs were deleted", logs=gone)

    def _clear_some(self) -> int:
        with self.context.sessions.begin() as session:
            return log_retention.clear_logs(session, self.context.settings.artifacts, datetime.now(UTC))

    async def tidy(self) -> None:
        """Keep the trees' repositories small, unless there is a job to be done."""
        for tree in self.context.settings.trees:
            if self.doing is None:
                await self.context.trees.tidy(tree)


async def every(seconds: float, act: Callable[[], Awaitable[None]], *, first_s: float = 0.0) -> None:
    """Do something again and again until cancelled; trouble with it is logged."""
    await asyncio.sleep(first_s)
    while True:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("upkeep failed and is tried again", what=act.__name__, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(seconds)
