"""Which postings are revisions of one work, and why we think so."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import IntEnum

from app.domain.changelog import RevisionLink, revision_links
from app.domain.decision import Decision, decide
from app.domain.diff import changed_lines
from app.domain.item import same_person
from app.domain.patch_id import patch_id
from app.domain.posting import Grouping, Posting, sender_keys
from app.domain.subject import kernel_of
from app.domain.trailer import Declared, parse_declared

MAX_CANDIDATES = 24  # earlier postings under one key that a posting is compared with
SOON = timedelta(days=30)  # what is posted again under one title this soon may have changed altogether
_LIKE_TITLES = 0.75
_LIKE_DIFFS = 0.5


class Reason(IntEnum):
    """Why one revision is taken to follow another; the higher the number, the stronger."""

    CONTENT = 1
    TITLE = 2
    IN_REPLY_TO = 3
    LINK = 4
    CHANGE_ID = 5
    PERSON = 6

    @property
    def words(self) -> str:
        """How a page and `inspect` say it."""
        return _WORDS[self]


_WORDS = {
    Reason.CONTENT: "similar patches",
    Reason.TITLE: "same author and like title",
    Reason.IN_REPLY_TO: "in-reply-to",
    Reason.LINK: "link in the cover letter",
    Reason.CHANGE_ID: "change-id",
    Reason.PERSON: "linked by hand",
}


@dataclass(slots=True, kw_only=True, eq=False)
class Facts:
    """What linking needs to know of a posting, read once."""

    posting: Posting
    order: int
    declared: Declared
    links: tuple[RevisionLink, ...]
    titles: frozenset[str]
    patch_ids: frozenset[str]
    rfc: bool
    resend: bool
    version: tuple[int, int]
    when: datetime  # its cover or first patch was sent
    title: str  # the cover's, or the first patch's
    _lines: frozenset[str] | None = field(default=None)

    @property
    def paths(self) -> frozenset[str]:
        """The files that its patches touch."""
        return frozenset(path for item in self.posting.patches.values() for path in item.message.paths)

    @property
    def kernels(self) -> frozenset[str]:
        """The stable kernels that it is for, by number, where its tags name any."""
        return frozenset(found for tag in self.posting.head.subject.tags if (found := kernel_of(tag)))

    @property
    def lines(self) -> frozenset[str]:
        """The lines that all its patches together add and remove."""
        if self._lines is None:
            patches = self.posting.patches.values()
            self._lines = changed_lines(file for item in patches for file in item.message.files)
        return self._lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A posting in its series, with the earlier posting that it follows and why, if it follows one."""

    facts: Facts
    previous: Facts | None
    reason: Reason | None


def link(grouping: Grouping, decisions: Iterable[Decision] = ()) -> list[list[Linked]]:
    """The postings gathered into works: each a list of its postings, oldest revision first."""
    facts = _read(grouping)
    evidence: dict[tuple[int, int], Reason] = {}
    sets = _Sets(len(facts))
    for later, earlier, reason in _Evidence(grouping, facts).pairs():
        key = (later.order, earlier.order)
        evidence[key] = max(reason, evidence.get(key, reason))
        sets.join(*key)
    gathered: dict[int, list[Facts]] = defaultdict(list)
    for each in facts:
        gathered[sets.find(each.order)].append(each)
    works = [_in_order(members) for members in gathered.values()]
    of_posting = {id(each.posting): each for each in facts}
    joined = decide(works, decisions, lambda key: of_posting.get(id(grouping.owner.get(key))), _in_order)
    evidence.update(((one.order, other.order), Reason.PERSON) for one, other in joined)
    return [_chain(members, evidence) for members in works]


def _read(grouping: Grouping) -> list[Facts]:
    ordered = sorted(grouping.postings, key=lambda p: (p.head.when, p.version, p.minor or 0, p.head.message.message_id))
    return [_facts(posting, order) for order, posting in enumerate(ordered)]


