"""What each mail is by itself and at its place in the thread: cover, patch, answer, or something else."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.address import Address
from app.domain.message import Message
from app.domain.subject import Subject, parse_subject
from app.domain.thread import above, roots

NEAR = timedelta(hours=2)
AT_ONCE = timedelta(minutes=10)
MANY = 64  # unthreaded mails of one sender, alike but for what they are about, of which others are not looked at
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PULL_TEXT = re.compile(
    r"^(?:The following changes since commit [0-9a-f]{7,}|are available in the [Gg]it repository at)", re.MULTILINE
)
# What git format-patch writes between message and diff.
_FORMATTED = re.compile(r"^Signed-off-by: .*\n---\n [^>|]*\|", re.MULTILINE)
_QUOTE = re.compile(r"^>", re.MULTILINE)


class Role(StrEnum):
    """What a mail is by itself, before its thread is looked at."""

    COVER = "cover"
    PATCH = "patch"
    PULL = "pull request"
    ELSEWHERE = "patch for another project"
    NO_DIFF = "patch without a diff"
    REPLY = "reply"
    NOTICE = "notice about a patch"
    TALK = "talk"


@dataclass(slots=True, kw_only=True, eq=False)
class Item:
    """A mail with its subject and role, and where it hangs."""

    message: Message
    subject: Subject
    role: Role
    root: str
    parent: str | None
    above: str | None = None  # the nearest cover or patch over it

    @property
    def when(self) -> datetime:
        """Its date; a mail without one sorts first."""
        return self.message.date or _EPOCH


def same_person(one: Address, other: Address) -> bool:
    """Whether two addresses are one person's: the same address, or the same full name."""
    if one.key and one.key == other.key:
        return True
    return " " in one.name and one.name.lower() == other.name.lower()


def role_of(message: Message, subject: Subject) -> Role:
    """What a mail is by its subject and content alone."""
    has_diff = message.diff is not None
    if subject.is_reply:
        role = Role.REPLY
    elif subject.is_notice:
        role = Role.NOTICE
    elif subject.is_pull or _asks_to_pull(message, subject):
        role = Role.PULL
    elif subject.elsewhere and (subject.is_patch or has_diff):
        role = Role.ELSEWHERE
    elif subject.numbered and subject.position == 0:
        role = Role.COVER
    elif has_diff:
        announced = subject.is_patch or subject.rfc or subject.resend or subject.versioned or bool(subject.tags)
        role = Role.PATCH if announced or message.in_reply_to is None else Role.REPLY
    else:
        role = Role.NO_DIFF if subject.is_patch else Role.TALK
    return role


def _asks_to_pull(message: Message, subject: Subject) -> bool:
    if subject.numbered or (subject.is_patch and message.diff is not None):
        return False
    return _PULL_TEXT.search(message.body) is not None


def read_items(messages: Mapping[str, Message], parents: Mapping[str, str | None]) -> dict[str, Item]:
    """Every mail with what it is. Subjects are put right where the mails around say what is meant."""
    root = roots(messages, parents)
    items: dict[str, Item] = {}
    for key, message in messages.items():
        subject = parse_subject(message.subject)
        role = role_of(message, subject)
        items[key] = Item(message=message, subject=subject, role=role, root=root[key], parent=parents[key])
    _unannounced_patches(items)
    _unnumbered_covers(items)
    _unmarked_replies(items)
    nearest = above(parents, {key for key, item in items.items() if item.role in (Role.COVER, Role.PATCH)})
    for key, item in items.items():
        item.above = nearest[key]
        if item.above is not None:
            over = items[item.above]
            item.subject = _one_replaced_patch(item, over, _of_many(_revision_not_kernel(item, over), over.subject))
    return items


def _unannounced_patches(items: dict[str, Item]) -> None:
    """A diff under a subject of its own: a patch if its author answers himself, a remark if someone else does."""
    for item in items.values():
        if item.role is Role.REPLY and not item.subject.is_reply and item.message.diff is not None:
            over = items.get(item.parent) if item.parent is not None else None
            own = over is not None and same_person(item.message.author, over.message.author)
            if own or (over is None and _FORMATTED.search(item.message.prose)):
                item.role = Role.PATCH


