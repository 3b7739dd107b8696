"""Which stored mails are read together with new ones: everything that may have to do with them.

May have: a mail of theirs is in the same thread, is named in a link, has a title, patch-id or change-id in common, or
was posted by the same person under a like title, on the same files, or within hours. Whether they belong together is
for `app.domain.series` to say.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.db.queries import neighbours as queries
from app.db.queries.neighbours import Candidate, Neighbours
from app.domain.changelog import revision_links
from app.domain.facts import plain_title
from app.domain.item import NEAR
from app.domain.keys import Posted, content_keys, is_posted, number, people_keys, resembles
from app.domain.message import Message
from app.domain.subject import Subject, parse_subject

FIRST_AND_LAST = 3
"""References of a mail that are looked up, from both ends: the others are in the same thread."""


@dataclass(slots=True, kw_only=True)
class _New:
    """What is asked of the database for some new mails."""

    ids: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    first: dict[str, datetime | None] = field(default_factory=dict)
    heads: dict[tuple[str, int, bool, int], Posted] = field(default_factory=dict)
    authors: dict[str, list[Posted]] = field(default_factory=lambda: defaultdict(list))
    replies: list[tuple[Message, str]] = field(default_factory=list)


def around(session: Session, fetched: Sequence[Message]) -> Neighbours:
    """Return the stored mails that have to be read again with these; of their threads covers and patches at least.

    A thread is read whole where a new mail is older than one that is stored: what was said there may then be about
    the new mail.
    """
    new = _ask(fetched)
    found = Neighbours()
    roots = queries.threads_of(session, new.named | new.ids, new.ids) | new.first.keys()
    late = queries.threads_later_than(session, new.first) | queries.threads_of(session, (), new.ids)
    strays = queries.strays(session, _of_strays(new))
    queries.add_mails(session, found, new.named | new.ids | strays.keys())
    queries.add_threads(session, found, late.union(strays.values()), whole=True)
    queries.add_threads(session, found, roots - late, whole=False)
    linked = {f"link {message_id}" for message_id in found.mails}  # by revisions that came before what they link to
    keys = new.keys | linked | _lost_replies(new, found)
    series = queries.revisions_by_key(session, {number(key) for key in keys})
    series |= _by_person(session, new)
    queries.add_series(session, found, series)
    return found


def of_series(session: Session, message_ids: Collection[str]) -> Neighbours:
    """Return all mails of the series that these mails belong to, with their threads."""
    found = Neighbours()
    queries.add_mails(session, found, message_ids)
    queries.add_series(session, found, ())
    make_whole(session, found)
    return found


def make_whole(session: Session, found: Neighbours) -> None:
    """Add what else there is in the threads of the mails found."""
    queries.add_threads(session, found, {one.root for one in found.mails.values()}, whole=True)
    queries.add_series(session, found, found.series)


def _ask(fetched: Sequence[Message]) -> _New:
    new = _New(ids={one.message_id for one in fetched})
    for message in fetched:
        subject = parse_subject(message.subject)
        references = message.references
        new.named.update(references[:FIRST_AND_LAST], references[-FIRST_AND_LAST:])
        if message.in_reply_to:
            new.named.add(message.in_reply_to)
        root = next(iter(references), None) or message.in_reply_to or message.message_id
        new.first[root] = _earlier(new.first[root], message.date) if root in new.first else message.date
        new.keys.add(f"link {message.message_id}")
        if is_posted(message, subject):
            new.keys |= content_keys(message, subject)
            new.named.update(link.message_id for link in revision_links(message))
            _add_head(new, message, subject)
        elif subject.is_reply:
            new.replies.append((message, f"title {plain_title(subject.title)}"))
    for head in new.heads:
        new.authors[head[0]].append(new.heads[head])
    return new


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else None


def _add_head(new: _New, message: Message, subject: Subject) -> None:
    """Note one posting for all mails that may be of it, with the title of the first and the files of all."""
    for person in people_keys(message.author):
        key = (person, subject.version, subject.rfc, subject.total if subject.numbered else hash(subject.title))
        known = new.heads.get(key)
        title = subject.title if known is None or subject.position == 0 else known.title
        new.heads[key] = Posted(
            title=title,
            version=subject.version,
            rfc=subject.rfc,
            resend=subject.resend,
            when=known.when if known else message.date,
            paths=frozenset(message.paths) | (known.paths if known else frozenset()),
        )


def _of_strays(new: _New) -> list[tuple[int, datetime | None, datetime | None]]:
    """Return keys and times of the mails that may answer or announce new ones and could not be placed before."""
    people = [
        (number(key), head.when - NEAR, head.when + NEAR)
        for key, heads in new.authors.items()
        for head in heads
        if head.when
    ]
    return [*((number(key), None, None) for key in new.keys if key.startswith("title ")), *people]


def _lost_replies(new: _New, found: Neighbours) -> set[str]:
    """Return the titles that replies answer whose thread is not at hand."""
    known = found.mails.keys() | new.ids
    return {title for reply, title in new.replies if known.isdisjoint({*reply.references, reply.in_reply_to})}


def _by_person(session: Session, new: _New) -> set[int]:
    people = {number(person): postings for person, postings in new.authors.items()}
    candidates = queries.revisions_by_person(session, people)
    return {one.series_id for one in candidates if any(resembles(mine, _posted(one)) for mine in people[one.key])}


def _posted(one: Candidate) -> Posted:
    return Posted(
        title=one.title, version=one.version, rfc=one.rfc, resend=one.resend, when=one.posted_at, paths=one.paths
    )
