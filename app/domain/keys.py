"""What a stored revision is found by when mails come in that may belong to the same work.

`app.domain.linking` judges what belongs together; it can only judge what is at hand. Whatever it may join has a key
in common, except what people call similarly, for which `resembles` looks at all that one person posted.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.address import Address
from app.domain.facts import like_titles, plain_title
from app.domain.item import NEAR
from app.domain.message import Message
from app.domain.patch_id import patch_id
from app.domain.posting import sender_keys
from app.domain.subject import Subject, parse_subject
from app.domain.trailer import parse_declared


def number(key: str) -> int:
    """Return 64 bits, signed, that stand for a key in the database."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def is_posted(message: Message, subject: Subject) -> bool:
    """Whether a mail can be a cover letter or a patch, by itself."""
    return not subject.is_reply and (subject.is_patch or subject.numbered or message.diff is not None)


def content_keys(message: Message, subject: Subject) -> frozenset[str]:
    """Return what a cover letter or patch can be recognised by: its title, patch-id and change-id."""
    found = {f"title {plain_title(subject.title)}"}
    if message.diff is not None and (same := patch_id(message.diff)):
        found.add(f"patch-id {same}")
    if "hange-" in message.body and (declared := parse_declared(message.body).change_id):
        found.add(f"change-id {declared}")
    return frozenset(found)


def people_keys(author: Address) -> frozenset[str]:
    """Return what a person is found by: the address, and the full name."""
    return frozenset(f"person {key}" for key in sender_keys(author))


def own_keys(messages: Iterable[Message]) -> frozenset[str]:
    """Return the keys of a revision with these mails, the first of them its cover letter or first patch."""
    found: set[str] = set()
    for at, message in enumerate(messages):
        found |= content_keys(message, parse_subject(message.subject))
        if not at:
            found |= people_keys(message.author)
    return frozenset(found)


def stray_keys(message: Message) -> frozenset[str]:
    """Return what a mail that answers nothing at hand is found by, when what it answers or announces comes in.

    That is an answer whose thread is lost, and a cover letter without a number, known only by the patches after it.
    """
    subject = parse_subject(message.subject)
    if subject.is_reply:
        return frozenset({f"title {plain_title(subject.title)}"})
    if subject.is_patch and not subject.numbered and message.diff is None:
        return people_keys(message.author)
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A posting by its head: enough to say whether another is worth a closer look. `paths` may be left empty."""

    title: str
    version: int
    rfc: bool
    resend: bool
    when: datetime | None
    paths: frozenset[str] = frozenset()


def resembles(new: Posted, stored: Posted) -> bool:
    """Whether two postings of one person may be one work, or one posting that came unthreaded."""
    if new.when and stored.when and abs(new.when - stored.when) <= NEAR:
        return True
    if (new.version, new.rfc) == (stored.version, stored.rfc) and not new.resend:
        return False
    return bool(new.paths & stored.paths) or like_titles(new.title, stored.title)
