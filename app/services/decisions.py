"""What people decide about which postings are one series: taken at once, kept on record, and possible to undo."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Decision, Revision
from app.db.queries import decisions as queries
from app.domain.decision import DecisionKind
from app.domain.message_id import parse_reference
from app.domain.text import storable
from app.errors import NotFoundError, SubmissionError
from app.services import ingest

LONGEST_NOTE = 1000
_SERIES = re.compile(
    r"#?(?P<number>[0-9]{1,18})|(?:https?://[^/\s]+)?/series/(?P<page>[0-9]{1,18})(?:\?(?P<query>[^#\s]*))?(?:#\S*)?"
)


def find_posting(session: Session, reference: str) -> Revision:
    """Return the revision that a person means.

    `reference` is a Message-ID or an archive's URL of any mail of the posting, or a series of ours: its number or the
    address of its page, which stand for its newest revision unless the address names another.

    Raises:
        SubmissionError: it is none of these, or nothing of the kind is stored.
    """
    asked = reference.strip()
    if ours := _SERIES.fullmatch(asked):
        number = int(ours["number"] or ours["page"])
        label = parse_qs(ours["query"] or "").get("revision", [None])[0]
        found = queries.of_series(session, number, storable(label) if label else None)
        if found is None:
            raise SubmissionError(f"there is no series {number}" + (f" with a revision {label!r}" if label else ""))
        return found
    message_id = parse_reference(asked)
    named = queries.postings_of(session, [message_id]).get(message_id)
    if named is None:
        raise SubmissionError(f"<{message_id}> is no mail of a series that is stored here; track its thread first")
    return named


def decide(
    session: Session, *, kind: DecisionKind, revision: Revision, target: Revision | None, note: str, by: str
) -> Decision:
    """Record what a person decided, and read the series that it is about again with it, in the caller's transaction.

    LINK makes `revision`, with all of its series, one work with `target`'s; SPLIT makes it and those after it a series
    of their own; MOVE takes it alone over to `target`'s series, or out of all. Of what was one series before, rows,
    runs and comments stay as they are.

    Raises:
        SubmissionError: the decision makes no sense or would change nothing; says why.
    """
    note = storable(note.strip())
    if len(note) > LONGEST_NOTE:
        raise SubmissionError(f"the note has {len(note)} characters; at most {LONGEST_NOTE} are kept")
    siblings = session.scalars(
        select(Revision).where(Revision.series_id == revision.series_id).order_by(Revision.position, Revision.id)
    ).all()
    parted_from = _parted_from(kind, revision, target, siblings)
    if kind is DecisionKind.LINK and target is not None:
        _refuse_twice(session, revision, target)
    row = Decision(
        kind=kind,
        message_id=revision.root_id,
        to_message_id=target.root_id if target else None,
        parted_from=parted_from,
        note=note,
        decided_by=by,
    )
    session.add(row)
    _resolve(session, row)
    return row


def undo(session: Session, decision_id: int, *, by: str) -> Decision:
    """Let a decision count no more, and read what it was about again; it stays on record. Undone once is undone.

    Raises:
        NotFoundError: there is no such decision.
    """
    row = queries.get_decision(session, decision_id, for_update=True)
    if row is None:
        raise NotFoundError(f"there is no decision {decision_id}")
    if row.undone_at is None:
        row.undone_by, row.undone_at = by, datetime.now(UTC)
        _resolve(session, row)
        # What came in while it counted never was in one series with these: they are taken in as if new.
        ingest.ingest(session, queries.posted_with(session, _named(row)), thread_id=None)
        session.expire_all()
    return row


def _parted_from(
    kind: DecisionKind, revision: Revision, target: Revision | None, siblings: Sequence[Revision]
) -> str | None:
    """Return a posting that stays behind, by its Message-ID; None where the whole series goes along.

    Raises:
        SubmissionError: the decision makes no sense.
    """
    at = siblings.index(revision)
    where = f"{revision.label} of series {revision.series_id}"
    if target is revision:
        raise SubmissionError(f"{where} cannot be put together with itself; name a posting of the other series")
    if kind is DecisionKind.LINK:
        if target is None:
            raise SubmissionError(f"say what {where} is a revision of")
        return None
    if kind is DecisionKind.SPLIT:
        if target is not None:
            raise SubmissionError("a split takes no target: it begins a series of its own")
        if at == 0:
            raise SubmissionError(f"{where} is its first revision; there is nothing before it to split it from")
        return siblings[at - 1].root_id
    if target is not None and target.series_id == revision.series_id:
        raise SubmissionError(f"{where} is in one series with {target.label} already")
    if target is None and len(siblings) == 1:
        raise SubmissionError(f"{where} is alone in its series already")
    left = siblings[at - 1] if at else next(iter(siblings[1:]), None)
    return left.root_id if left else None


def _refuse_twice(session: Session, revision: Revision, target: Revision) -> None:
    if revision.series_id != target.series_id:
        return
    same = select(Decision.id).where(
        Decision.kind == DecisionKind.LINK,
        Decision.message_id == revision.root_id,
        Decision.to_message_id == target.root_id,
        Decision.undone_at.is_(None),
    )
    known = session.scalar(same.limit(1))
    if known is not None:
        raise SubmissionError(f"decision {known} links {revision.label} and {target.label} already")


def _resolve(session: Session, row: Decision) -> None:
    session.flush()
    ingest.resolve(session, queries.entangled(session, _named(row)))
    session.expire_all()  # rows were written past the session


def _named(row: Decision) -> list[str]:
    return [one for one in (row.message_id, row.to_message_id, row.parted_from) if one is not None]
