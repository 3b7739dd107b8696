"""Atom feeds (RFC 4287): ids and times are the things' own, so that a reader sees each once, wherever it is served."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from fastapi.responses import Response

from app.web.render import visible

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that is new. `id` is an IRI that never changes, `link` where to read it; both absolute."""

    id: str
    title: str
    updated: datetime
    author: tuple[str, str | None]
    link: str
    text: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What to subscribe to; `link` is the page that it is about, `itself` its own address, both absolute."""

    id: str
    title: str
    link: str
    itself: str
    since: datetime
    entries: Sequence[Entry]


def urn(*words: str) -> str:
    """Return an id made of what a thing is: the same words give the same id."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "reroll:" + "\n".join(words)).urn


def atom(feed: Feed) -> Response:
    """Return a feed; it was updated when its newest entry was, or at `since` while it has none."""
    # The namespace as an attribute: ElementTree would want a prefix for it, process-wide.
    root = ET.Element("feed", xmlns=NAMESPACE)
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "updated", _time(max((entry.updated for entry in feed.entries), default=feed.since)))
    _author(root, ("Reroll", None))
    ET.SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=feed.itself)
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=feed.link)
    for entry in feed.entries:
        _entry(ET.SubElement(root, "entry"), entry)
    return Response(ET.tostring(root, encoding="utf-8", xml_declaration=True), media_type=MEDIA_TYPE)


def _entry(element: ET.Element, entry: Entry) -> None:
    _text(element, "id", entry.id)
    _text(element, "title", entry.title)
    _text(element, "updated", _time(entry.updated))
    _author(element, entry.author)
    ET.SubElement(element, "link", rel="alternate", type="text/html", href=entry.link)
    ET.SubElement(element, "category", term=entry.category)
    _text(element, "content", entry.text).set("type", "text")


def _author(element: ET.Element, person: tuple[str, str | None]) -> None:
    author = ET.SubElement(element, "author")
    name, email = person
    _text(author, "name", name or email or "unknown")
    if email and re.fullmatch(r"[^@\s]+@[^@\s]+", email):  # RFC 4287, 3.2.3: nothing else may stand there
        _text(author, "email", email)


def _text(element: ET.Element, name: str, text: str) -> ET.Element:
    found = ET.SubElement(element, name)
    # What XML 1.0 (2.2) has no way to write, escaped or not.
    found.text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", visible(text))
    return found


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
