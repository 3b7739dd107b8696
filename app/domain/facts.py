"""What linking knows of a posting, and in which ways two postings are alike."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher

from app.domain.changelog import RevisionLink, revision_links
from app.domain.diff import changed_lines
from app.domain.patch_id import patch_id
from app.domain.posting import Grouping, Posting
from app.domain.subject import kernel_of
from app.domain.trailer import Declared, parse_declared

SOON = timedelta(days=30)  # what is posted again under one title this soon may have changed altogether
_LIKE_TITLES = 0.75
_LIKE_DIFFS = 0.5
_MANY_LINES = 10


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


def read_facts(grouping: Grouping) -> list[Facts]:
    """Everything posted, in the order that it was sent in."""
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


def distinct(one: Facts, other: Facts) -> bool:
    """Whether two postings claim to be different revisions, or the later to be sent again."""
    return (one.version, one.rfc) != (other.version, other.rfc) or one.resend or other.resend


def is_part(posting: Posting, of: Posting) -> bool:
    """Whether a posting is some patches of another, sent without a cover."""
    return posting.cover is None and posting.total == of.total and len(posting.patches) < posting.total


def is_next(later: Facts, earlier: Facts) -> bool:
    """Whether two postings of one person under one title are one work, by what they hold."""
    if not later.titles or not earlier.titles:
        return distinct(later, earlier) or abs(later.when - earlier.when) <= SOON
    if distinct(later, earlier):
        return is_related(later, earlier)
    # Two postings of one version under one title are the same thing sent twice only if what they hold is alike.
    return bool(later.titles & earlier.titles) and (
        bool(later.patch_ids & earlier.patch_ids) or like_diffs(later, earlier)
    )


def is_related(later: Facts, earlier: Facts) -> bool:
    """Whether two postings do something alike; a title that two patches share counts if it is about the same files."""
    if not later.titles or not earlier.titles:
        return abs(later.when - earlier.when) <= SOON
    shared_files = len(later.paths & earlier.paths)
    if not shared_files:
        return like_diffs(later, earlier)
    enough_files = 2 * shared_files >= min(len(later.paths), len(earlier.paths))
    same_title = bool(later.titles & earlier.titles) or plain_title(later.title) == plain_title(earlier.title)
    return (same_title and enough_files) or is_rewritten(later, earlier)


def is_rewritten(later: Facts, earlier: Facts) -> bool:
    """Whether a third of the smaller diff is in the other, in a file of both."""
    shared, smaller = len(later.lines & earlier.lines), min(len(later.lines), len(earlier.lines))
    return 3 * shared >= smaller > 0 and bool(later.paths & earlier.paths)


def is_near(later: Facts, earlier: Facts) -> bool:
    """Whether what was sent as an answer may be the next revision of it although nothing in it is alike."""
    if later.paths & earlier.paths:
        return True
    if later.posting.total != earlier.posting.total:
        return False
    folders = [{path.rpartition("/")[0] for path in each.paths} for each in (later, earlier)]
    return later.posting.total == 1 or not folders[0].isdisjoint(folders[1])


def for_other_kernel(one: Facts, other: Facts) -> bool:
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


def like_diffs(one: Facts, other: Facts) -> bool:
    """Whether half of the smaller diff is in the other.

    One change made all over the tree looks alike everywhere: in no common file it has to be a long one.
    """
    if not one.lines or not other.lines:
        return False
    shared = len(one.lines & other.lines)
    enough = 2 if one.paths & other.paths else _MANY_LINES
    return shared >= enough and shared >= _LIKE_DIFFS * min(len(one.lines), len(other.lines))
