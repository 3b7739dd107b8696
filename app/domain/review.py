"""What reviewers and bots say: comments at patches and at lines, with the trailers that they give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.address import Address
from app.domain.bots import Bot, identify
from app.domain.diff import FileDiff
from app.domain.message import Message
from app.domain.trailer import Trailer, given, parse_trailers

MAX_QUOTES = 200
_QUOTE = re.compile(r"^((?:>[ \t]?)+)(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where in the patch's diff a comment stands.

    `path` is the file after the patch, `line` the number of the quoted line in it (in the file before the patch
    where `removed`), `quoted` the quoted line itself with its diff character, and `text` what is said below it.
    """

    path: str
    line: int
    removed: bool
    quoted: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A reply to a cover letter (`patch_position` None) or a patch, by a person or a bot."""

    message: Message
    patch_position: int | None
    author: Address
    is_bot: bool
    bot: Bot | None
    trailers: tuple[Trailer, ...]
    anchors: tuple[Anchor, ...]


def read_comment(message: Message, *, patch_position: int | None, files: Sequence[FileDiff]) -> Comment:
    """A mail as a comment on the patch whose diff touches `files` (none for a cover letter)."""
    bot = identify(message)
    return Comment(
        message=message,
        patch_position=patch_position,
        author=message.author,
        is_bot=bot is not None,
        bot=bot,
        trailers=given(parse_trailers(message.body, sender=message.author)),
        anchors=find_anchors(message.body, files) if files else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    path: str
    line: int
    removed: bool
    at: int  # running number over the whole diff


def find_anchors(body: str, files: Sequence[FileDiff]) -> tuple[Anchor, ...]:
    """The points of a reply, each at the diff line that is quoted last above it.

    A reply walks through the patch from top to bottom, so of several equal lines the first one after the
    previous quote is meant; quotes are compared without blanks, since mailers rewrap and reindent them.
    """
    index = _index(files)
    anchors: list[Anchor] = []
    place: _Place | None = None
    quoted, said, cursor = "", [], -1
    for line in body.split("\n"):
        quote = _QUOTE.match(line) if line.startswith(">") else None
        if quote is None:
            said.append(line)
            continue
        if place is not None and (text := "\n".join(said).strip()):
            anchors.append(Anchor(path=place.path, line=place.line, removed=place.removed, quoted=quoted, text=text))
            if len(anchors) >= MAX_QUOTES:
                break
            place = None
        said = []
        found = _next(index.get(_squeezed(quote[2]), ()), cursor)
        if found is not None and quote[1].count(">") == 1:
            place, quoted, cursor = found, quote[2], found.at
    text = "\n".join(said).strip()
    if place is not None and text and len(anchors) < MAX_QUOTES:
        anchors.append(Anchor(path=place.path, line=place.line, removed=place.removed, quoted=quoted, text=text))
    return tuple(anchors)


def _index(files: Sequence[FileDiff]) -> dict[str, list[_Place]]:
    index: dict[str, list[_Place]] = {}
    at = 0
    for each in files:
        for hunk in each.hunks:
            old, new = hunk.old_start, hunk.new_start
            for line in hunk.lines:
                removed, added = line.startswith("-"), line.startswith("+")
                place = _Place(path=each.path, line=old if removed else new, removed=removed, at=at)
                if len(key := _squeezed(line)) > 1:
                    index.setdefault(key, []).append(place)
                old += not added
                new += not removed
                at += 1
    return index


def _squeezed(line: str) -> str:
    return line[:1].strip() + "".join(line[1:].split())


def _next(places: Sequence[_Place], cursor: int) -> _Place | None:
    return next((place for place in places if place.at > cursor), places[0] if places else None)
