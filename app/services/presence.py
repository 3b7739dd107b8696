"""Which workers there are, as they say themselves."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import Worker

GONE_AFTER = timedelta(hours=1)
"""A worker not heard of for so long is taken off the list."""


def seen(session: Session, *, worker: str, pool: str, machine: Mapping[str, str], doing: str | None) -> None:
    """Note that a worker is there; `machine` holds accelerator and tools' versions, `doing` is None where it waits."""
    tools = dict(machine)
    accelerator = tools.pop("accelerator", None)
    values = {"pool": pool, "accelerator": accelerator, "toolchain": tools, "doing": doing, "seen_at": func.now()}
    session.execute(
        upsert(Worker).values(name=worker, **values).on_conflict_do_update(index_elements=[Worker.name], set_=values)
    )
    session.execute(delete(Worker).where(Worker.seen_at < func.now() - GONE_AFTER))
