"""Lists of tests to ignore: entered with reason, owner and expiry, ended, and read by the judge."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.db.models import Ignore as Row
from app.db.queries import ignores as queries
from app.domain.ignoring import Ignore, ignored, problem_with
from app.domain.outcome import TestKey
from app.domain.text import storable
from app.errors import NotFoundError, SubmissionError

LONGEST_TEXT = 500
LONGEST_NAME = 100
"""Of a suite, tree or profile."""
LONGEST = timedelta(days=180)
"""What is still flaky after half a year wants to be looked at again before it is ignored on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be ignored, as app.domain.ignoring.Ignore describes it; "" for suite, tree and profile is any."""

    pattern: str
    suite: str = ""
    tree: str = ""
    profile: str = ""
    reason: str
    owner: str
    expires_at: datetime


def add(session: Session, entry: Entry, *, by: str, now: datetime) -> Row:
    """Put an entry on the list; it counts for what is judged from now on.

    Raises:
        SubmissionError: the pattern is too wide, reason or owner is missing or too long, so is what narrows it, or it
            expires at no sensible time; says which.
    """
    pattern, reason, owner = (storable(one.strip()) for one in (entry.pattern, entry.reason, entry.owner))
    if trouble := problem_with(pattern):
        raise SubmissionError(trouble)
    for name, text in (("pattern", pattern), ("reason", reason), ("owner", owner)):
        if not text or len(text) > LONGEST_TEXT:
            raise SubmissionError(f"the {name} has {len(text)} characters; it needs 1 to {LONGEST_TEXT}")
    if not now < entry.expires_at <= now + LONGEST:
        raise SubmissionError(
            f"it would expire at {entry.expires_at:%Y-%m-%d %H:%M}; that has to be within {LONGEST.days} days from now"
        )
    narrowed = {name: storable(getattr(entry, name).strip()) or None for name in ("suite", "tree", "profile")}
    for name, where in narrowed.items():
        if where and len(where) > LONGEST_NAME:
            raise SubmissionError(f"the {name} has {len(where)} characters; it may have {LONGEST_NAME}")
    said = {"pattern": pattern, "reason": reason, "owner": owner, "expires_at": entry.expires_at}
    row = Row(**said, **narrowed, created_by=by, created_at=now)
    session.add(row)
    session.flush()
    return row


def end(session: Session, ignore_id: int, *, by: str, now: datetime) -> Row:
    """Let an entry count no more; it stays on record. Ended once, or expired, is over.

    Raises:
        NotFoundError: there is no such entry.
    """
    row = queries.get_ignore(session, ignore_id, for_update=True)
    if row is None:
        raise NotFoundError(f"there is no entry {ignore_id} on the list of tests to ignore")
    if row.ended_at is None and row.expires_at > now:
        row.ended_by, row.ended_at = by, now
    return row


def ignored_now(session: Session, keys: Iterable[TestKey], *, tree: str, profile: str) -> Mapping[TestKey, Ignore]:
    """Return of these tests those whose failures are ignored now, each with the entry that says so."""
    entries = [_entry(row) for row in queries.in_force(session, datetime.now(UTC))]
    return ignored(entries, keys, tree=tree, profile=profile)


def in_force_for(session: Session, key: TestKey, *, now: datetime) -> list[Ignore]:
    """Return the entries in force that name a test, whatever tree or profile they are narrowed to."""
    entries = [_entry(row) for row in queries.in_force(session, now)]
    return [one for one in entries if one.names(key)]


def _entry(row: Row) -> Ignore:
    return Ignore(
        id=row.id,
        pattern=row.pattern,
        suite=row.suite,
        tree=row.tree,
        profile=row.profile,
        reason=row.reason,
        owner=row.owner,
        expires_at=row.expires_at,
    )
