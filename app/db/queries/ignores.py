"""Tests whose failures are ignored: entries in force, and those that were."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, not_, select
from sqlalchemy.orm import Session

from app.db.models import Ignore
from app.db.queries.paging import Page, Window, paginate


def in_force(session: Session, now: datetime) -> Sequence[Ignore]:
    """Return the entries that count now."""
    return session.scalars(select(Ignore).where(Ignore.ended_at.is_(None), Ignore.expires_at > now)).all()


def list_ignores(session: Session, window: Window, *, now: datetime, counting: bool | None = None) -> Page[Ignore]:
    """Return entries, those in force first, then what expires last; `counting`: only those (True) or not (False)."""
    statement = select(Ignore)
    counts = and_(Ignore.ended_at.is_(None), Ignore.expires_at > now)
    if counting is not None:
        statement = statement.where(counts if counting else not_(counts))
    return paginate(session, statement.order_by(counts.desc(), Ignore.expires_at.desc(), Ignore.id.desc()), window)


def get_ignore(session: Session, ignore_id: int, *, for_update: bool = False) -> Ignore | None:
    """Return one entry, in force or not."""
    return session.get(Ignore, ignore_id, with_for_update=for_update)
