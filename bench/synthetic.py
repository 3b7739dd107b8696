"""As many mails as are asked for, out of a few threads: copies told apart by names, addresses, ids, titles and code."""

import gzip
import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from app.domain.message import parse_message, split_mbox
from app.domain.patch_id import patch_id

PROJECT = Path(__file__).resolve().parents[1]
LORE = PROJECT.parent / "shared" / "lore"
_SUBJECT = re.compile(rb"^(Subject: (?:Re: )*(?:\[[^\]]*\]\s*)*)", re.MULTILINE | re.IGNORECASE)
_FROM = re.compile(rb'^From: (?:"?([^"<\n]*?)"? ?<)?', re.MULTILINE)
_LIKE_AN_ID = re.compile(rb"[^\s<>/\"()]+@[^\s<>/\"()]+")
_CHANGE_ID = re.compile(rb"^((?:> ?)*(?:prerequisite-)?change-id: *)", re.MULTILINE | re.IGNORECASE)
_ADDED = re.compile(rb"^((?:> ?)*\+)(?!\+\+ )", re.MULTILINE)


def some_threads() -> tuple[list[tuple[bytes, ...]], str]:
    """Return the real threads where they are at hand, else the example's, and what to call them."""
    real = sorted(LORE.glob("*.mbox.gz"))
    if real:
        return [split_mbox(gzip.decompress(file.read_bytes())) for file in real], f"{len(real)} real threads"
    example = sorted((PROJECT / "examples" / "thread").glob("*.mbox"))
    return [split_mbox(file.read_bytes()) for file in example], "the example's threads (no real ones are at hand)"


def archive(mails: int, *, start: int = 0) -> Iterator[bytes]:
    """Yield mails in the order of an archive: copies of some threads, the mails of each by date."""
    threads, _ = some_threads()
    originals = [raw for thread in threads for raw in thread]
    ids = _ids(originals)
    originals = [raw for raw in originals if _can_be_told_apart(raw, ids)]
    originals.sort(key=lambda raw: str(parse_message(raw).date))
    copies = (_told_apart(raw, number, ids) for number in count(start) for raw in originals)
    return islice(copies, mails)


def _ids(originals: list[bytes]) -> frozenset[bytes]:
    """Return all Message-IDs that are or are answered here: one left alone would make one thread of all copies."""
    mails = [parse_message(raw) for raw in originals]
    named = {name for one in mails for name in (one.message_id, one.in_reply_to, *one.references) if name}
    return frozenset(name.encode() for name in named)


def _can_be_told_apart(raw: bytes, ids: frozenset[bytes]) -> bool:
    """Whether no copy would be taken for another: packed texts and encoded subjects stay the same in all of them."""
    one, other = (parse_message(_told_apart(raw, number, ids)) for number in (1, 2))
    return (
        one.message_id != other.message_id
        and one.author.key != other.author.key
        and one.subject != other.subject
        and (one.diff is None or other.diff is None or patch_id(one.diff) != patch_id(other.diff))
    )


def _told_apart(raw: bytes, number: int, ids: frozenset[bytes]) -> bytes:
    mark = b"%x" % (number * 2654435761 % (1 << 32))  # neighbours are as unlike as any two
    raw = _LIKE_AN_ID.sub(lambda found: mark + b"." + found[0] if found[0] in ids else found[0], raw)
    raw = _SUBJECT.sub(rb"\g<1>" + mark * 3 + b" ", raw, count=1)
    raw = _FROM.sub(
        lambda found: b'From: "%s %s" <%s.' % (found[1], mark, mark) if found[1] else b"From: " + mark, raw, 1
    )
    raw = _CHANGE_ID.sub(rb"\g<1>" + mark + b"-", raw)
    return _ADDED.sub(rb"\g<1>" + mark + b" ", raw)
