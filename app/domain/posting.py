"""Which mails were posted together: covers and patches gathered into postings, before postings become revisions."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.address import Address
from app.domain.item import AT_ONCE, MANY, NEAR, Item, Role, read_items, same_person
from app.domain.message import Message
from app.domain.subject import Subject
from app.domain.thread import above

LOOK_BACK = 16  # unthreaded postings of one sender that a patch is compared with
# What one invocation of a tool leaves in all its Message-IDs: git send-email `<time>.<pid>-<n>-who`, git
# format-patch --thread `<hash>.<time>.git.who`, b4 `<date>-<slug>-v<n>-<n>-<hash>`.
_STEMS = (
    re.compile(r"(\d{14}\.\d+)-\d+-"),
    re.compile(r"[^.@]+(\.\d{9,11}\.git\.[^@]*)@"),
    re.compile(r"(.+-v\d+)-\d+-[0-9a-f]{12}@"),
)


@dataclass(slots=True, kw_only=True, eq=False)
class Posting:
    """A cover letter and its patches as they are being gathered."""

    cover: Item | None
    version: int
    minor: int | None
    versioned: bool
    total: int
    author: Address
    root: str
    stem: str | None
    patches: dict[int, Item] = field(default_factory=dict)

    @property
    def head(self) -> Item:
        """The cover, or where there is none the patch of the lowest number."""
        return self.cover or self.patches[min(self.patches)]

    @property
    def items(self) -> list[Item]:
        """The cover and the patches by position."""
        own = [self.patches[position] for position in sorted(self.patches)]
        return [self.cover, *own] if self.cover else own

    @property
    def rfc(self) -> bool:
        """Whether it was sent for comments only."""
        if self.head.subject.rfc or not self.patches:
            return self.head.subject.rfc
        said = [item.subject.rfc for item in self.patches.values()]
        return any(said) if self.cover is None else all(said)


@dataclass(slots=True, kw_only=True, eq=False)
class Grouping:
    """All postings among some mails, and which of them owns which mail."""

    items: dict[str, Item]
    postings: list[Posting]
    owner: dict[str, Posting]


def group(messages: Mapping[str, Message], parents: Mapping[str, str | None]) -> Grouping:
    """Gather covers and patches into postings. What is in no posting has no owner."""
    return _Gatherer(read_items(messages, parents)).gather()


class _Gatherer:
    def __init__(self, items: dict[str, Item]) -> None:
        self._items = items
        self._owner: dict[str, Posting] = {}
        self._postings: list[Posting] = []
        self._by_root: dict[str, list[Posting]] = defaultdict(list)
        self._by_sender: dict[tuple[str, int, int | None, int], list[Posting]] = defaultdict(list)
        self._by_stem: dict[str | None, list[Posting]] = defaultdict(list)
        self._in_run: set[tuple[str | None, int, int]] = set()
        self._with_more_below: set[str] = set()
        self._loose: dict[tuple[str, int, int, int], list[Item]] = defaultdict(list)

    def gather(self) -> Grouping:
        ordered = sorted(self._items.values(), key=lambda i: (i.when, i.subject.position, i.message.message_id))
        for item in ordered:
            if item.role is Role.COVER:
                self._open(item)
        patches = [item for item in ordered if item.role is Role.PATCH]
        self._look_ahead(patches)
        # What hangs under a cover first: a stray patch must not take a number that is another's.
        covers = {key for key, item in self._items.items() if item.role is Role.COVER}
        under = above({key: item.parent for key, item in self._items.items()}, covers)
        for item in sorted(patches, key=lambda each: under[each.message.message_id] is None):
            self._place(item)
        self._adopt()
        self._postings = [each for each in self._postings if each.cover or each.patches]
        return Grouping(items=self._items, postings=self._postings, owner=self._owner)

    def _look_ahead(self, patches: list[Item]) -> None:
        """Note which numbers each run of a tool sent, what hangs under nothing, and what has more of it below."""
        for item in patches:
            self._in_run.add((_stem(item.message.message_id), item.subject.position, item.subject.total))
            if item.above is None:
                self._loose[_loose_key(item)].append(item)
            over = self._items.get(item.above) if item.above is not None else None
            if over is not None and over.role is Role.PATCH and _of_one_posting(item, over):
                self._with_more_below.add(over.message.message_id)

    def _open(self, item: Item) -> Posting:
        subject = item.subject
        is_cover = item.role is Role.COVER
        posting = Posting(
            cover=item if is_cover else None,
            version=subject.version,
            minor=subject.minor,
            versioned=subject.versioned,
            total=subject.total if subject.numbered or not is_cover else 0,
            author=item.message.author,
            root=item.root,
            stem=_stem(item.message.message_id),
        )
        if not is_cover:
            posting.patches[subject.position] = item
        self._postings.append(posting)
        self._owner[item.message.message_id] = posting
        self._by_root[item.root].append(posting)
        self._by_stem[posting.stem].append(posting)
        for key in sender_keys(item.message.author):
            self._by_sender[key, subject.version, subject.minor, posting.total].append(posting)
        return posting

    def _place(self, item: Item) -> None:
        best, best_score = None, 0
        for posting in self._candidates(item):
            score = self._score(item, posting)
            if score >= best_score > 0 or score > best_score:
                best, best_score = posting, score
        if best is None:
            self._inherit_version(self._open(item), item)
            return
        best.patches[item.subject.position] = item
        best.total = best.total or item.subject.total
        self._owner[item.message.message_id] = best

    def _inherit_version(self, posting: Posting, item: Item) -> None:
        """One patch of v4 sent again in answer to v4 belongs to v4, also when it does not say so."""
        older = self._owner.get(item.above) if item.above is not None else None
        if older is None or item.subject.versioned or not item.subject.numbered or older.total != posting.total:
            return
        if same_person(item.message.author, older.author):
            posting.version, posting.minor, posting.versioned = older.version, older.minor, older.versioned

    def _candidates(self, item: Item) -> list[Posting]:
        found: dict[int, Posting] = {}
        if item.above is not None and item.above in self._owner:
            found[id(self._owner[item.above])] = self._owner[item.above]
        nearby = self._by_root[item.root][-LOOK_BACK:]
        if stem := _stem(item.message.message_id):
            nearby += self._by_stem[stem][-LOOK_BACK:]
        for key in sender_keys(item.message.author):
            subject = item.subject
            nearby += self._by_sender[key, subject.version, subject.minor, subject.total][-LOOK_BACK:]
        found.update((id(posting), posting) for posting in nearby)
        return sorted(found.values(), key=lambda posting: posting.head.when)

    def _score(self, item: Item, posting: Posting) -> int:
        """How surely a patch belongs to a posting; 0 is not at all."""
        stem = _stem(item.message.message_id)
        under_cover = posting.cover is not None and item.above == posting.cover.message.message_id
        same_run = stem is not None and stem == posting.stem
        same = same_person(item.message.author, posting.author)
        announced = item.subject.numbered and item.subject.position <= posting.total
        if not _numbers_fit(item.subject, posting) or not _versions_fit(
            item.subject, posting, sure=under_cover or same_run
        ):
            return 0
        if under_cover:
            return 100 if same or announced else 0
        if item.above is not None and self._owner.get(item.above) is posting:
            # Two authors of one series may each send their own patches.
            return 90 if same else 50 * announced
        if not same or not item.subject.numbered:
            return 0
        return 80 if same_run else self._beside(item, posting, stem)

    def _beside(self, item: Item, posting: Posting, stem: str | None) -> int:
        """How near a patch is to a posting of the same sender that it does not hang under."""
        if item.root == posting.root:
            answered = (posting.head.message.in_reply_to, posting.head.message.message_id)
            return 60 + (10 if item.message.in_reply_to in answered else 0) + _alike(item, posting)
        return self._unthreaded(item, posting, stem)

    def _unthreaded(self, item: Item, posting: Posting, stem: str | None) -> int:
        threaded = item.above is not None or (posting.cover is None and posting.head.above is not None)
        if threaded or abs(item.when - posting.head.when) > NEAR:
            return 0
        subject = item.subject
        other_run = stem is not None and posting.stem is not None
        if other_run and (posting.stem, subject.position, subject.total) in self._in_run:
            return 0
        if posting.cover is not None and item.message.message_id in self._with_more_below:
            return 0
        if _other_tags(item, posting) and any(
            other is not item and not _other_tags(other, posting) and abs(other.when - posting.head.when) <= NEAR
            for other in self._loose[_loose_key(item)][:MANY]
        ):
            return 0
        return 10 + _alike(item, posting) - 5 * other_run

    def _adopt(self) -> None:
        """Give a cover that has no patches those that were meant for it, though the subjects do not agree.

        It forgot its version or its number of patches, or has wrong ones: the patches know better. Where they hang
        under nothing, it is theirs if it was sent right before them and nothing else can be meant.
        """
        below: dict[str, list[Posting]] = defaultdict(list)
        beside: dict[tuple[str, int], list[Posting]] = defaultdict(list)
        for posting in self._postings:
            if posting.cover is None and posting.head.above is not None:
                below[posting.head.above].append(posting)
            elif posting.cover is None and posting.head.subject.numbered:
                beside[posting.author.key, posting.total].append(posting)
        for posting in self._postings:
            if posting.cover is not None:
                under = below[posting.cover.message.message_id]
                for other in under:
                    alone = len(under) == 1 or other.total == posting.total
                    if _continues(other, posting) if posting.patches else alone and _meant_for(other, posting.cover):
                        self._merge(posting, other)
                together = beside[posting.author.key, posting.total]
                if not posting.patches and posting.cover.parent is None and together:
                    self._adopt_one(posting, posting.cover, together)

    def _adopt_one(self, posting: Posting, cover: Item, together: list[Posting]) -> None:
        meant = [each for each in together[:MANY] if each.patches and _sent_right_after(each, cover)]
        if len(meant) == 1:
            self._merge(posting, meant[0])

    def _merge(self, posting: Posting, other: Posting) -> None:
        if not posting.patches:
            posting.total = other.total
            if other.versioned:
                posting.version, posting.minor, posting.versioned = other.version, other.minor, True
        posting.patches.update(other.patches)
        self._owner.update((item.message.message_id, posting) for item in other.patches.values())
        other.patches = {}


def _meant_for(posting: Posting, cover: Item) -> bool:
    at_once = abs(posting.head.when - cover.when) <= NEAR
    if posting.total != cover.subject.total and not (at_once and same_person(posting.author, cover.message.author)):
        return False
    together = not cover.subject.versioned or at_once
    return together and all(item.above == cover.message.message_id for item in posting.patches.values())


def _continues(posting: Posting, older: Posting) -> bool:
    """Whether patches under a cover go on where its own end: 4/4 after 3/3."""
    positions = sorted(posting.patches)
    last = max(older.patches)
    return (
        bool(positions)
        and positions == list(range(last + 1, last + 1 + len(positions)))
        and last >= older.total
        and (not posting.versioned or posting.version == older.version)
        and same_person(posting.author, older.author)
    )


def _sent_right_after(posting: Posting, cover: Item) -> bool:
    one_version = not posting.versioned or not cover.subject.versioned or posting.version == cover.subject.version
    at_once = all(abs(item.when - cover.when) <= AT_ONCE for item in posting.patches.values())
    return one_version and at_once and posting.head.subject.position == 1


def _loose_key(item: Item) -> tuple[str, int, int, int]:
    return (item.message.author.key, item.subject.version, item.subject.position, item.subject.total)


def _other_tags(item: Item, posting: Posting) -> bool:
    ours, theirs = item.subject.tags, posting.head.subject.tags
    return bool(ours and theirs) and ours != theirs


def _of_one_posting(item: Item, over: Item) -> bool:
    one, other = item.subject, over.subject
    return (
        one.numbered
        and one.position != other.position
        and (one.version, one.total) == (other.version, other.total)
        and same_person(item.message.author, over.message.author)
    )


def _numbers_fit(subject: Subject, posting: Posting) -> bool:
    if subject.position in posting.patches:
        return False
    if not subject.numbered:
        return posting.cover is not None and posting.total == 1
    return posting.total in (0, subject.total)


def _versions_fit(subject: Subject, posting: Posting, *, sure: bool) -> bool:
    head = posting.head.subject
    if (subject.version, subject.minor) in ((posting.version, posting.minor), (head.version, head.minor)):
        return sure or subject.rfc == posting.rfc
    # "v3" only on the cover, or forgotten on one patch.
    return sure and not subject.versioned


def _alike(item: Item, posting: Posting) -> int:
    """0 to 9: how much a patch looks like those already there, by tags, the prefix of titles and files touched."""
    points = 0
    same_tags = item.subject.tags == posting.head.subject.tags
    ours = set(item.message.paths)
    prefix = item.subject.title.partition(":")[0].lower()
    for other in posting.items[:8]:
        if other.subject.title.partition(":")[0].lower() == prefix:
            points = max(points, 4)
        if not ours.isdisjoint(other.message.paths):
            points = max(points, 8 if points >= 4 else 5)
    return points + same_tags


def _stem(message_id: str) -> str | None:
    return next((found[1] for stem in _STEMS if (found := stem.match(message_id))), None)


def sender_keys(author: Address) -> tuple[str, ...]:
    """What a person is known by: the address, and the name where it is a full one."""
    return (author.key, author.name.lower()) if " " in author.name else (author.key,)
