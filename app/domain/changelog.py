"""What a cover letter, or the text below `---`, says of earlier revisions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from app.domain.message import Message
from app.domain.message_id import id_in_url
from app.domain.trailer import parse_declared

MAX_LINKS = 100
MAX_TEXT = 1 << 18  # characters of a mail that are searched for a change log

LABEL = r"(?:rfc[ -]?)?v\d{1,3}(?:\.\d{1,2})?|rfc(?:[ -]?\d{1,3})?"
_IS_LABEL = re.compile(r"(?:rfc)?v\d{1,3}(?:\.\d{1,2})?|rfc\d{0,3}")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9.]*[a-z0-9]")
_BULLET = r"[ \t*+#\u2022.\u2013-]{0,20}"
_STEP = re.compile(
    rf"{_BULLET}(?:(?:changes?:?|changelog:?|from|between) +)?(?P<old>{LABEL}) {{0,3}}"
    rf"(?:-+>|=+>|→|to|\.\.|and) {{0,3}}(?P<new>{LABEL})\b",
    re.IGNORECASE,
)
_SINCE = re.compile(
    rf"{_BULLET}(?:changes?|changelog|changed|diff|delta) +(?:since|from|vs\.?|relative to|compared to) +"
    rf"(?P<old>{LABEL})\b",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"{_BULLET}(?:changes? +(?:in|for) +|changelog +)?\[?(?P<new>{LABEL})\]?:? {{0,3}}$", re.IGNORECASE
)
_FOOTNOTE_USE = re.compile(
    rf"(?:^|[\s(*-])(?P<label>{LABEL}) ?(?:links?)? ?[:(]? ?\[(?P<note>\d{{1,2}})\]", re.IGNORECASE
)
_FOOTNOTE_AFTER = re.compile(r">?\s*\[(?P<note>\d{1,2})\]\s*")
_FOOTNOTE = re.compile(r"\s*\[(?P<note>\d{1,2})\]:?\s*<?")

# Every word on the line before the URL must be one of these (or a revision's label), so that a link to something
# else, in a sentence that mentions a revision, is not taken for a link to that revision.
_POINTING = frozenset(
    re.findall(
        r"\w+",
        "a an and at be can changelog changes cover details diff discussion following for found from full here in is "
        "it letter link links lore more my now of on one our patch patches patchset posted posting rev revision see "
        "sent series set since some submission submitted the this thread to url version was",
    )
)
_BEFORE_THIS = frozenset(
    ("previous", "previously", "prior", "older", "earlier", "last", "former", "original", "initial")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionLink:
    """A link to an earlier revision; `label` in our spelling (`rfc`, `rfc v2`, `v3`), None if it does not say."""

    label: str | None
    message_id: str


def revision_links(message: Message) -> tuple[RevisionLink, ...]:
    """The links in a mail's text that its change log gives to earlier revisions, in order, each Message-ID once.

    A link counts only where its line, the heading of its section, or the footnote that refers to it names a
    revision: `v3: URL`, `Link to v1: URL`, `v2 link: URL`, `v3->v4: ... Details in here: URL`, `Changes since v1 [1]`.
    Of the URL only the Message-ID is taken. `Supersedes:` counts too.
    """
    text = message.prose[:MAX_TEXT]
    found: dict[str, str | None] = dict.fromkeys(parse_declared(message.body).supersedes) if "upersedes" in text else {}
    # Most texts have no link to a mail, and are not read for one. One pattern for it all would take square time.
    if any("@" in url or "%40" in url for url in _URL.findall(text)):
        for link in _Reader(text).links():
            if found.get(link.message_id) is None:
                found[link.message_id] = link.label
    found.pop(message.message_id, None)
    return tuple(RevisionLink(label=label, message_id=each) for each, label in list(found.items())[:MAX_LINKS])


class _Reader:
    """Reads a change log line by line; knows which revision a bare link would be to."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._text = text
        self._section: str | None = None  # set between a section's heading and the blank line after its points
        self._last_section: str | None = None
        self._has_points = False
        self._previous = ""

    @cached_property
    def _notes(self) -> dict[str, str]:
        """The label that each footnote is referred to with; few logs have any."""
        return {use["note"]: use["label"] for use in _FOOTNOTE_USE.finditer(self._text)}

    def links(self) -> Iterator[RevisionLink]:
        for line in self._lines:
            if line.startswith(">") or len(line) > 1000:
                continue
            if not line.strip():
                if self._has_points:
                    self._section, self._has_points = None, False
                continue
            self._heading(line[:200])
            if (url := _URL.search(line)) and (message_id := id_in_url(url[0].rstrip(").,;]>"))):
                counts, label = self._label(line[: url.start()], line[url.end() :])
                if counts:
                    yield RevisionLink(label=spell(label) if label else None, message_id=message_id)
            self._previous = line[:200]

    def _heading(self, line: str) -> None:
        if step := _STEP.match(line) or _SINCE.match(line):
            self._section = self._last_section = step["old"]
            self._has_points = False
        elif _HEADING.match(line) or line.startswith("---"):
            self._section = self._last_section = None
        else:
            self._has_points = self._section is not None

    def _label(self, before: str, after: str) -> tuple[bool, str | None]:
        """Whether the URL between `before` and `after` is a link to a revision, and to which."""
        if note := _FOOTNOTE.fullmatch(before) or _FOOTNOTE_AFTER.fullmatch(after):
            return note["note"] in self._notes, self._notes.get(note["note"])
        label, words = _read_words(before)
        strange = words - _POINTING - _BEFORE_THIS
        if strange or label or words & _BEFORE_THIS:
            return not strange, label
        label, words = _read_words(after)
        if label and not words:
            return True, label
        return self._label_above()

    def _label_above(self) -> tuple[bool, str | None]:
        """For a bare URL: the line above points to it, or its section is about a revision."""
        if self._previous.rstrip().endswith(":"):
            label, words = _read_words(self._previous)
            if not words - _POINTING - _BEFORE_THIS:
                label = label or self._last_section
                if label and not _STEP.match(self._previous):
                    return True, label
        return self._section is not None, self._section


def _read_words(text: str) -> tuple[str | None, frozenset[str]]:
    """The first revision's label in a piece of a line, and its other words."""
    words = _WORD.findall(text[:300].lower())
    labels = [word for word in words if _IS_LABEL.fullmatch(word)]
    others = frozenset(word for word in words if word not in labels and not word.isdigit())
    if labels[:1] == ["rfc"] and len(labels) > 1 and labels[1].startswith("v"):
        return f"rfc {labels[1]}", others
    return labels[0] if labels else None, others


def spell(label: str) -> str:
    """A revision's label in our spelling: `RFC-V2` is `rfc v2`, `V3` is `v3`, `rfc` stays."""
    words = label.lower().replace("-", " ").replace("patch", " ")
    number = re.search(r"\d+(?:\.\d+)?", words)
    if "rfc" in words:
        return f"rfc v{number[0]}" if number and number[0] != "1" else "rfc"
    return f"v{number[0]}" if number else words.strip()
