"""From one revision to the next: which patch became which, and which trailers were dropped."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.diff import changed_lines
from app.domain.patch_id import patch_id
from app.domain.review import Comment
from app.domain.series import Patch, Revision
from app.domain.trailer import Trailer, parse_trailers

MAX_COMPARED = 40_000  # pairs of patches whose diffs are compared
_ALIKE = 0.3
_VOUCHING = re.compile(r"^(?:reviewed|acked|tested)\b|-(?:reviewed|acked|tested)-", re.IGNORECASE)


class Change(StrEnum):
    """What became of a patch."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A patch of the older revision and what it became in the newer; one side is None for added and dropped.

    `moved` says that it changed places with others; a patch that only counts anew, as one before it is gone, did not.
    """

    old: Patch | None
    new: Patch | None
    change: Change
    retitled: bool
    moved: bool


def match_patches(old: Sequence[Patch], new: Sequence[Patch]) -> tuple[Pair, ...]:
    """Pair the patches of two revisions, each in its order: in the newer one's order, the dropped ones last.

    In order of trust: the same patch-id, the same title, the most lines in common (30 % of the smaller at least), so
    that renamed and reordered patches are found.
    """
    left, right = list(old), list(new)
    found: dict[int, Patch] = {}
    _pair(left, right, found, key=lambda patch: patch_id(patch.diff) or f"no diff {patch.message.message_id}")
    _pair(left, right, found, key=lambda patch: patch.title.lower())
    _pair_alike(left, right, found)
    moved = moved_places([found[patch.position].position for patch in new if patch.position in found])
    pairs = [_pair_of(found.get(patch.position), patch, moved) for patch in new]
    dropped = [Pair(old=patch, new=None, change=Change.DROPPED, retitled=False, moved=False) for patch in left]
    return (*pairs, *dropped)


def _pair(left: list[Patch], right: list[Patch], found: dict[int, Patch], *, key: Callable[[Patch], str]) -> None:
    waiting: dict[str, list[Patch]] = {}
    for patch in left:
        waiting.setdefault(key(patch), []).append(patch)
    for patch in list(right):
        if same := waiting.get(key(patch)):
            found[patch.position] = same.pop(0)
            left.remove(found[patch.position])
            right.remove(patch)


def _pair_alike(left: list[Patch], right: list[Patch], found: dict[int, Patch]) -> None:
    if len(left) * len(right) > MAX_COMPARED:
        return
    lines = {id(patch): changed_lines(patch.message.files) for patch in (*left, *right)}
    scored = []
    for old in left:
        for new in right:
            smaller = min(len(lines[id(old)]), len(lines[id(new)]))
            shared = len(lines[id(old)] & lines[id(new)])
            if smaller and shared >= _ALIKE * smaller:
                scored.append((-shared / smaller, -shared, old.position, new.position, old, new))
    for *_, old, new in sorted(scored, key=lambda each: each[:4]):
        if old in left and new in right:
            found[new.position] = old
            left.remove(old)
            right.remove(new)


def moved_places(places: Sequence[int]) -> frozenset[int]:
    """Of the older places of the patches that stayed, in the newer order: the fewest that must have been moved."""
    ends: list[int] = []  # of the increasing runs found so far, by their length
    longest: list[list[int]] = []
    for place in places:
        at = bisect_left(ends, place)
        run = [*(longest[at - 1] if at else []), place]
        ends[at : at + 1], longest[at : at + 1] = [place], [run]
    return frozenset(places) - frozenset(longest[-1] if longest else ())


def _pair_of(old: Patch | None, new: Patch, moved: frozenset[int]) -> Pair:
    if old is None:
        return Pair(old=None, new=new, change=Change.ADDED, retitled=False, moved=False)
    same = old.message is new.message or (bool(new.diff) and patch_id(old.diff) == patch_id(new.diff))
    return Pair(
        old=old,
        new=new,
        change=Change.SAME if same else Change.CHANGED,
        retitled=old.title != new.title,
        moved=old.position in moved,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A trailer given to a patch, or carried by it, that the next revision's patch lacks.

    `comment` is the reply that gave it, None where the older patch had it in its text; `patch` is the newer one, and
    `changed` says that it is not what the trailer was given to.
    """

    trailer: Trailer
    comment: Comment | None
    patch: Patch
    changed: bool


def dropped_trailers(old: Revision, new: Revision, pairs: Sequence[Pair] | None = None) -> tuple[Dropped, ...]:
    """What the older revision's replies and patches vouch for and the newer one's patches do not say.

    A trailer given to the cover counts for all patches. Only what people vouch with counts (reviews, acks, tests):
    reports and `Fixes` are advice, and an objection is not to be carried over. `pairs` are those of `match_patches`,
    where they are known.
    """
    found = []
    for pair in pairs if pairs is not None else match_patches(old.patches, new.patches):
        if pair.old is None or pair.new is None or pair.old.message is pair.new.message:
            continue
        carried = pair.new.message.prose.lower()
        seen: set[tuple[str, str]] = set()
        for comment, trailer in _vouched(pair.old, old.comments):
            assert trailer.person is not None
            key = (trailer.name, trailer.person.name.lower() or trailer.person.key)
            if key not in seen and not _carries(carried, trailer):
                changed = pair.change is not Change.SAME
                found.append(Dropped(trailer=trailer, comment=comment, patch=pair.new, changed=changed))
            seen.add(key)
    return tuple(found)


def _vouched(patch: Patch, comments: Sequence[Comment]) -> Iterable[tuple[Comment | None, Trailer]]:
    for comment in comments:
        if comment.patch_position in (None, patch.position) and not comment.is_bot:
            yield from ((comment, trailer) for trailer in comment.trailers if _vouches(trailer))
    own = parse_trailers(patch.message.prose, sender=patch.message.author)
    yield from ((None, trailer) for trailer in own if _vouches(trailer))


def _vouches(trailer: Trailer) -> bool:
    return trailer.person is not None and bool(_VOUCHING.search(trailer.name))


def _carries(text: str, trailer: Trailer) -> bool:
    # Reviewers are often carried over with another of their addresses: the name is enough.
    who = trailer.person
    assert who is not None
    return any(
        line.startswith(f"{trailer.name.lower()}:")
        and ((who.key and who.key in line) or (who.name and who.name.lower() in line))
        for line in text.split("\n")
    )
