"""Choosing what is run of the mails that a list brings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import ListSettings
from app.db.models import Patch, Revision, Run, Thread
from app.db.queries.neighbours import among
from app.services.tracking import track


def track_wanted(session: Session, rules: ListSettings, series_ids: Collection[int], *, now: datetime) -> list[str]:
    """Track every revision of these series that is to be run by the rules of a list; return their Message-IDs.

    To be run is what is whole, was posted lately, is chosen by the rules or follows a revision that was run, and was
    neither run nor asked for before.
    """
    fresh = select(Revision).where(
        among(Revision.series_id, series_ids),
        Revision.posted_at > now - rules.posted_within,
        Revision.missing == [],
        select(Patch.id).where(Patch.revision_id == Revision.id).exists(),
        ~select(Run.id).where(Run.revision_id == Revision.id).exists(),
        ~select(Thread.id).where(Thread.message_id == Revision.root_id).exists(),
    )
    tracked = []
    for revision in session.scalars(fresh.order_by(Revision.posted_at)):
        if _was_run(session, revision.series_id) or (rules.run and _chosen(session, rules, revision)):
            track(session, revision.root_id, requested_by=f"list {rules.name}")
            tracked.append(revision.root_id)
    return tracked


def _was_run(session: Session, series_id: int) -> bool:
    runs = select(Run.id).join(Revision, Revision.id == Run.revision_id).where(Revision.series_id == series_id)
    return session.scalar(select(runs.exists())) or False


def _chosen(session: Session, rules: ListSettings, revision: Revision) -> bool:
    touched = session.scalars(select(Patch.files).where(Patch.revision_id == revision.id)) if rules.files else ()
    return (
        _fits(rules.tags, revision.tags)
        and _fits(rules.authors, [revision.author_email, revision.author_name])
        and _fits(rules.files, [path for files in touched for path in files])
    )


def _fits(patterns: Sequence[str], values: Sequence[str]) -> bool:
    """Whether any of the values fits any of the patterns, whatever the case; no pattern fits everything."""
    return not patterns or any(fnmatchcase(value.lower(), one.lower()) for one in patterns for value in values)
