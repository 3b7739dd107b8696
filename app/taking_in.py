"""`reroll ingest`: whole archives into the database, with how far it is and how fast."""

import time
from collections.abc import Sequence

from rich.console import Console

from app.config import Settings
from app.db.session import make_engine, make_sessions
from app.db.url import database_url
from workers.archive import Progress, ingest_archive


def take_in_archives(use: Settings, places: Sequence[str]) -> None:
    """Take in archives one after the other, and print what was read of each.

    Raises:
        RerollError: one of them is not there or cannot be read; those before it, and what was read of it, stay.
    """
    console = Console(stderr=True, highlight=False)
    engine = make_engine(database_url(use))
    sessions = make_sessions(engine)
    try:
        for place in places:
            started = time.monotonic()
            with console.status(f"{place}: reading") as status:

                def tell(now: Progress, place: str = place, started: float = started) -> None:
                    rate = now.mails / (time.monotonic() - started)
                    status.update(f"{place}: {now.mails} mails, {rate:.0f} a second, epoch {now.epoch}")

                mails = ingest_archive(sessions, place, cache_dir=use.cache_dir, tell=tell)
            took = time.monotonic() - started
            console.print(f"{place}: {mails} new mails in {took:.0f} s")
    finally:
        engine.dispose()
