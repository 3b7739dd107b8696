"""Threads into series, revisions, patches and comments: the one entrance, `parse_threads`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.address import Address
from app.domain.decision import Decision
from app.domain.item import Item, Role
from app.domain.linking import Linked, Reason, link
from app.domain.message import Message
from app.domain.posting import Grouping, Posting, group
from app.domain.review import Comment, read_comment
from app.domain.thread import deduplicate, parents
from app.domain.trailer import Prerequisite

MAX_MISSING = 500


class OtherKind(StrEnum):
    """What a mail is that belongs to no series."""

    PULL_REQUEST = "pull request"
    DISCUSSION = "discussion"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A mail that is neither cover, patch nor comment, and why."""

    message: Message
    kind: OtherKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One patch of a revision; `inherited_from` is the label of the revision it was posted in, when not this one."""

    position: int
    message: Message
    title: str
    diff: str
    files: tuple[str, ...]
    inherited_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The earlier revision that a revision follows: its label, our reason, and how strong that is (1 to 6)."""

    to: str
    reason: str
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One posting of a series.

    `label` is unique in its series (`rfc`, `rfc v2`, `v1`, `v5.1`, and `v5 resend` for a second posting of v5).
    `total` is the announced number of patches; `patches` can hold more, and `missing` are announced positions that
    are not at hand. A revision with no patch at all is a cover letter whose patches never came.
    """

    version: int
    label: str
    rfc: bool
    resend: bool
    tags: tuple[str, ...]
    author: Address
    date: datetime | None
    title: str
    cover: Message | None
    total: int
    patches: tuple[Patch, ...]
    missing: tuple[int, ...]
    base_commit: str | None
    change_id: str | None
    prerequisites: tuple[Prerequisite, ...]
    supersedes: tuple[str, ...]
    link: Link | None
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A work across its revisions, oldest first; title and author are those of the newest."""

    title: str
    author: Address
    revisions: tuple[Revision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Everything that some mails say. Each mail is once a cover, an own patch, a comment, or in `other`.

    `roots` names each mail's thread, by Message-ID: the topmost mail of it, at hand or not.
    """

    series: tuple[Series, ...]
    other: tuple[Other, ...]
    messages: tuple[Message, ...]
    roots: Mapping[str, str]


def parse_threads(messages: Iterable[Message], *, decisions: Iterable[Decision] = ()) -> Conversation:
    """Read the mails of any number of threads together; copies of one mail count once. Never raises.

    `decisions` are what people decided about which postings are one series, oldest first: they outlive new mail.
    """
    known = deduplicate(messages)
    grouping = group(known, parents(known))
    comments, other = _replies(grouping)
    series = tuple(_series(chain, comments) for chain in link(grouping, decisions))
    threads = {key: item.root for key, item in grouping.items.items()}
    return Conversation(series=series, other=other, messages=tuple(known.values()), roots=threads)


def _replies(grouping: Grouping) -> tuple[dict[int, list[Comment]], tuple[Other, ...]]:
    """The comments by posting (its id()), and the mails that belong to none."""
    comments: dict[int, list[Comment]] = {}
    other: list[Other] = []
    by_subject = _unique_subjects(grouping)
    loose = sorted((i for k, i in grouping.items.items() if k not in grouping.owner), key=_by_date)
    for item in loose:
        target = _target(item, grouping, by_subject)
        if target is None:
            other.append(_other(item))
            continue
        posting = grouping.owner[target.message.message_id]
        is_cover = posting.cover is target or (item.above is None and item.subject.position == 0)
        comment = read_comment(
            item.message,
            answers=item.parent,
            patch_position=None if is_cover else target.subject.position,
            diff=None if is_cover else target.message.diff,
            prose="" if is_cover and posting.cover is None else target.message.prose,
        )
        comments.setdefault(id(posting), []).append(comment)
    return comments, tuple(other)


def _by_date(item: Item) -> tuple[datetime, str]:
    return (item.when, item.message.message_id)


def _target(item: Item, grouping: Grouping, by_subject: Mapping[str, Item | None]) -> Item | None:
    """The cover or patch that a mail comments on: the nearest above it, else the one whose subject it answers."""
    if item.role in (Role.PULL, Role.ELSEWHERE, Role.NO_DIFF):
        return None
    if item.above is not None:
        return grouping.items[item.above]
    if item.role is not Role.REPLY:
        return None
    return by_subject.get(_full(item)) or by_subject.get(_absent_cover(item))


def _unique_subjects(grouping: Grouping) -> dict[str, Item | None]:
    found: dict[str, Item | None] = {}
    for key in grouping.owner:
        item = grouping.items[key]
        found[_full(item)] = None if _full(item) in found else item
    for posting in grouping.postings:
        if posting.cover is None and posting.head.subject.numbered:
            absent = _absent_cover(posting.head)
            found[absent] = None if absent in found else posting.head
    return found


def _full(item: Item) -> str:
    subject = item.subject
    return f"{subject.rfc} {subject.version} {subject.position}/{subject.total} {subject.title.lower()}"


def _absent_cover(item: Item) -> str:
    """A name for the cover letter of a posting that came without it, or of what answers one, within one thread."""
    subject = item.subject
    return f"{item.root} {subject.version} {'0' if item.role is Role.PATCH else subject.position}/{subject.total}"


def _other(item: Item) -> Other:
    kind, reason = OtherKind.DISCUSSION, "no patch, and no answer to one"
    if not item.message.body.strip() and not item.message.subject:
        kind, reason = OtherKind.UNREADABLE, "the mail has neither subject nor text"
    elif item.role is Role.PULL:
        kind, reason = OtherKind.PULL_REQUEST, "asks to pull from a repository"
    elif item.role is Role.ELSEWHERE:
        reason = f"a patch for another project ({item.subject.elsewhere})"
    elif item.role is Role.NOTICE:
        reason = "says something about a patch or a release, and is no patch itself"
    elif item.role is Role.NO_DIFF:
        kind, reason = OtherKind.UNREADABLE, "the subject announces a patch, but there is no diff"
    elif item.role is Role.REPLY:
        reason = "answers a mail that is no patch or is not at hand"
    if kind is not OtherKind.PULL_REQUEST and item.message.defects:
        reason += "; " + "; ".join(item.message.defects[:5])
    return Other(message=item.message, kind=kind, reason=reason)


def _series(chain: list[Linked], comments: Mapping[int, list[Comment]]) -> Series:
    revisions: dict[int, Revision] = {}
    labels = _labels(chain)
    for linked in chain:
        previous = revisions.get(linked.previous.order) if linked.previous else None
        own = tuple(comments.get(id(linked.facts.posting), ()))
        revisions[linked.facts.order] = _revision(linked, labels[linked.facts.order], previous, own)
    ordered = tuple(revisions.values())
    return Series(title=ordered[-1].title, author=ordered[-1].author, revisions=ordered)


def _labels(chain: list[Linked]) -> dict[int, str]:
    """A label for each posting, by its order: unique in the series, and the plain one for a posting with patches."""
    labels: dict[int, str] = {}
    used: Counter[str] = Counter()
    for linked in sorted(chain, key=lambda each: not each.facts.posting.patches):
        base = _plain_label(linked.facts.posting)
        again = f"{base} resend" if linked.facts.posting.patches else f"{base} cover"
        name = again if used[base] else base
        used[name] += 1
        labels[linked.facts.order] = name if used[name] == 1 else f"{name} {used[name]}"
    return labels


def _plain_label(posting: Posting) -> str:
    number = f"v{posting.version}" if posting.minor is None else f"v{posting.version}.{posting.minor}"
    if not posting.rfc:
        return number
    return "rfc" if number == "v1" else f"rfc {number}"


def _revision(linked: Linked, label: str, previous: Revision | None, comments: tuple[Comment, ...]) -> Revision:
    facts, posting = linked.facts, linked.facts.posting
    head = posting.head
    total = posting.total or max(posting.patches, default=0)
    patches = _patches(posting, previous)
    have = {patch.position for patch in patches}
    return Revision(
        version=posting.version,
        label=label,
        rfc=posting.rfc,
        resend=_sent_again(posting, previous),
        tags=_tags(posting),
        author=posting.author,
        date=head.message.date,
        title=_title(posting, previous, patches),
        cover=posting.cover.message if posting.cover else None,
        total=total,
        patches=patches,
        missing=tuple(n for n in range(1, total + 1) if n not in have)[:MAX_MISSING],
        base_commit=facts.declared.base_commit,
        change_id=facts.declared.change_id,
        prerequisites=facts.declared.prerequisites,
        supersedes=facts.declared.supersedes,
        link=_link(previous, linked.reason),
        comments=comments,
    )


def _link(previous: Revision | None, reason: Reason | None) -> Link | None:
    if previous is None or reason is None:
        return None
    return Link(to=previous.label, reason=reason.words, strength=int(reason))


def _sent_again(posting: Posting, previous: Revision | None) -> bool:
    """Marked as RESEND, or the same version as one whose patches were posted already."""
    if any(item.subject.resend for item in posting.items):
        return True
    if previous is None or not previous.patches:
        return False
    plain = _plain_label(posting)
    return previous.label == plain or previous.label.startswith(f"{plain} resend")


def _tags(posting: Posting) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for item in posting.items[:2] for tag in item.subject.tags))


def _patches(posting: Posting, previous: Revision | None) -> tuple[Patch, ...]:
    own = {position: _patch(position, item) for position, item in posting.patches.items()}
    if previous is not None and _replaces_some(posting, previous):
        for patch in previous.patches:
            own.setdefault(
                patch.position,
                Patch(
                    position=patch.position,
                    message=patch.message,
                    title=patch.title,
                    diff=patch.diff,
                    files=patch.files,
                    inherited_from=patch.inherited_from or previous.label,
                ),
            )
    return tuple(own[position] for position in sorted(own))


def _title(posting: Posting, previous: Revision | None, patches: tuple[Patch, ...]) -> str:
    # A few replaced patches are still the work that they are part of.
    inherits = any(patch.inherited_from for patch in patches)
    return previous.title if previous is not None and inherits else posting.head.subject.title


def _replaces_some(posting: Posting, previous: Revision) -> bool:
    """Whether a posting is a few new patches for an older revision rather than a posting with gaps.

    So it is when it has no cover of its own and is sent into the older thread, is a lone patch of many, or calls
    itself 5.1.
    """
    if posting.cover is not None or posting.total != previous.total or len(posting.patches) >= posting.total:
        return False
    return posting.minor is not None or len(posting.patches) == 1 or posting.head.above is not None


def _patch(position: int, item: Item) -> Patch:
    message = item.message
    return Patch(
        position=position,
        message=message,
        title=item.subject.title,
        diff=message.diff or "",
        files=message.paths,
        inherited_from=None,
    )
