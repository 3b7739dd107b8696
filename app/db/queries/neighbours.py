"""Which stored mails have to be read again for mails that come in to be understood with them.

`app.domain.series` reads mails together; what it would say of new mails and everything stored is what it says of the
new mails and these. All statements go by an index and ask for a bounded number of rows a new mail, so that a million
stored mails cost what ten thousand do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, any_, bindparam, literal, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.models import Comment, Message, MessageKind, Patch, Revision

LATEST = 24
"""Revisions under one key that are looked at, the newest: as many as app.domain.linking compares."""
MANY = 64
"""Mails under one key that answer nothing at hand, the newest: as many as app.domain.item looks at."""
POSTED = (MessageKind.COVER, MessageKind.PATCH)
DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored mail without its text."""

    id: int
    message_id: str
    kind: MessageKind
    reason: str | None
    root: str
    lists: Sequence[str]
    thread_id: int | None
    in_reply_to: str | None


@dataclass(slots=True, kw_only=True)
class Neighbours:
    """Stored mails by Message-ID, and the series that their covers and patches are in."""

    mails: dict[str, Stored] = field(default_factory=dict)
    series: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A revision that some person posted: what says whether it may have to do with another."""

    key: int
    series_id: int
    title: str
    version: int
    rfc: bool
    resend: bool
    posted_at: datetime | None
    paths: frozenset[str]


def threads_of(session: Session, named: Collection[str], new: Collection[str]) -> set[str]:
    """Return the roots of the stored threads that hold a mail named here, or an answer to one of the new ones."""
    statement = text(
        "SELECT root FROM messages WHERE message_id = ANY(:named) "
        "UNION SELECT root FROM messages WHERE in_reply_to = ANY(:new)"
    ).bindparams(bindparam("named", type_=ARRAY(Text)), bindparam("new", type_=ARRAY(Text)))
    return set(session.scalars(statement, {"named": list(named), "new": list(new)}))


def threads_later_than(session: Session, first: Mapping[str, datetime | None]) -> set[str]:
    """Return which of these threads hold a mail sent after the given time (None: any at all)."""
    if not first:
        return set()
    statement = text(
        "SELECT w.root FROM unnest(:roots, :since) AS w(root, since) WHERE EXISTS (SELECT FROM messages m "
        "WHERE m.root = w.root AND (w.since IS NULL OR m.sent_at IS NULL OR m.sent_at > w.since))"
    ).bindparams(
        bindparam("roots", type_=ARRAY(Text)), bindparam("since", type_=ARRAY(Message.__table__.c.sent_at.type))
    )
    return set(session.scalars(statement, {"roots": list(first), "since": list(first.values())}))


def revisions_by_key(session: Session, keys: Collection[int]) -> set[int]:
    """Return the series of the newest revisions that have one of the keys."""
    statement = text(
        "SELECT DISTINCT r.series_id FROM unnest(:keys) AS w(key) CROSS JOIN LATERAL ("
        "SELECT revision_id FROM revision_keys k WHERE k.key = w.key ORDER BY revision_id DESC LIMIT :most"
        ") found JOIN revisions r ON r.id = found.revision_id"
    ).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))
    return set(session.scalars(statement, {"keys": list(keys), "most": LATEST}))


def revisions_by_person(session: Session, keys: Collection[int]) -> list[Candidate]:
    """Return the newest revisions that these people posted, with the key that each was found by."""
    statement = text(
        "SELECT w.key, r.series_id, r.title, r.version, r.rfc, r.resend, r.posted_at, ("
        "SELECT coalesce(array_agg(f), '{}') FROM patches p, unnest(p.files) f WHERE p.revision_id = r.id) AS paths "
        "FROM unnest(:keys) AS w(key) CROSS JOIN LATERAL ("
        "SELECT revision_id FROM revision_keys k WHERE k.key = w.key ORDER BY revision_id DESC LIMIT :most"
        ") found JOIN revisions r ON r.id = found.revision_id"
    ).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))
    rows = session.execute(statement, {"keys": list(keys), "most": LATEST})
    return [Candidate(**(row._asdict() | {"paths": frozenset(row.paths)})) for row in rows]


def strays(session: Session, wanted: Collection[tuple[int, datetime | None, datetime | None]]) -> dict[str, str]:
    """Return the newest mails that answer nothing at hand, by key and the time they were sent in; each with its root.

    `wanted` are key, earliest and latest time; None stands for any.
    """
    statement = text(
        "SELECT DISTINCT m.message_id, m.root FROM unnest(:keys, :since, :until) AS w(key, since, until) "
        "CROSS JOIN LATERAL (SELECT message_pk FROM stray_keys k WHERE k.key = w.key "
        "ORDER BY message_pk DESC LIMIT :most) found JOIN messages m ON m.id = found.message_pk "
        "WHERE (w.since IS NULL OR m.sent_at >= w.since) AND (w.until IS NULL OR m.sent_at <= w.until)"
    ).bindparams(
        bindparam("keys", type_=ARRAY(BigInteger)),
        bindparam("since", type_=ARRAY(Message.__table__.c.sent_at.type)),
        bindparam("until", type_=ARRAY(Message.__table__.c.sent_at.type)),
    )
    keys, since, until = (list(column) for column in zip(*wanted, strict=True)) if wanted else ([], [], [])
    rows = session.execute(statement, {"keys": keys, "since": since, "until": until, "most": MANY})
    return dict(rows.all())


def add_mails(session: Session, to: Neighbours, named: Collection[str]) -> None:
    """Add the stored mails with these Message-IDs."""
    if named:
        _add(session, to, among(Message.message_id, named))


def add_threads(session: Session, to: Neighbours, roots: Collection[str], *, whole: bool) -> None:
    """Add the covers and patches of threads, or all of their mails."""
    if roots:
        which = among(Message.root, roots)
        _add(session, to, which if whole else which & Message.kind.in_(POSTED))


def add_series(session: Session, to: Neighbours, series: Collection[int]) -> None:
    """Add the covers and patches of series, and of every other series that has one of the mails added so far.

    An answer that names no thread has its place by its subject alone: its series is not in its thread. Mails that
    those answer without naming their thread are added as well: the way up would be lost without them.
    """
    to.series.update(series)
    own = [one.id for one in to.mails.values() if one.kind in POSTED]
    patched = select(Patch.revision_id).where(among(Patch.message_pk, own))
    # Two statements, for one with OR reads both tables whole: no index has both columns.
    for which in (among(Revision.cover_id, own), Revision.id.in_(patched)):
        to.series.update(session.scalars(select(Revision.series_id).where(which).distinct()))
    said = [one.id for one in to.mails.values() if one.kind is MessageKind.COMMENT]
    to.series.update(
        session.scalars(
            select(Revision.series_id)
            .join(Comment, Comment.revision_id == Revision.id)
            .where(among(Comment.message_pk, said))
            .distinct()
        )
    )
    revisions = session.execute(select(Revision.id, Revision.cover_id).where(among(Revision.series_id, to.series)))
    covers = dict(revisions.all())
    patches = session.scalars(select(Patch.message_pk).where(among(Patch.revision_id, covers)))
    _add(session, to, among(Message.id, {*patches, *(cover for cover in covers.values() if cover)}))
    for _ in range(DEEPEST):
        above = {one.in_reply_to for one in to.mails.values() if one.in_reply_to} - to.mails.keys()
        before = len(to.mails)
        add_mails(session, to, above)
        if len(to.mails) == before:
            return


def among(column: InstrumentedAttribute[Any], values: Collection[object]) -> ColumnElement[bool]:
    """Return `column = ANY(array)`: one parameter and one plan, however many values there are."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def _add(session: Session, to: Neighbours, which: ColumnElement[bool]) -> None:
    columns = (
        Message.id,
        Message.message_id,
        Message.kind,
        Message.reason,
        Message.root,
        Message.lists,
        Message.thread_id,
        Message.in_reply_to,
    )
    for row in session.execute(select(*columns).where(which)):
        to.mails.setdefault(row.message_id, Stored(**row._asdict()))


def raw_mails(session: Session, ids: Iterable[int]) -> dict[int, bytes]:
    """Return mails as they came, by id."""
    return dict(session.execute(select(Message.id, Message.raw).where(among(Message.id, list(ids)))).all())
