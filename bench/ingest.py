"""Mails a second into PostgreSQL, series and comments resolved."""

import tempfile
import time
from pathlib import Path

from rich.console import Console
from sqlalchemy import func, select

from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.models import Comment, Message, Patch, Revision, Series
from app.db.session import make_engine, make_sessions
from app.services.ingest import ingest
from bench.synthetic import some_threads

ROUNDS = 3


def measure_ingest() -> None:
    """Ingest real threads where they are at hand, else the example's; a transaction a thread, as tracking does."""
    console = Console(highlight=False)
    threads, what = some_threads()
    mails = sum(map(len, threads))
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        Path(folder).chmod(0o711)
        cluster = Cluster(Path(folder))
        with cluster.running():
            best = max(_round(cluster, number, threads, console) for number in range(ROUNDS))
    console.print(f"ingest: {mails} mails of {what}: best of {ROUNDS} rounds {best:.0f} mails/s")


def _round(cluster: Cluster, number: int, threads: list[tuple[bytes, ...]], console: Console) -> float:
    name = f"bench_{number}"
    cluster.create_database(name)
    engine = make_engine(cluster.url(name))
    upgrade(engine)
    sessions = make_sessions(engine)
    started = time.perf_counter()
    for mails in threads:
        with sessions.begin() as session:
            ingest(session, mails, thread_id=None)
    rate = sum(map(len, threads)) / (time.perf_counter() - started)
    with sessions() as session:
        counts = [session.scalar(select(func.count(one.id))) for one in (Message, Series, Revision, Patch, Comment)]
    names = ("messages", "series", "revisions", "patches", "comments")
    stored = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True))
    console.print(f"  round {number + 1}: {rate:.0f} mails/s ({stored})")
    engine.dispose()
    return rate