def _facts(posting: Posting, order: int) -> Facts:
    head = posting.head.message
    links: dict[str, RevisionLink] = {each.message_id: each for each in revision_links(head)}
    declared = parse_declared(head.body)
    if posting.cover is None or declared.base_commit is None:
        declared = _declared_by_patches(posting, declared)
    return Facts(
        posting=posting,
        order=order,
        rfc=posting.rfc,
        resend=posting.head.subject.resend,
        version=(posting.version, posting.minor or 0),
        when=posting.head.when,
        title=posting.head.subject.title,
        declared=declared,
        links=tuple(links.values()),
        titles=frozenset(plain_title(item.subject.title) for item in posting.patches.values()),
        patch_ids=frozenset(found for item in posting.patches.values() if (found := patch_id(item.message.diff or ""))),
    )


def _declared_by_patches(posting: Posting, declared: Declared) -> Declared:
    # git format-patch --base without a cover letter writes the block into the first patch.
    for item in posting.items[:3]:
        found = parse_declared(item.message.body)
        if found.base_commit or found.change_id:
            return Declared(
                base_commit=declared.base_commit or found.base_commit,
                change_id=declared.change_id or found.change_id,
                prerequisites=declared.prerequisites or found.prerequisites,
                supersedes=declared.supersedes or found.supersedes,
            )
    return declared


def plain_title(title: str) -> str:
    """A title as it is compared: lower case, single blanks, no full stop."""
    return " ".join(title.lower().replace("\t", " ").rstrip(".").split())


def may_precede(earlier: Facts, later: Facts) -> bool:
    """Whether one posting can be an older revision of another, by what their subjects say alone."""
    if earlier.rfc != later.rfc:
        return later.version >= earlier.version or later.when >= earlier.when
    return later.version >= earlier.version


