"""Which workers there are, as they say themselves."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import Worker

GONE_AFTER = timedelta(hours=1)
"""A worker not heard of for so long is taken off the list."""


def seen(session: Session, *, worker: str, pool: str, machine: Mapping[str, str]) -> None:
    """Note that a worker is there; `machine` holds its accelerator and its tools' versions."""
    tools = dict(machine)
    values = {"pool": pool, "accelerator": tools.pop("accelerator", None), "toolchain": tools, "seen_at": func.now()}
    session.execute(
        upsert(Worker).values(name=worker, **values).on_conflict_do_update(index_elements=[Worker.name], set_=values)
    )
    session.execute(delete(Worker).where(Worker.seen_at < func.now() - GONE_AFTER))
