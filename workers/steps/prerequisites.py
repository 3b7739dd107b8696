"""fetch, further: what the revisions of a conversation need applied first, where the archive has it."""

import re
from dataclasses import dataclass, field

from app.domain.message import Message, parse_message, split_mbox
from app.domain.patch_id import patch_id
from app.domain.prerequisite import MAX_DEPTH, change_and_version
from app.domain.series import Conversation, Revision, parse_threads
from app.domain.subject import parse_subject
from app.domain.trailer import Prerequisite, PrerequisiteKind, parse_declared
from app.errors import InfrastructureError, SubmissionError
from workers.ports import Archive

MAX_THREADS = 10
"""Of prerequisites, for one conversation."""
MAX_BYTES = 50_000_000
MAX_SEARCHES = 12

_WORDS = re.compile(r"\w+")
_PATCH_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedThread:
    """A thread that was fetched because `needed_by` needs the series with the mail `message_id` in it, as mails."""

    message_id: str
    needed_by: str
    raws: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisites:
    """What was fetched, and why what was not could not be had, by how it is named (`message-id 1@example.org`)."""

    threads: tuple[FetchedThread, ...]
    not_fetched: dict[str, str]


async def fetch_prerequisites(archive: Archive, conversation: Conversation) -> Prerequisites:
    """Return the threads that hold what a conversation's revisions need, and what those need in turn.

    Named by Message-ID they are asked for, by change-id or patch-id looked for, where the archive has a search; patches
    that a fetched series holds are not looked for. A prerequisite that cannot be had is said, never an error.

    Raises:
        InfrastructureError: the archive cannot be reached or answers nonsense.
    """
    search = _Search(archive=archive, at_hand=_revisions(conversation))
    level = search.at_hand
    for _ in range(MAX_DEPTH):
        known = len(search.at_hand)
        wanted = [(revision, named) for revision in level for named in revision.prerequisites]
        for revision, named in sorted(wanted, key=lambda one: one[1].kind is PrerequisiteKind.PATCH_ID):
            await search.follow(named, needed_by=f"{revision.title} {revision.label}")
        level = search.at_hand[known:]
    return Prerequisites(threads=tuple(search.threads), not_fetched=search.not_fetched)


@dataclass(slots=True, kw_only=True)
class _Search:
    archive: Archive
    at_hand: list[Revision]
    threads: list[FetchedThread] = field(default_factory=list)
    not_fetched: dict[str, str] = field(default_factory=dict)
    asked: set[Prerequisite] = field(default_factory=set)
    searches: int = 0

    async def follow(self, named: Prerequisite, *, needed_by: str) -> None:
        """Fetch what is named, unless it is at hand or has been asked for."""
        if named in self.asked or any(_holds(revision, named) for revision in self.at_hand):
            return
        self.asked.add(named)
        try:
            self._expect_room()
            message_id = await self._find(named)
            raws = split_mbox(await self.archive.thread(message_id))
        except SubmissionError as error:
            self.not_fetched[f"{named.kind} {named.value}"] = str(error)
            return
        self.threads.append(FetchedThread(message_id=message_id, needed_by=needed_by, raws=raws))
        found = _revisions(parse_threads(map(parse_message, raws)))
        self.at_hand += [revision for revision in found if _holds(revision, named)]

    def _expect_room(self) -> None:
        held = sum(len(raw) for one in self.threads for raw in one.raws)
        if len(self.threads) >= MAX_THREADS or held > MAX_BYTES:
            raise SubmissionError(f"{MAX_THREADS} threads or {MAX_BYTES:,} bytes of prerequisites are the limit")

    async def _find(self, named: Prerequisite) -> str:
        """Return the Message-ID of a mail of what is named.

        Raises:
            SubmissionError: it is not found; says why.
        """
        if named.kind is PrerequisiteKind.MESSAGE_ID:
            return named.value
        if self.searches >= MAX_SEARCHES:
            raise SubmissionError(f"{MAX_SEARCHES} searches for prerequisites are the limit")
        self.searches += 1
        query = _query(named)
        try:
            found = await self.archive.search(query)
        except InfrastructureError as error:  # the series that needs it is worth more
            raise SubmissionError(f"the archive's search failed: {error}") from error
        if found is None:
            raise SubmissionError("the archive has no search, and it is named by no Message-ID")
        message_id = next((one.message_id for one in map(parse_message, split_mbox(found)) if _posts(one, named)), None)
        if message_id is None:
            raise SubmissionError("the archive's search does not find it")
        return message_id


def _query(named: Prerequisite) -> str:
    """Return a public-inbox query; nothing of a mail gets into it but words and hexadecimal digits.

    Raises:
        SubmissionError: what is named is no id.
    """
    if named.kind is PrerequisiteKind.PATCH_ID:
        if not _PATCH_ID.fullmatch(named.value.lower()):
            raise SubmissionError("it is not a patch-id (40 hexadecimal digits)")
        return f"patchid:{named.value.lower()}"
    words = _WORDS.findall(change_and_version(named.value)[0])
    if not words:
        raise SubmissionError("it is not a change-id")
    return f'b:"{" ".join(words)}"'


def _posts(mail: Message, named: Prerequisite) -> bool:
    """Tell whether a mail that a search found is a cover letter or patch of what is named."""
    subject = parse_subject(mail.subject)
    if subject.is_reply:
        return False
    if named.kind is PrerequisiteKind.PATCH_ID:
        return mail.diff is not None and patch_id(mail.diff) == named.value.lower()
    change, version = change_and_version(named.value)
    return parse_declared(mail.body).change_id == change and version in (None, subject.version)


def _holds(revision: Revision, named: Prerequisite) -> bool:
    """Tell whether a revision is, or has, what is named."""
    if named.kind is PrerequisiteKind.PATCH_ID:
        return any(patch_id(patch.diff) == named.value.lower() for patch in revision.patches)
    if named.kind is PrerequisiteKind.CHANGE_ID:
        change, version = change_and_version(named.value)
        return revision.change_id == change and version in (None, revision.version)
    mails = [revision.cover, *(one.message for one in revision.patches if one.inherited_from is None)]
    mails += [one.message for one in revision.comments]
    return any(mail is not None and mail.message_id == named.value for mail in mails)


def _revisions(conversation: Conversation) -> list[Revision]:
    return [revision for one in conversation.series for revision in one.revisions]
