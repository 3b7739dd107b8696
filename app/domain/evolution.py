"""From one revision to the next: which patch became which, what was dropped, and which remarks are still open."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.diff import changed_lines
from app.domain.patch_id import patch_id
from app.domain.review import Anchor, Comment, squeezed
from app.domain.series import Patch, Revision
from app.domain.trailer import Trailer

MAX_COMPARED = 40_000  # pairs of patches whose diffs are compared
_ALIKE = 0.3
_NEAR = 3  # lines on either side that belong to what a remark is about


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


class Standing(StrEnum):
    """What the next revision says about a remark on a line."""

    OPEN = "open"
    CHANGED = "lines changed"  # taken as addressed
    GONE = "patch dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A remark on a line of an older revision's patch, seen from a newer one.

    `patch_position`, `path`, `line` say where it now stands; they are those of the newer revision when it is OPEN
    and of the older when not.
    """

    comment: Comment
    anchor: Anchor
    standing: Standing
    patch_position: int
    path: str
    line: int


def carry_remarks(old: Revision, new: Revision) -> tuple[Remark, ...]:
    """Every remark at a line of the older revision, carried to its line in the newer where that is unchanged.

    A remark is taken as addressed when the patch that became of the one it is about no longer has the quoted line, or
    makes other changes next to it (three lines on either side).
    """
    became = {pair.old.position: pair.new for pair in match_patches(old.patches, new.patches) if pair.old is not None}
    old_patches = {patch.position: patch for patch in old.patches}
    remarks: list[Remark] = []
    read: dict[int, list[_Line]] = {}
    for comment in old.comments:
        patch = old_patches.get(comment.patch_position) if comment.patch_position is not None else None
        if patch is None or not comment.anchors:
            continue
        successor = became.get(patch.position)
        for each in (patch, successor):
            if each is not None and id(each) not in read:
                read[id(each)] = _lines(each)
        for anchor in comment.anchors:
            found = _where(anchor, read[id(patch)], read[id(successor)]) if successor is not None else None
            remarks.append(_remark(comment, anchor, patch, successor, found))
    return tuple(remarks)


def _remark(
    comment: Comment, anchor: Anchor, patch: Patch, successor: Patch | None, found: tuple[str, int] | None
) -> Remark:
    if successor is not None and found is not None:
        standing, position, place = Standing.OPEN, successor.position, found
    else:
        standing = Standing.GONE if successor is None else Standing.CHANGED
        position, place = patch.position, (anchor.path, anchor.line)
    return Remark(
        comment=comment, anchor=anchor, standing=standing, patch_position=position, path=place[0], line=place[1]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    path: str
    number: int
    removed: bool
    text: str

    @property
    def changed(self) -> bool:
        return self.text[:1] in ("+", "-")


def _lines(patch: Patch) -> list[_Line]:
    found = []
    for each in patch.message.files:
        for hunk in each.hunks:
            old, new = hunk.old_start, hunk.new_start
            for line in hunk.lines:
                removed, added = line.startswith("-"), line.startswith("+")
                number = old if removed else new
                found.append(_Line(path=each.path, number=number, removed=removed, text=squeezed(line)))
                old += not added
                new += not removed
    return found


def _where(anchor: Anchor, before: Sequence[_Line], after: Sequence[_Line]) -> tuple[str, int] | None:
    """The line of the newer patch that an anchor of the older is now about, if nothing near it has changed."""
    wanted = (anchor.path, anchor.line, anchor.removed)
    at = next((n for n, line in enumerate(before) if (line.path, line.number, line.removed) == wanted), None)
    if at is None:
        return None
    same = [n for n, line in enumerate(after) if line.text == before[at].text]
    fits = [n for n in same if _around(after, n) == _around(before, at)]
    best = min(fits, key=lambda n: (after[n].path != anchor.path, abs(after[n].number - anchor.line)), default=None)
    return (after[best].path, after[best].number) if best is not None else None


def _around(lines: Sequence[_Line], at: int) -> list[str]:
    """What the patch changes at a line and near it, in the same file."""
    near = lines[max(0, at - _NEAR) : at + _NEAR + 1]
    return [line.text for line in near if line.changed and line.path == lines[at].path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A trailer given to a patch that the next revision's patch does not carry."""

    trailer: Trailer
    comment: Comment
    patch: Patch


def dropped_trailers(old: Revision, new: Revision) -> tuple[Dropped, ...]:
    """The trailers that replies gave to the older revision and that the newer one's patches lack.

    A trailer given to the cover counts for all patches. `Fixes` and the trailers of bots are advice, not asked for.
    """
    found = []
    for pair in match_patches(old.patches, new.patches):
        if pair.old is None or pair.new is None or pair.old.message is pair.new.message:
            continue
        carried = pair.new.message.prose.lower()
        for comment, trailer in _given_to(pair.old.position, old.comments):
            if trailer.person is not None and not _carries(carried, trailer):
                found.append(Dropped(trailer=trailer, comment=comment, patch=pair.new))
    return tuple(found)


def _given_to(position: int, comments: Sequence[Comment]) -> Iterable[tuple[Comment, Trailer]]:
    for comment in comments:
        if comment.patch_position in (None, position) and not comment.is_bot:
            for trailer in comment.trailers:
                yield comment, trailer


def _carries(text: str, trailer: Trailer) -> bool:
    # Reviewers are often carried over with another of their addresses: the name is enough.
    who = trailer.person
    assert who is not None
    return any(
        line.startswith(f"{trailer.name.lower()}:")
        and ((who.key and who.key in line) or (who.name and who.name.lower() in line))
        for line in text.split("\n")
    )
