"""`python -m workers --pool POOL`: one worker process."""

import argparse
import asyncio
import os
import socket
import sys

import structlog
from procrastinate import App

from app.config import Settings, settings
from app.db.session import Sessions, make_engine, make_sessions
from app.db.url import database_url
from app.errors import RerollError
from app.logging import configure
from app.services import presence
from workers.adapters.wiring import make_context
from workers.context import Context
from workers.tasks import make_app

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0
STALLED_S = 20.0
"""A worker that has not been heard of for so long is lost, and its jobs are given to others."""
REAP_EVERY_S = 5.0


async def work(use: Settings, pool: str) -> None:
    """Take jobs of one pool, one at a time, until told to stop."""
    url = database_url(use)
    sessions = make_sessions(make_engine(url))
    name = f"{socket.gethostname()}/{os.getpid()}"
    context = await make_context(use, sessions, worker=name, pool=pool)
    app = make_app(url)
    async with app.open_async():
        side = [asyncio.create_task(_reap(app)), asyncio.create_task(_present(sessions, context))]
        try:
            await app.run_worker_async(
                queues=[pool],
                name=name,
                concurrency=1,
                additional_context={"context": context},
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_S,
                fetch_job_polling_interval=2.0,
                delete_jobs="successful",
                shutdown_graceful_timeout=5.0,
            )
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)


async def _reap(app: App) -> None:
    """Give the jobs of lost workers to others; every worker looks, for any may be the last one alive."""
    manager = app.job_manager
    while True:
        await asyncio.sleep(REAP_EVERY_S)
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
            log.warning("a worker was lost; its job is queued again", task=job.task_name, args=job.task_kwargs)
            await manager.retry_job(job)


async def _present(sessions: Sessions, context: Context) -> None:
    """Say every few seconds that this worker is there."""
    while True:
        with sessions.begin() as session:
            presence.seen(session, worker=context.worker, pool=context.pool, machine=context.machine_facts)
        await asyncio.sleep(HEARTBEAT_S)


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--pool", default="default", help="which queue to take jobs from")
    options = parser.parse_args()
    configure()
    try:
        asyncio.run(work(settings(), options.pool))
    except RerollError as error:
        sys.exit(f"the worker cannot work: {error}")


if __name__ == "__main__":
    main()
