"""Which postings are revisions of one work, and why we think so."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import chain

from app.domain.decision import Decision, decide
from app.domain.facts import (
    SOON,
    Facts,
    distinct,
    for_other_kernel,
    is_near,
    is_next,
    is_part,
    is_related,
    is_rewritten,
    like_diffs,
    like_titles,
    may_precede,
    plain_title,
    read_facts,
)
from app.domain.item import same_person
from app.domain.posting import Grouping, sender_keys

MAX_CANDIDATES = 24  # earlier postings under one key that a posting is compared with


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A posting in its series, with the earlier posting that it follows and why, if it follows one."""

    facts: Facts
    previous: Facts | None
    reason: Reason | None


def link(grouping: Grouping, decisions: Iterable[Decision] = ()) -> list[list[Linked]]:
    """The postings gathered into works: each a list of its postings, oldest revision first."""
    facts = read_facts(grouping)
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


def _of_like_size(one: Facts, other: Facts) -> bool:
    # What a series of ten takes along from elsewhere is not its first revision.
    sizes = sorted(max(len(each.posting.patches), 1) for each in (one, other))
    return sizes[1] <= 4 * sizes[0]


def _shared(one: Facts, other: Facts) -> int:
    return max(len(one.patch_ids & other.patch_ids), len(one.titles & other.titles))


def _title_key(facts: Facts) -> tuple[str, ...]:
    return (plain_title(facts.title),)


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
        for later, earlier, reason in self._supposed():
            # What says little is not heard where either has another to go with.
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
        if not same_person(later.posting.author, earlier.posting.author) or for_other_kernel(later, earlier):
            return None
        return Reason.TITLE if is_next(later, earlier) else None

    def _by_content(self, later: Facts, earlier: Facts) -> Reason | None:
        if not same_person(later.posting.author, earlier.posting.author) or for_other_kernel(later, earlier):
            return None
        if not distinct(later, earlier):
            alike = like_titles(later.title, earlier.title) and self._by_title(later, earlier)
            return Reason.TITLE if alike else None
        part = is_part(later.posting, earlier.posting) or is_part(earlier.posting, later.posting)
        sizes = (len(later.posting.patches), len(earlier.posting.patches))
        enough = 2 * _shared(later, earlier) >= (min(sizes) if part else max(sizes))
        return Reason.CONTENT if enough and is_related(later, earlier) else None

    def _supposed(self) -> Iterator[tuple[Facts, Facts, Reason]]:
        return chain(
            self._same(lambda f: f.titles | f.patch_ids, self._by_part),
            self._same(_title_key, self._by_title_alone),
            self._same(lambda f: f.titles | f.patch_ids, self._by_content_alone),
        )

    def _by_part(self, later: Facts, earlier: Facts) -> Reason | None:
        """The same author's, grown or shrunk: most of the smaller one is in the other."""
        if not same_person(later.posting.author, earlier.posting.author) or for_other_kernel(later, earlier):
            return None
        smaller = min(len(later.posting.patches), len(earlier.posting.patches))
        if not distinct(later, earlier) or not _of_like_size(later, earlier) or 2 * _shared(later, earlier) < smaller:
            return None
        return Reason.CONTENT if is_related(later, earlier) else None

    def _by_title_alone(self, later: Facts, earlier: Facts) -> Reason | None:
        if not same_person(later.posting.author, earlier.posting.author) or for_other_kernel(later, earlier):
            return None
        return Reason.TITLE if distinct(later, earlier) and abs(later.when - earlier.when) <= SOON else None

    def _by_content_alone(self, later: Facts, earlier: Facts) -> Reason | None:
        """By someone else, as it seems: a second address, or another who took the work over.

        A maintainer who gathers what others sent begins again at v1, or has much else in it.
        """
        if for_other_kernel(later, earlier) or not distinct(later, earlier) or later.when < earlier.when:
            return None
        larger = max(len(later.posting.patches), len(earlier.posting.patches))
        shared_ids, shared_titles = len(later.patch_ids & earlier.patch_ids), len(later.titles & earlier.titles)
        if 2 * shared_ids > larger or (2 * shared_titles > larger and like_diffs(later, earlier)):
            return Reason.CONTENT
        # Nobody else writes the same cover letter over the same patches; what is in them may have changed.
        whole = shared_titles == larger > 1 and plain_title(later.title) == plain_title(earlier.title)
        return Reason.CONTENT if whole and is_rewritten(later, earlier) else None

    def _by_person(self, later: Facts, earlier: Facts) -> Reason | None:
        if not distinct(later, earlier) or for_other_kernel(later, earlier):
            return None
        if like_titles(later.title, earlier.title):
            return Reason.TITLE if is_related(later, earlier) else None
        return Reason.CONTENT if _of_like_size(later, earlier) and like_diffs(later, earlier) else None

    def _by_reply(self, later: Facts, *, tied: AbstractSet[int]) -> Iterator[tuple[Facts, Facts, Reason]]:
        head = later.posting.head
        owner = self._grouping.owner.get(head.above) if head.above is not None else None
        if owner is None or owner is later.posting:
            return
        earlier = self._of[id(owner)]
        if not may_precede(earlier, later) or for_other_kernel(later, earlier):
            return
        shared = bool(later.titles & earlier.titles)
        alike = shared or like_titles(later.title, earlier.title) or like_diffs(later, earlier)
        same = same_person(later.posting.author, owner.author)
        newer = later.version > earlier.version
        # A newer version of something else may be sent into the thread of what it needs.
        related = alike or (later.order not in tied and is_near(later, earlier))
        again = same and (distinct(later, earlier) or is_part(later.posting, owner))
        if (same and newer and related) or (alike and (newer or again)):
            yield later, earlier, Reason.IN_REPLY_TO


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
