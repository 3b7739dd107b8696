"""What comments ask for, and what became of it in the revisions that followed."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from app.domain.address import Address
from app.domain.asking import opening_comments, own_words
from app.domain.discussion import place_comments
from app.domain.evolution import Pair
from app.domain.message import Message
from app.domain.review import Anchor, Comment, squeezed
from app.domain.series import Patch, Revision

_NEAR = 3  # lines on either side that belong to what a remark is about
MAX_EQUAL = 100  # equal lines of a mail that are looked at, before and after
MAX_REMARKS = 2000

_AGAIN = re.compile(
    r"\b(?:please|pls|could you|can you|needs? (?:a|to be))\b[^.?!]{0,40}\b(?:re-?base|re-?send|re-?spin|re-?post)d?\b",
    re.IGNORECASE,
)
_SHORT = 200  # characters; a longer text asks for more than to be sent again


class Standing(StrEnum):
    """What the revisions after it say about a remark; all but OPEN are taken as addressed."""

    OPEN = "open"
    CHANGED = "lines changed"
    GONE = "patch dropped"
    AGAIN = "sent again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a remark stands in the revision of that label: at a patch (None: the cover letter), a file and a line.

    `path` and `line` are as in `app.domain.review.Anchor`; both are None for a remark on a whole mail.
    """

    label: str
    patch_position: int | None
    path: str | None
    line: int | None
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something that a comment asks for, at a line or (`anchor` None) of a whole mail.

    `places` are the revisions in which it stands, from the one it was made on; `settled_in` is the label of the
    revision that made an end of it, None while it is OPEN.
    """

    comment: Comment
    anchor: Anchor | None
    places: tuple[Place, ...]
    standing: Standing
    settled_in: str | None

    @property
    def place(self) -> Place:
        """Where it stands in the newest revision that has it."""
        return self.places[-1]

    def place_in(self, label: str) -> Place | None:
        """Where it stands in that revision, if it does."""
        return next((place for place in self.places if place.label == label), None)


Pairs = Callable[[Sequence[Patch], Sequence[Patch]], Sequence[Pair]]


def follow_remarks(revisions: Sequence[Revision], pairs: Pairs) -> tuple[Remark, ...]:
    """Every remark of a series, followed from the revision it was made on to the newest.

    A remark at a line is taken as addressed when the patch that became of the one it is about no longer has that
    line, or makes other changes next to it (three lines on either side); one on the commit message when the
    line is gone; any when the patch was dropped; and one that only asks to send again by the next revision.
    `pairs` is `match_patches`, or what remembers its answers.
    """
    authors = tuple({each.author.key: each.author for each in revisions}.values())
    remarks: list[Remark] = []
    previous: Revision | None = None
    for revision in revisions:
        if not revision.patches and previous is not None:
            continue  # a cover letter whose patches never came settles nothing
        if previous is not None:
            step = _Step(previous, revision, pairs(previous.patches, revision.patches))
            remarks = [step.carried(remark) for remark in remarks]
        remarks += islice(_made_on(revision, authors), MAX_REMARKS - len(remarks))
        previous = revision
    return tuple(remarks)


def _made_on(revision: Revision, authors: Sequence[Address]) -> Iterable[Remark]:
    points = place_comments(revision.comments)
    for comment in opening_comments(revision, authors):
        at_lines = points[comment.message.message_id]
        anchors = [each for each in at_lines if comment.is_bot or own_words(each.text, comment.author)]
        whole: list[Anchor | None] = [None]
        for anchor in anchors or whole:
            place = Place(
                label=revision.label,
                patch_position=comment.patch_position,
                path=anchor.path if anchor else None,
                line=anchor.line if anchor else None,
                removed=anchor is not None and anchor.removed,
            )
            yield Remark(comment=comment, anchor=anchor, places=(place,), standing=Standing.OPEN, settled_in=None)


class _Step:
    """From one revision to the next; the lines of each mail are read once."""

    def __init__(self, old: Revision, new: Revision, pairs: Sequence[Pair]) -> None:
        self._old, self._new = old, new
        self._became = {pair.old.position: pair.new for pair in pairs if pair.old is not None}
        self._patches = {patch.position: patch for patch in old.patches}
        self._read: dict[str, _Lines] = {}

    def carried(self, remark: Remark) -> Remark:
        """The remark as it stands after the step."""
        if remark.standing is not Standing.OPEN:
            return remark
        place = remark.place
        if place.patch_position is None:
            return self._moved(remark, None, self._old.cover, self._new.cover)
        if place.patch_position not in self._patches:
            return remark
        successor = self._became.get(place.patch_position)
        if successor is None:
            # What is missing may still come.
            return remark if self._new.missing else self._settled(remark, Standing.GONE)
        return self._moved(remark, successor, self._patches[place.patch_position].message, successor.message)

    def _settled(self, remark: Remark, standing: Standing) -> Remark:
        return replace(remark, standing=standing, settled_in=self._new.label)

    def _moved(self, remark: Remark, successor: Patch | None, before: Message | None, after: Message | None) -> Remark:
        place = remark.place
        position = successor.position if successor is not None else None
        path, line = place.path, place.line
        if path is not None and line is not None:
            if before is None or after is None:
                return remark
            found = _where(place, self._lines(before), self._lines(after))
            if found is None:
                return self._settled(remark, Standing.CHANGED)
            path, line = found
        if _only_asks_again(remark):
            return self._settled(remark, Standing.AGAIN)
        moved = replace(place, label=self._new.label, patch_position=position, path=path, line=line)
        return replace(remark, places=(*remark.places, moved))

    def _lines(self, message: Message) -> "_Lines":
        if message.message_id not in self._read:
            self._read[message.message_id] = _Lines(message)
        return self._read[message.message_id]


def _only_asks_again(remark: Remark) -> bool:
    body = remark.anchor.text if remark.anchor else own_words(remark.comment.message.body, remark.comment.author)
    return len(body) <= _SHORT and _AGAIN.search(body) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    path: str  # "" for the text before the diff
    number: int
    removed: bool
    text: str

    @property
    def changed(self) -> bool:
        return self.path != "" and self.text[:1] in ("+", "-")


class _Lines:
    """The lines of a mail's text and diff, found by place and by what they say."""

    def __init__(self, message: Message) -> None:
        self.all = [
            _Line(path="", number=number, removed=False, text=squeezed(line))
            for number, line in enumerate(message.prose.split("\n"), 1)
        ]
        for each in message.files:
            for hunk in each.hunks:
                old, new = hunk.old_start, hunk.new_start
                for text in hunk.lines:
                    removed, added = text.startswith("-"), text.startswith("+")
                    number = old if removed else new
                    self.all.append(_Line(path=each.path, number=number, removed=removed, text=squeezed(text)))
                    old += not added
                    new += not removed
        self._at = {(line.path, line.number, line.removed): n for n, line in enumerate(self.all)}
        self._by_text: dict[str, dict[str, list[int]]] = {}
        for n, line in enumerate(self.all):
            self._by_text.setdefault(line.text, {}).setdefault(line.path, []).append(n)

    def at(self, place: Place) -> int | None:
        return self._at.get((place.path or "", place.line or 0, place.removed))

    def same(self, line: _Line) -> list[int]:
        """Where a line is that says the same, the likeliest first: in the same file, at the same number."""
        files = self._by_text.get(line.text, {})
        here = files.get(line.path, [])
        middle = bisect_left(here, line.number, key=lambda n: self.all[n].number)
        near = here[max(0, middle - MAX_EQUAL) : middle + MAX_EQUAL]
        near.sort(key=lambda n: abs(self.all[n].number - line.number))
        elsewhere = (n for path, found in files.items() if path not in ("", line.path) for n in found)
        return near if line.path == "" else [*near, *islice(elsewhere, MAX_EQUAL)]

    def around(self, at: int) -> list[str]:
        """What the patch changes at a line and near it, in the same file."""
        near = self.all[max(0, at - _NEAR) : at + _NEAR + 1]
        return [line.text for line in near if line.changed and line.path == self.all[at].path]


def _where(place: Place, before: _Lines, after: _Lines) -> tuple[str, int] | None:
    """The line of the newer mail that a place in the older is now, if nothing near it has changed."""
    at = before.at(place)
    if at is None:
        return None
    near = before.around(at)
    best = next((n for n in after.same(before.all[at]) if after.around(n) == near), None)
    return (after.all[best].path, after.all[best].number) if best is not None else None
