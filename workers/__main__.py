"""`python -m workers --pool POOL`: one worker process."""

import argparse
import asyncio
import os
import socket
import sys

from app.config import Settings, settings
from app.db.session import make_engine, make_sessions
from app.db.url import database_url
from app.errors import RerollError
from app.logging import configure
from workers.adapters.artifacts import FolderStore
from workers.adapters.wiring import make_context
from workers.artifacts import Keeper
from workers.tasks import make_app
from workers.upkeep import HEARTBEAT_S, STALLED_S, Upkeep


async def work(use: Settings, pool: str) -> None:
    """Take jobs of one pool, one at a time, until told to stop."""
    url = database_url(use)
    sessions = make_sessions(make_engine(url))
    name = f"{socket.gethostname()}/{os.getpid()}"
    context = await make_context(use, sessions, worker=name, pool=pool)
    app = make_app(url)
    async with app.open_async():
        upkeep = Upkeep(app=app, context=context)
        store = FolderStore(use.artifacts_dir, cache_dir=use.cache_dir, room_bytes=use.artifacts.room_bytes)
        keeper = Keeper(context=context, store=store)
        beside = asyncio.gather(upkeep.keep(), keeper.keep())
        try:
            await app.run_worker_async(
                queues=[pool],
                name=name,
                concurrency=1,
                additional_context={"context": context},
                worker_middleware=[upkeep.note],
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_S,
                fetch_job_polling_interval=2.0,
                delete_jobs="successful",
                shutdown_graceful_timeout=5.0,
            )
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)


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
