"""What of this host's disks is used by what of Reroll."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db.queries.artifacts import bytes_kept
from app.db.session import make_engine, make_sessions
from app.db.url import database_url
from workers.adapters.clearing import size_of

CACHES = {
    "trees": "kernel trees and worktrees",
    "builds": "objects of bases",
    "ccache": "compiler cache",
    "images": "kernels and selftests of runs",
    "guest": "guests' roots",
    "inboxes": "mirrors of archives",
    "lore": "answers of the archive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A part, and the bytes that it takes (None: it could not be asked)."""

    what: str
    where: str
    size: int | None


def disk_use(settings: Settings) -> list[Use]:
    """Return the bytes of every part that there is; reads every folder, which takes seconds."""
    found = [
        Use(what=what, where=str(folder), size=size_of(folder))
        for name, what in CACHES.items()
        if (folder := settings.cache_dir / name).is_dir()
    ]
    store = settings.artifacts_dir
    database, kept = _asked(settings)
    if store.is_dir():
        told = "" if kept is None else f", {kept / 1e9:.1f} GB of them told of in the database"
        found.append(Use(what=f"what runs left to download{told}", where=str(store), size=size_of(store)))
    return [*found, Use(what="database", where="PostgreSQL", size=database)]


def _asked(settings: Settings) -> tuple[int | None, int | None]:
    """Return the bytes of the database and those that its rows know in the store; None where it does not answer."""
    engine = make_engine(database_url(settings))
    try:
        with make_sessions(engine)() as session:
            return session.scalar(select(func.pg_database_size(func.current_database()))), bytes_kept(session)
    except SQLAlchemyError:
        return None, None
    finally:
        engine.dispose()