def _revision_not_kernel(item: Item, over: Item) -> Subject:
    """`v6.1` names a kernel, except where its author answers the v6 of these very patches with it."""
    subject, older = item.subject, over.subject
    tag = next((tag for tag in subject.tags if tag.lower().startswith(f"v{older.version}.")), None)
    minor = tag.rpartition(".")[2] if tag else ""
    if tag is None or subject.versioned or not older.versioned or not minor.isdigit() or subject.total != older.total:
        return subject
    if not same_person(item.message.author, over.message.author):
        return subject
    tags = tuple(each for each in subject.tags if each != tag)
    return replace(subject, version=older.version, minor=int(minor), versioned=True, tags=tags)


def _unnumbered_covers(items: dict[str, Item]) -> None:
    """A cover letter without 0/N is known by the numbered patches that its author sent in answer to it."""
    announced: set[str] = set()
    for item in items.values():
        if item.role is Role.PATCH and item.subject.numbered and item.parent is not None:
            over = items[item.parent]
            if over.role in (Role.NO_DIFF, Role.TALK) and not over.subject.numbered:
                soon = over.role is Role.NO_DIFF or over.subject.rfc or abs(item.when - over.when) <= NEAR
                if soon and same_person(over.message.author, item.message.author):
                    announced.add(item.parent)
    for key in announced:
        items[key].role = Role.COVER
    _unthreaded_covers(items)


def _unthreaded_covers(items: dict[str, Item]) -> None:
    """A cover letter without 0/N, sent by itself right before patches that hang under nothing either."""
    loose: dict[tuple[str, int], list[Item]] = defaultdict(list)
    covers = set()
    for item in items.values():
        if item.role is Role.NO_DIFF and item.parent is None and not item.subject.numbered:
            loose[item.message.author.key, item.subject.version].append(item)
        elif item.role is Role.COVER:
            covers.add((item.message.author.key, item.subject.version, item.subject.total))
    if not loose:
        return
    for item in items.values():
        subject, who = item.subject, item.message.author.key
        first = item.role is Role.PATCH and item.parent is None and subject.numbered and subject.position == 1
        if first and (who, subject.version, subject.total) not in covers:
            before = [
                one for one in loose[who, subject.version][:MANY] if timedelta() <= item.when - one.when <= AT_ONCE
            ]
            if len(before) == 1 and before[0].role is Role.NO_DIFF:
                before[0].role = Role.COVER
                before[0].subject = replace(before[0].subject, position=0, total=subject.total, numbered=True)


def _unmarked_replies(items: dict[str, Item]) -> None:
    """An answer that kept the subject as it was, without "Re:"; it has neither a diff nor patches below it."""
    with_patches = {item.parent for item in items.values() if item.role is Role.PATCH}
    for key, item in items.items():
        if item.role not in (Role.COVER, Role.NO_DIFF) or item.parent is None or key in with_patches:
            continue
        over = items[item.parent]
        alike = _full_title(item.subject) == _full_title(over.subject)
        if same_person(item.message.author, over.message.author):
            answers = alike and bool(_QUOTE.search(item.message.body))
        else:
            answers = alike or (item.role is Role.NO_DIFF and over.role in (Role.COVER, Role.PATCH))
        if answers:
            item.role = Role.REPLY


def _full_title(subject: Subject) -> tuple[int, int, int, str]:
    return (subject.version, subject.position, subject.total, subject.title.lower())


def _of_many(subject: Subject, over: Subject) -> Subject:
    """`3/n` is as many as what it answers says."""
    return replace(subject, total=over.total) if subject.numbered and not subject.total and over.numbered else subject


def _one_replaced_patch(item: Item, over: Item, subject: Subject) -> Subject:
    """`[PATCH v2] title` in answer to the author's `[PATCH 3/8] title` is 3/8 of what it answers."""
    older = over.subject
    if item.role is not Role.PATCH or over.role is not Role.PATCH or subject.numbered or not older.numbered:
        return subject
    newer = subject.versioned and subject.version > older.version
    same_title = subject.title.lower() == older.title.lower()
    if not same_title and not (newer and set(item.message.paths) == set(over.message.paths)):
        return subject
    if not same_person(item.message.author, over.message.author):
        return subject
    return replace(subject, position=older.position, total=older.total, numbered=True)