class _Evidence:
    def __init__(self, grouping: Grouping, facts: list[Facts]) -> None:
        self._grouping = grouping
        self._facts = facts
        self._of = {id(each.posting): each for each in facts}

    def pairs(self) -> Iterator[tuple[Facts, Facts, Reason]]:
        """Every (later, earlier, reason) that is believed."""
        newer: set[int] = set()
        older: set[int] = set()
        for later, earlier, reason in self._stated():
            newer.add(later.order)
            older.add(earlier.order)
            yield later, earlier, reason
        for later, earlier, reason in self._same(_title_key, self._by_title_alone):
            # A title alone says little: not where either has another to go with.
            if later.order not in newer and earlier.order not in older:
                newer.add(later.order)
                older.add(earlier.order)
                yield later, earlier, reason
        for later in self._facts:
            yield from self._by_reply(later, tied=newer | older)

    def _stated(self) -> Iterator[tuple[Facts, Facts, Reason]]:
        yield from self._same(lambda f: [f.declared.change_id] if f.declared.change_id else [], self._by_change_id)
        for later in self._facts:
            yield from self._by_link(later)
        yield from self._same(_title_key, self._by_title)
        yield from self._same(lambda f: f.titles | f.patch_ids, self._by_content)
        yield from self._same(lambda f: sender_keys(f.posting.author), self._by_person)

    def _same(
        self, keys: Callable[[Facts], Iterable[str]], judge: Callable[[Facts, Facts], Reason | None]
    ) -> Iterator[tuple[Facts, Facts, Reason]]:
        """Compare each posting with the last few that share a key with it."""
        seen: dict[str, list[Facts]] = defaultdict(list)
        for facts in self._facts:
            others = {other.order: other for key in keys(facts) for other in seen[key][-MAX_CANDIDATES:]}
            for other in list(others.values())[-4 * MAX_CANDIDATES :]:
                later, earlier = (facts, other) if may_precede(other, facts) else (other, facts)
                reason = judge(later, earlier)
                if reason is not None:
                    yield later, earlier, reason
            for key in keys(facts):
                seen[key].append(facts)

    def _by_change_id(self, later: Facts, earlier: Facts) -> Reason | None:
        del later, earlier
        return Reason.CHANGE_ID

    def _by_link(self, later: Facts) -> Iterator[tuple[Facts, Facts, Reason]]:
        for each in later.links:
            # People link to a mail inside the older thread as well: it stands for the posting it hangs under.
            item = self._grouping.items.get(each.message_id)
            owner = self._grouping.owner.get(each.message_id)
            if owner is None and item is not None and item.above is not None:
                owner = self._grouping.owner.get(item.above)
            if owner is not None and owner is not later.posting:
                yield later, self._of[id(owner)], Reason.LINK

    def _by_title(self, later: Facts, earlier: Facts) -> Reason | None:
        if not same_person(later.posting.author, earlier.posting.author) or _for_other_kernel(later, earlier):
            return None
        return Reason.TITLE if _is_next(later, earlier) else None

    def _by_title_alone(self, later: Facts, earlier: Facts) -> Reason | None:
        if not same_person(later.posting.author, earlier.posting.author) or _for_other_kernel(later, earlier):
            return None
        return Reason.TITLE if _distinct(later, earlier) and abs(later.when - earlier.when) <= SOON else None

    def _by_content(self, later: Facts, earlier: Facts) -> Reason | None:
        if _for_other_kernel(later, earlier):
            return None
        if not _distinct(later, earlier):
            return Reason.TITLE if self._by_title(later, earlier) and like_titles(later.title, earlier.title) else None
        same = same_person(later.posting.author, earlier.posting.author)
        smaller = max(min(len(later.posting.patches), len(earlier.posting.patches)), 1)
        shared_ids, shared_titles = len(later.patch_ids & earlier.patch_ids), len(later.titles & earlier.titles)
        if same and 2 * max(shared_ids, shared_titles) >= smaller and _is_related(later, earlier):
            return Reason.CONTENT
        if 2 * shared_ids > smaller or (2 * shared_titles > smaller and _like_diffs(later, earlier)):
            return Reason.CONTENT
        # Nobody else writes the same cover letter over the same patches to the same files.
        whole = shared_titles == smaller > 1 and plain_title(later.title) == plain_title(earlier.title)
        return Reason.CONTENT if whole and later.paths & earlier.paths else None

    def _by_person(self, later: Facts, earlier: Facts) -> Reason | None:
        if not _distinct(later, earlier) or _for_other_kernel(later, earlier):
            return None
        if like_titles(later.title, earlier.title):
            return Reason.TITLE if _is_related(later, earlier) else None
        return Reason.CONTENT if _like_diffs(later, earlier) else None

    def _by_reply(self, later: Facts, *, tied: AbstractSet[int]) -> Iterator[tuple[Facts, Facts, Reason]]:
        head = later.posting.head
        owner = self._grouping.owner.get(head.above) if head.above is not None else None
        if owner is None or owner is later.posting:
            return
        earlier = self._of[id(owner)]
        if not may_precede(earlier, later) or _for_other_kernel(later, earlier):
            return
        shared = bool(later.titles & earlier.titles)
        alike = shared or like_titles(later.title, earlier.title) or _like_diffs(later, earlier)
        same = same_person(later.posting.author, owner.author)
        newer = later.version > earlier.version
        # A newer version of something else may be sent into the thread of what it needs.
        related = alike or (later.order not in tied and _is_near(later, earlier))
        again = same and (_distinct(later, earlier) or _is_part(later.posting, owner))
        if (same and newer and related) or (alike and (newer or again)):
            yield later, earlier, Reason.IN_REPLY_TO


def _distinct(one: Facts, other: Facts) -> bool:
    """Whether two postings claim to be different revisions, or the later to be sent again."""
    return (one.version, one.rfc) != (other.version, other.rfc) or one.resend or other.resend


def _is_part(posting: Posting, of: Posting) -> bool:
    return posting.cover is None and posting.total == of.total and len(posting.patches) < posting.total


def _title_key(facts: Facts) -> tuple[str, ...]:
    return (plain_title(facts.title),)


def _is_next(later: Facts, earlier: Facts) -> bool:
    """Whether two postings of one person under one title are one work, by what they hold."""
    if not later.titles or not earlier.titles:
        return _distinct(later, earlier) or abs(later.when - earlier.when) <= SOON
    if _distinct(later, earlier):
        return _is_related(later, earlier)
    # Two postings of one version under one title are the same thing sent twice only if what they hold is alike.
    return bool(later.titles & earlier.titles) and (
        bool(later.patch_ids & earlier.patch_ids) or _like_diffs(later, earlier)
    )


