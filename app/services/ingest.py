"""Storing what mails say: messages, series, revisions, patches and comments, in the caller's transaction.

Reading is done by `app.domain.series` over the new mails and all stored ones that may have to do with them, so that
mails that come in later are understood as if all had come together. What is there already stays and keeps its id.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db.models import MessageKind, Series
from app.db.queries.decisions import decisions_about, entangled
from app.db.queries.neighbours import Neighbours, Stored, add_mails, add_series, raw_mails
from app.domain.changelog import revision_links
from app.domain.message import Message, parse_message
from app.domain.series import Conversation, parse_threads
from app.services import neighbourhood, storing

__all__ = ["MailCache", "ingest", "resolve", "take_in"]

INGEST_LOCK = 5_316_912
"""pg_advisory_xact_lock: ingests follow each other, so that two threads of one series cannot make it twice."""


class MailCache:
    """Stored mails as they read, the last used ones: whole archives come in order, and ask for the same ones again."""

    def __init__(self, most: int = 24 << 20) -> None:
        """Hold at most `most` characters of text."""
        self._most = most
        self._held = 0
        self._mails: OrderedDict[str, Message] = OrderedDict()

    def get(self, message_id: str) -> Message | None:
        """Return a mail without its raw bytes, if it is at hand."""
        if message_id in self._mails:
            self._mails.move_to_end(message_id)
        return self._mails.get(message_id)

    def put(self, message: Message) -> None:
        """Keep a mail, in the place of those that were not asked for the longest time."""
        if message.message_id in self._mails:
            return
        self._mails[message.message_id] = replace(message, raw=b"") if message.raw else message
        self._held += _weight(message)
        while self._held > self._most:
            _, oldest = self._mails.popitem(last=False)
            self._held -= _weight(oldest)


def _weight(message: Message) -> int:
    return 1000 + len(message.body) + len(message.diff or "")


def ingest(
    session: Session, raws: Iterable[bytes], *, thread_id: int | None, cache: MailCache | None = None
) -> list[Series]:
    """Store what mails say; return the series that they may belong to, their revisions changed or not.

    `raws` are whole mails. A mail that cannot be understood is kept with the reason; none is lost, none is refused.
    """
    series = take_in(session, [parse_message(raw) for raw in raws], thread_id=thread_id, cache=cache or MailCache())
    return _rows(session, series)


def take_in(session: Session, fetched: Sequence[Message], *, thread_id: int | None, cache: MailCache) -> list[int]:
    """Store mails that have been read; return the ids of the series that they may belong to."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INGEST_LOCK})
    return _understand(session, neighbourhood.around(session, fetched), fetched, cache, thread_id)


def resolve(session: Session, message_ids: Collection[str]) -> list[Series]:
    """Read the stored series that these mails belong to again, with what people decided; return what they became."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INGEST_LOCK})
    near = neighbourhood.of_series(session, message_ids)
    return _rows(session, _understand(session, near, (), MailCache(), None))


def _understand(
    session: Session, near: Neighbours, fetched: Sequence[Message], cache: MailCache, thread_id: int | None
) -> list[int]:
    conversation = _read(session, near, fetched, cache)
    plan = storing.Plan(conversation, near, storing.load_shelf(session, near))
    if plan.moves:
        # Comments of a revision that is not what it was may belong elsewhere now: all of them are read.
        neighbourhood.make_whole(session, near)
        conversation = _read(session, near, fetched, cache)
        plan = storing.Plan(conversation, near, storing.load_shelf(session, near))
    series = storing.store(session, conversation, plan, near, thread_id=thread_id)
    for message in conversation.messages:
        cache.put(message)
    return series


def _read(session: Session, near: Neighbours, fetched: Sequence[Message], cache: MailCache) -> Conversation:
    decisions = decisions_about(session, [*near.mails, *(one.message_id for one in fetched)])
    if decisions:
        # Decisions are taken in order: one that is about what they name here can part it again, and so on.
        named = {name for one in decisions for name in (one.message_id, one.to) if name}
        add_mails(session, near, entangled(session, named | near.mails.keys()) - near.mails.keys())
        add_series(session, near, ())
        decisions = decisions_about(session, [*near.mails, *(one.message_id for one in fetched)])
    mails = _stored_mails(session, near.mails, cache)
    # A cover letter may link to a comment on the revision before: it is needed to see which revision is meant.
    linked = {link.message_id for one in mails.values() if _is_cover(near, one) for link in revision_links(one)}
    missing = linked - near.mails.keys()
    add_mails(session, near, missing)
    mails |= _stored_mails(session, {key: near.mails[key] for key in missing & near.mails.keys()}, cache)
    return parse_threads([*mails.values(), *fetched], decisions=decisions)


def _is_cover(near: Neighbours, message: Message) -> bool:
    """Whether a stored mail can be the first of a revision, and so carry links to earlier ones."""
    kind = near.mails[message.message_id].kind
    return kind is MessageKind.COVER or (kind is MessageKind.PATCH and "://" in message.prose)


def _stored_mails(session: Session, wanted: Mapping[str, Stored], cache: MailCache) -> dict[str, Message]:
    known = {key: message for key in wanted if (message := cache.get(key)) is not None}
    lacking = {one.id: key for key, one in wanted.items() if key not in known}
    for row, raw in raw_mails(session, lacking).items():
        message = replace(parse_message(raw), raw=b"", message_id=lacking[row])
        known[message.message_id] = message
        cache.put(message)
    return known


def _rows(session: Session, ids: Sequence[int]) -> list[Series]:
    rows = {one.id: one for one in session.scalars(select(Series).where(Series.id.in_(ids)))}
    return [rows[one] for one in ids]
