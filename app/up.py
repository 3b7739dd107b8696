"""`reroll up`: the services of this host, until interrupted."""

import asyncio
import signal
from collections.abc import Sequence

import structlog

from app.config import Settings
from app.db.url import embedded_cluster
from app.stack import application_services, database_service, prepare_database
from app.supervisor import Supervisor

log = structlog.get_logger(__name__)


async def serve(use: Settings, *, pools: Sequence[str]) -> None:
    """Run database, web application and workers until SIGINT or SIGTERM.

    Raises:
        InfrastructureError: a service does not become ready.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    logs = use.state_dir / "logs"
    cluster = embedded_cluster(use)
    first = [database_service(cluster)] if cluster else []
    async with Supervisor(first, logs=logs):
        prepare_database(use)
        async with Supervisor(application_services(use, pools=pools), logs=logs):
            log.info("serving", pages=use.public_url, logs=str(logs))
            await stop.wait()
            log.info("stopping")
