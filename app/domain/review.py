"""What reviewers and bots say: comments at patches and at lines, with the trailers that they give."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.address import Address
from app.domain.bots import Bot, identify
from app.domain.diff import FileDiff, parse_files
from app.domain.message import Message
from app.domain.trailer import Trailer, given, parse_trailers

MAX_QUOTES = 200
MAX_PROSE = 5000  # lines of a mail's text that are looked for in quotes
_QUOTE = re.compile(r"((?:> ?)*>) ?(.*)")
# What is said between quotes without saying anything: "[ ... ]", "^^^^", and what ends a mail.
ELIDED = re.compile(r"[\[(<]* ?(?:\.{2,}|\u2026|snip|trimmed) ?[\])>]*|[\^~]+|`{3,}", re.IGNORECASE)
_FOOTER = re.compile(r"^(?:-- ?$|---\n(?=AI reviewed))", re.MULTILINE)
# Lines of a mail's text that nobody talks about: the separator, the diffstat, b4's and git's lists of patches.
_FURNITURE = re.compile(
    r"\s*-{3,}\s*|\s\S.*\|\s+(?:\d+ ?[+-]*|Bin .*)| \d+ files? changed.*| (?:create|delete) mode .*|.* \(\d+\):"
)
# The signature separator or the end of the diffstat: what follows such a quote is about the whole mail.
_WHOLE = re.compile(r"-- ?| \d+ files? changed.*")
# Bots that review quote what they mean; the others quote to say which mail they answer.
_REVIEWERS = (None, Bot.BPF_CI_REVIEW, Bot.SASHIKO, Bot.OTHER)
_HEADER = re.compile(r"(?:diff --git \S+ b/(?P<file>\S+)|@@ -(?P<old>\d+)(?:,\d+)? \+(?P<new>\d+)(?:,\d+)? @@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where in the mail that is answered a comment stands.

    `path` is the file after the patch, `line` the number of the quoted line in it (in the file before the patch
    where `removed`), `quoted` the quoted line itself with its diff character, and `text` what is said below it.
    At a line of the commit message or of a cover letter `path` is "" and `line` counts the lines of `Message.prose`.
    """

    path: str
    line: int
    removed: bool
    quoted: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A reply to a cover letter (`patch_position` None) or a patch, by a person or a bot.

    `answers` is the Message-ID of the mail at hand that it answers, None when that is not at hand.
    """

    message: Message
    answers: str | None
    patch_position: int | None
    author: Address
    is_bot: bool
    bot: Bot | None
    trailers: tuple[Trailer, ...]
    anchors: tuple[Anchor, ...]


def read_comment(
    message: Message, *, answers: str | None, patch_position: int | None, diff: str | None, prose: str = ""
) -> Comment:
    """A mail as a comment on the patch with that diff (None for a cover letter) and that text before it."""
    bot = identify(message)
    pointed = bot in _REVIEWERS and ">" in message.body
    return Comment(
        message=message,
        answers=answers,
        patch_position=patch_position,
        author=message.author,
        is_bot=bot is not None,
        bot=bot,
        trailers=given(parse_trailers(message.body, sender=message.author)),
        anchors=find_anchors(message.body, parse_files(diff or ""), prose) if pointed else (),
    )


class _Place(NamedTuple):
    path: str
    line: int
    removed: bool
    at: int  # running number over the whole diff


def find_anchors(body: str, files: Sequence[FileDiff], prose: str = "") -> tuple[Anchor, ...]:
    """The points of a reply, each at the line of the diff, or of the prose before it, that is quoted last above it.

    A reply walks through the patch from top to bottom, so of several equal lines the first one after the
    previous quote is meant, and one in the file whose header is quoted; quotes are compared without blanks, and two
    quoted lines that a mailer made of one are joined again. What is said below the quoted end of the mail is about
    all of it, and no point.
    """
    lines = [(line, _QUOTE.match(line) if line.startswith(">") else None) for line in body.split("\n")]
    walk = _Walk(files, prose, _keys(quote for _, quote in lines if quote is not None))
    for line, quote in lines:
        if quote is None:
            walk.say(line)
        else:
            walk.quote(quote[2], depth=quote[1].count(">"))
        if len(walk.anchors) >= MAX_QUOTES:
            break
    walk.end_point()
    return tuple(walk.anchors[:MAX_QUOTES])


def _keys(quotes: Iterable[re.Match[str]]) -> frozenset[str]:
    """Return all that a walk may look for: what is quoted, by itself and joined to the quoted line before it."""
    found, before = set(), ""
    for quote in quotes:
        if quote[1].count(">") > 1 or _HEADER.match(quote[2]):
            continue
        key = squeezed(quote[2])
        found |= {key, before + squeezed(" " + quote[2])}
        before = key
    return frozenset(key for key in found if len(key) > 1)


class _Walk:
    """Follows a reply through the diff that it quotes; `wanted` are the lines that it may look for, `squeezed`."""

    def __init__(self, files: Sequence[FileDiff], prose: str, wanted: frozenset[str]) -> None:
        self.anchors: list[Anchor] = []
        self._wanted = wanted
        self._places: dict[str, list[_Place]] = {}
        self._files: dict[str | None, int] = {}
        self._hunks: dict[tuple[int, int], list[int]] = {}
        self._index(files, self._index_prose(prose))
        self._cursor = -1
        self._place: _Place | None = None
        self._quoted = ""
        self._unfound = ""
        self._said: list[str] = []

    def _index_prose(self, prose: str) -> int:
        at = 0
        for at, line in enumerate(prose.split("\n")[:MAX_PROSE], 1):
            if (key := squeezed(line)) in self._wanted and not _FURNITURE.fullmatch(line):
                self._places.setdefault(key, []).append(_Place(path="", line=at, removed=False, at=at - 1))
        return at

    def _index(self, files: Sequence[FileDiff], at: int) -> None:
        for each in files:
            for name in (each.old_path, each.new_path):
                self._files.setdefault(name, at)
            for hunk in each.hunks:
                old, new = hunk.old_start, hunk.new_start
                self._hunks.setdefault((old, new), []).append(at)
                for line in hunk.lines:
                    removed, added = line.startswith("-"), line.startswith("+")
                    if (key := squeezed(line)) in self._wanted:
                        place = _Place(path=each.path, line=old if removed else new, removed=removed, at=at)
                        self._places.setdefault(key, []).append(place)
                    old += not added
                    new += not removed
                    at += 1

    def say(self, line: str) -> None:
        self._said.append(line)

    def quote(self, text: str, *, depth: int) -> None:
        self.end_point()
        if depth != 1:
            return
        if header := _HEADER.match(text):
            self._jump(header)
            return
        key = squeezed(text)
        found = self._next(key)
        if found is None and self._unfound:
            found = self._next(self._unfound + squeezed(" " + text))
        self._unfound = key if found is None else ""
        if found is not None:
            self._place, self._quoted, self._cursor = found, text, found.at
        elif _WHOLE.fullmatch(text):
            self._place = None

    def end_point(self) -> None:
        """What was said since the last quote is a point at the line quoted there."""
        said, self._said, place = self._said, [], self._place
        if not said or place is None:
            return
        text = _FOOTER.split("\n".join(said), maxsplit=1)[0]
        text = "\n".join(line for line in text.split("\n") if not ELIDED.fullmatch(line.strip())).strip()
        if text:
            self.anchors.append(
                Anchor(path=place.path, line=place.line, removed=place.removed, quoted=self._quoted, text=text)
            )
            self._place = None

    def _jump(self, header: re.Match[str]) -> None:
        if header["file"] is not None:
            at = self._files.get(header["file"])
        else:
            hunks = self._hunks.get((int(header["old"]), int(header["new"])), [])
            following = bisect_right(hunks, self._cursor)
            at = hunks[following] if following < len(hunks) else None
        if at is not None:
            self._cursor = at - 1

    def _next(self, key: str) -> _Place | None:
        places = self._places.get(key)
        if not places:
            return None
        following = bisect_right(places, self._cursor, key=lambda place: place.at)
        return places[following] if following < len(places) else places[0]


def squeezed(line: str) -> str:
    """A diff line without blanks, but for its first character's meaning: what survives rewrapping and reindenting."""
    return line[:1].strip() + "".join(line[1:].split())
