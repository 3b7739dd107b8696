"""The services of one host: database, web, workers; what `reroll up` and the demo keep running."""

import sys
from collections.abc import Sequence

import httpx

from app.config import Settings
from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.session import make_engine
from app.db.url import database_url, embedded_cluster
from app.supervisor import Service


def database_service(cluster: Cluster) -> Service:
    """Return the embedded server; it is initialised here, for a supervisor starts and does nothing else."""
    cluster.initialise()
    return Service(name="postgres", command=cluster.command(), ready=cluster.ready, own_death_signal=True)


def prepare_database(settings: Settings) -> None:
    """Create the embedded server's database where needed, and bring the schema up to date."""
    cluster = embedded_cluster(settings)
    if cluster is not None:
        cluster.create_database()
    engine = make_engine(database_url(settings))
    upgrade(engine)
    engine.dispose()


def application_services(settings: Settings, *, pools: Sequence[str]) -> list[Service]:
    """Return the web application, one worker a pool named, and what follows the lists where there are any."""
    python = sys.executable
    host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host

    def answers() -> bool:
        try:
            address = f"http://{host}:{settings.listen_port}/healthz"
            return httpx.get(address, timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    web = Service(name="web", command=[python, "-m", "app.cli", "web"], ready=answers)
    workers = [
        Service(name=f"worker-{number}", command=[python, "-m", "workers", "--pool", pool])
        for number, pool in enumerate(pools, start=1)
    ]
    watch = [Service(name="watch", command=[python, "-m", "workers.watch"])] if settings.lists else []
    return [web, *workers, *watch]
