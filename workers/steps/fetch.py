"""fetch: a thread, and the other revisions of what it holds."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app.domain.changelog import revision_links
from app.domain.message import Message, parse_message, split_mbox
from app.domain.subject import Subject, parse_subject
from app.domain.trailer import parse_declared
from app.errors import InfrastructureError, SubmissionError
from workers.ports import Archive

MAX_THREADS = 30
MAX_BYTES = 100_000_000
"""Of all threads together: one thread is bounded by the archive's client, hostile links would add up."""
MAX_SEARCHES = 8
TELLING_WORDS = 4
"""Titles shorter than this ("bpf: small fixes") are looked for by the same author only."""

_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The threads found, each an mboxrd, the one asked for first; `notes` say what could not be had, and why."""

    threads: tuple[bytes, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """A mail that is a cover or a patch by its subject."""

    message: Message
    subject: Subject
    change_id: str | None

    @property
    def key(self) -> tuple[str, ...]:
        """What its other revisions share, besides the change-id: the title, and the author where that is short."""
        words = tuple(_WORDS.findall(self.subject.title.lower()))
        return words if len(words) >= TELLING_WORDS else (*words, f"by {self.message.author.email.lower()}")

    @property
    def query(self) -> str:
        """A public-inbox query; nothing of a mail gets into it but words."""
        terms = [f's:"{" ".join(_WORDS.findall(self.subject.title))}"']
        if len(self.key) <= TELLING_WORDS:
            terms.append(f'f:"{" ".join(_WORDS.findall(self.message.author.email))}"')
        query = " ".join(terms)
        return f'({query}) OR b:"{" ".join(_WORDS.findall(self.change_id))}"' if self.change_id else query

    def same_work(self, other: "_Head") -> bool:
        """Tell whether this is another posting of what `other` begins, as far as one mail shows that."""
        return self.key == other.key or (self.change_id is not None and self.change_id == other.change_id)


@dataclass(slots=True, kw_only=True)
class _Search:
    """What is known so far: mails by Message-ID, threads, Message-IDs and titles still to be followed."""

    archive: Archive
    threads: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    links: deque[str] = field(default_factory=deque)
    heads: deque[_Head] = field(default_factory=deque)
    searched: set[tuple[str, ...]] = field(default_factory=set)
    searchable: bool = True


async def fetch_conversation(archive: Archive, message_id: str) -> Fetched:
    """Return the thread that holds `message_id`, and those of the earlier and later revisions of its series.

    Earlier ones come from links in cover letters and patches, all others from the archive's search where it has
    one. Every thread is asked for once, at most `MAX_THREADS` of them. Only the first has to be there.

    Raises:
        NotFoundError: the archive does not have `message_id`.
        SubmissionError: its thread is too large, or the archive refuses the Message-ID.
        InfrastructureError: the archive cannot be reached or answers nonsense.
    """
    search = _Search(archive=archive)
    _take(search, message_id, await archive.thread(message_id))
    while search.links or search.heads:
        if search.links:
            await _follow(search, search.links.popleft())
        else:
            await _look_for(search, search.heads.popleft())
    return Fetched(threads=tuple(search.threads), notes=tuple(search.notes))


def _take(search: _Search, asked: str, mbox: bytes) -> None:
    """Keep a thread, and note what its covers and patches lead to."""
    mails = [parse_message(raw) for raw in split_mbox(mbox)]
    search.threads.append(mbox)
    search.known.update((asked, *(mail.message_id for mail in mails)))
    covers: set[str] = set()
    for head in _postings(mails):
        search.links.extend(link.message_id for link in revision_links(head.message))
        if head.subject.position == 0:
            covers.add(head.message.message_id)
        answers = {head.message.in_reply_to, *head.message.references}
        if head.subject.position == 0 or (head.subject.total == 1 and covers.isdisjoint(answers)):
            search.heads.append(head)


async def _follow(search: _Search, message_id: str) -> None:
    if message_id in search.known or message_id in search.asked:
        return
    search.asked.add(message_id)
    if len(search.threads) >= MAX_THREADS or sum(map(len, search.threads)) >= MAX_BYTES:
        limit = f"{MAX_THREADS} threads or {MAX_BYTES:,} bytes"
        search.notes.append(f"<{message_id}> was not fetched: {limit} are the limit")
        return
    try:
        _take(search, message_id, await search.archive.thread(message_id))
    except SubmissionError as error:
        search.notes.append(f"another revision is missing: {error}")


async def _look_for(search: _Search, head: _Head) -> None:
    """Ask the archive for other postings of what a mail begins, once for each title."""
    if not search.searchable or head.key in search.searched or len(search.searched) >= MAX_SEARCHES:
        return
    search.searched.add(head.key)
    try:
        found = await search.archive.search(head.query)
    except (SubmissionError, InfrastructureError) as error:  # the threads at hand are worth more than the search
        search.notes.append(f"later revisions may be missing: {error}")
        return
    if found is None:
        search.searchable = False
        search.notes.append("the archive has no search: revisions that no cover letter links to are not found")
        return
    mails = (parse_message(raw) for raw in split_mbox(found))
    search.links.extend(each.message.message_id for each in _postings(mails) if each.same_work(head))


def _postings(mails: Iterable[Message]) -> Iterator[_Head]:
    """The mails that are covers or patches by their subject."""
    for mail in mails:
        subject = parse_subject(mail.subject)
        if subject.is_patch and not subject.is_reply:
            yield _Head(message=mail, subject=subject, change_id=parse_declared(mail.body).change_id)