def _is_related(later: Facts, earlier: Facts) -> bool:
    """Whether two postings do something alike; a title that two patches share counts if it is about the same files."""
    if not later.titles or not earlier.titles:
        return abs(later.when - earlier.when) <= SOON
    shared_files = len(later.paths & earlier.paths)
    if not shared_files:
        return _like_diffs(later, earlier)
    enough_files = 2 * shared_files >= min(len(later.paths), len(earlier.paths))
    same_title = bool(later.titles & earlier.titles) or plain_title(later.title) == plain_title(earlier.title)
    return (same_title and enough_files) or 3 * len(later.lines & earlier.lines) >= min(
        len(later.lines), len(earlier.lines)
    )


def _is_near(later: Facts, earlier: Facts) -> bool:
    """Whether what was sent as an answer may be the next revision of it although nothing in it is alike."""
    if later.paths & earlier.paths:
        return True
    if later.posting.total != earlier.posting.total:
        return False
    folders = [{path.rpartition("/")[0] for path in each.paths} for each in (later, earlier)]
    return later.posting.total == 1 or not folders[0].isdisjoint(folders[1])


def _for_other_kernel(one: Facts, other: Facts) -> bool:
    """Whether one of them is a backport to a stable kernel that the other is not for."""
    return one.kernels != other.kernels and one.kernels.isdisjoint(other.kernels)


def like_titles(one: str, other: str) -> bool:
    """Whether two titles may be one work's: equal, the beginning of the other, or three quarters alike."""
    first, second = plain_title(one), plain_title(other)
    if first == second or (
        min(len(first), len(second)) >= 10 and (first.startswith(second) or second.startswith(first))
    ):
        return True
    matcher = SequenceMatcher(None, first[:200], second[:200], autojunk=False)
    return matcher.quick_ratio() >= _LIKE_TITLES and matcher.ratio() >= _LIKE_TITLES


def _like_diffs(one: Facts, other: Facts) -> bool:
    if not one.lines or not other.lines:
        return False
    shared = len(one.lines & other.lines)
    return shared >= 2 and shared >= _LIKE_DIFFS * min(len(one.lines), len(other.lines))


def _in_order(members: list[Facts]) -> list[Facts]:
    """By version where both are for comments or both are not, by date between the two kinds."""
    rfcs = sorted((f for f in members if f.rfc), key=_version_key)
    finals = sorted((f for f in members if not f.rfc), key=_version_key)
    ordered: list[Facts] = []
    while rfcs and finals:
        ordered.append(rfcs.pop(0) if rfcs[0].when <= finals[0].when else finals.pop(0))
    return ordered + rfcs + finals


def _version_key(facts: Facts) -> tuple[tuple[int, int], datetime, int]:
    return (facts.version, facts.when, facts.order)


def _chain(members: list[Facts], evidence: Mapping[tuple[int, int], Reason]) -> list[Linked]:
    """Each revision with the one it follows: the one before it if anything says so, else the strongest tie."""
    chain: list[Linked] = []
    for at, facts in enumerate(members):
        # A cover letter whose patches never came is nothing to follow where there is anything else.
        near = members[max(0, at - 50) : at][::-1]
        before = [other for other in near if other.posting.patches] or near
        ties = [(other, reason) for other in before if (reason := _tie(facts, other, evidence))]
        if ties and ties[0][0] is not before[0]:
            ties.sort(key=lambda tie: -tie[1])
        previous, reason = ties[0] if ties else (None, None)
        chain.append(Linked(facts=facts, previous=previous, reason=reason))
    return chain


def _tie(one: Facts, other: Facts, evidence: Mapping[tuple[int, int], Reason]) -> Reason | None:
    found = [evidence[key] for key in ((one.order, other.order), (other.order, one.order)) if key in evidence]
    return max(found, default=None)


class _Sets:
    """Disjoint sets of numbers."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, at: int) -> int:
        while self._parent[at] != at:
            self._parent[at] = at = self._parent[self._parent[at]]
        return at

    def join(self, one: int, other: int) -> None:
        self._parent[self.find(one)] = self.find(other)
