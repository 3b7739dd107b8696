"""One mail: bytes in, a value out that everything else is built on."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from email.utils import parsedate_to_datetime

from app.domain import mime
from app.domain.address import NOBODY, Address, parse_addresses, parse_person, true_author
from app.domain.diff import FileDiff, extract_diff, parse_files
from app.domain.message_id import ids_in_header
from app.domain.text import decode_header

MAX_REFERENCES = 500
MAX_BODY = 8 << 20
DERIVED_DOMAIN = "derived.invalid"  # RFC 2606: names nothing that exists

_FROM_LINE = re.compile(rb"From \S+ [^\n]*\d{4}[ \t]*\r?(?:\n|\Z)")
_SEPARATORS = re.compile(rb"(?:>*From [^\n]*(?:\n|\Z))+")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_UNQUOTED_FROM = re.compile(r"^From (?=\S+ .*\d{4}[ \t]*$)", re.MULTILINE)
_FORMAT_PATCH = re.compile(r"^From [0-9a-f]{40} Mon Sep 17 00:00:00 2001\n(?=\S+: )", re.MULTILINE)
_PLAIN_NAME = re.compile(r"[\w .'-]*")
_IN_BODY = re.compile(
    r"\A(?:[ \t]*\n)*+(?:(?:Date|Subject): [^\n]*\n(?:[ \t]+\S[^\n]*\n)*)*>?From: (?P<person>[^\n]+@[^\n]+)\n",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail, decoded.

    `author` is the person who posted, with the From that a list rewrote put right; `sender` is the From as it came;
    `patch_author` the in-body From, where there is one. `body` is all of its text, line ends LF, attached diffs
    after the inline text. `diff` is the part of it from the first diff header to the last hunk (no diffstat), None
    when nothing is changed; `paths` are the files that it touches and `diff_start` is where it begins in `body`.
    `verbatim` says that git can read the raw mail as it is. `defects` are sentences on what was wrong, empty for a
    sound mail. No text holds NUL or lone surrogates.
    """

    message_id: str
    subject: str
    author: Address
    sender: Address
    patch_author: Address | None
    date: datetime | None
    in_reply_to: str | None
    references: tuple[str, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    list_ids: tuple[str, ...]
    body: str
    diff: str | None
    paths: tuple[str, ...]
    diff_start: int
    verbatim: bool
    raw: bytes
    defects: tuple[str, ...]

    @property
    def files(self) -> tuple[FileDiff, ...]:
        """The diff taken apart, read again at each use: most mails of an archive never need it."""
        return parse_files(self.diff) if self.diff is not None else ()

    @property
    def prose(self) -> str:
        """The body before its diff: of a patch the commit message, what follows `---`, and the diffstat."""
        return self.body[: self.diff_start] if self.diff is not None else self.body


def split_mbox(data: bytes) -> tuple[bytes, ...]:
    """The mails of an mboxrd, unescaped; data that is no mbox is one mail, empty data none.

    Of the format see mbox(5) and public-inbox's t.mbox.gz: `From ` begins a mail, `>From ` with any number
    of `>` has lost one of them. A `From ` line without a date at its end is prose that some tool forgot to quote.
    """
    if not data.strip():
        return ()
    starts = [
        found.start() for found in _FROM_LINE.finditer(data) if found.start() == 0 or data[found.start() - 1] == 10
    ]
    if not starts or data[: starts[0]].strip():
        return (data,)
    mails = []
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        mail = data[data.find(b"\n", start, end) + 1 or end : end]
        if mail.strip():
            mails.append(_QUOTED_FROM.sub(rb"\1", mail).removesuffix(b"\n"))
    return tuple(mails)


def last_mail_at(data: bytes) -> int:
    """Where the last mail of a piece of an mbox begins; 0 when that is its beginning, or none begins in it.

    What is before can be given to `split_mbox`; the rest may go on in the next piece.
    """
    at = data.rfind(b"\nFrom ")
    while at >= 0:
        if _FROM_LINE.match(data, at + 1):
            return at + 1
        at = data.rfind(b"\nFrom ", 0, at)
    return 0


def _from_lines(data: bytes) -> Iterator[int]:
    at = 0
    while at >= 0:
        if _FROM_LINE.match(data, at):
            yield at
        at = data.find(b"\nFrom ", at) + 1 or -1


def parse_message(raw: bytes) -> Message:
    """Read one mail. Never raises; what is wrong with it is in `defects`.

    A mail without a Message-ID gets one that is derived from its content, the same for the same bytes.
    """
    stripped = _without_from_line(raw)
    headers, body, defects = mime.split_headers(stripped)
    noted = list(defects)
    parts, structure = mime.leaves(headers, body)
    noted.extend(structure)
    noted.extend(defect for part in parts for defect in part.defects)
    text = _text(parts, noted)
    found = extract_diff(text)
    if found:
        noted.extend(found.defects[:10])
    sender = _one(headers, b"from")
    person = _IN_BODY.match(text)
    patch_author = parse_person(person["person"]) if person and found else None
    return Message(
        message_id=_message_id(headers, body, noted),
        subject=decode_header(mime.last(headers, b"subject")[: 1 << 14]),
        author=true_author(sender, reply_to=_one(headers, b"reply-to"), original=_original(headers)),
        sender=sender,
        patch_author=patch_author,
        date=_date(headers, noted),
        in_reply_to=next(iter(_ids(headers, b"in-reply-to")), None),
        references=_references(headers),
        to=_many(headers, b"to"),
        cc=_many(headers, b"cc"),
        list_ids=_list_ids(headers),
        body=text,
        diff=found.text if found else None,
        paths=tuple(dict.fromkeys(each.path for each in found.files)) if found else (),
        diff_start=found.start if found else 0,
        verbatim=len(parts) == 1 and parts[0].plain and not noted and not _would_be_split(body),
        raw=raw,
        defects=tuple(dict.fromkeys(noted))[:50],
    )


def patch_mail(message: Message) -> bytes:
    """One mail that `git am` (git-mailinfo(1)) reads as this patch.

    It is the mail as it came wherever git reads that well. A mail that git would stumble over (attachments, a
    false charset, format=flowed, encoded CRLF, broken headers) is written anew from what was read out of it:
    UTF-8, LF, diff after the message. An attachment that is a whole `git format-patch` file is that file.
    """
    if message.verbatim:
        return message.raw
    attached = _FORMAT_PATCH.search(message.body)
    if attached and attached.start() < message.diff_start:
        return message.body[attached.start() :].encode("utf-8")
    return _written_anew(message).encode("utf-8")


def _written_anew(message: Message) -> str:
    headers = [
        f"From: {_header_form(message.author)}",
        f"Subject: {message.subject}",
        f"Message-ID: <{message.message_id}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    if message.date is not None:
        headers.insert(1, f"Date: {message.date:%a, %d %b %Y %H:%M:%S %z}")
    prose = _UNQUOTED_FROM.sub(r">\g<0>", message.prose.rstrip())
    return "\n".join(headers) + "\n\n" + prose + "\n\n" + (message.diff or "") + "-- \n"


def _header_form(address: Address) -> str:
    if not address.name or _PLAIN_NAME.fullmatch(address.name):
        return f"{address.name} <{address.email}>".strip()
    quoted = address.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address.email}>'


def _without_from_line(raw: bytes) -> bytes:
    # An mbox separator that came along with a single mail, once quoted or not, is no header.
    separator = _SEPARATORS.match(raw)
    return raw[separator.end() :] if separator else raw


def _would_be_split(body: bytes) -> bool:
    """Whether git-mailsplit(1) would take a line of the body for the beginning of another mail."""
    return next(_from_lines(body), None) is not None


def _text(parts: tuple[mime.Part, ...], noted: list[str]) -> str:
    inline = [part.text for part in parts if not part.attached_diff]
    attached = [part.text for part in parts if part.attached_diff]
    text = "\n".join(inline + attached) if attached else "\n".join(inline)
    if len(text) > MAX_BODY:
        noted.append(f"the body is longer than {MAX_BODY} characters and was cut")
    return text[:MAX_BODY]


def _one(headers: mime.Headers, name: bytes) -> Address:
    return next(iter(parse_addresses(mime.last(headers, name))), NOBODY)


def _original(headers: mime.Headers) -> Address:
    return next((a for name in (b"x-original-from", b"x-original-sender") if (a := _one(headers, name)).email), NOBODY)


def _many(headers: mime.Headers, name: bytes) -> tuple[Address, ...]:
    values = headers.get(name)
    return parse_addresses(b",".join(values[:20])) if values else ()


def _ids(headers: mime.Headers, name: bytes) -> tuple[str, ...]:
    values = headers.get(name)
    return ids_in_header(decode_header(b" ".join(values)[: mime.MAX_HEADER])) if values else ()


def _references(headers: mime.Headers) -> tuple[str, ...]:
    # The oldest names the thread and the newest the parent; those between are dropped where they are too many.
    found = tuple(dict.fromkeys((*_ids(headers, b"references"), *_ids(headers, b"in-reply-to")[1:])))
    return found if len(found) <= MAX_REFERENCES else (found[0], *found[1 - MAX_REFERENCES :])


def _message_id(headers: mime.Headers, body: bytes, noted: list[str]) -> str:
    values = headers.get(b"message-id", [])
    if len(values) > 1:
        noted.append("there is more than one Message-ID; the first is used")
    found = next((ids[0] for value in values if (ids := ids_in_header(decode_header(value)))), None)
    if found is not None:
        return found
    noted.append("there is no Message-ID; one was derived from the content")
    # Not from the trace headers: copies of one mail that came through two lists stay one mail.
    content = hashlib.sha256(b"\0".join(mime.last(headers, name) for name in (b"from", b"date", b"subject")))
    content.update(b"\0" + body)
    return f"{content.hexdigest()[:40]}@{DERIVED_DOMAIN}"


def _list_ids(headers: mime.Headers) -> tuple[str, ...]:
    values = (decode_header(value) for value in headers.get(b"list-id", [])[:20])
    found = (value[value.rfind("<") + 1 :].rstrip("> ") for value in values)
    return tuple(dict.fromkeys(each[:255] for each in found if each))


def _date(headers: mime.Headers, noted: list[str]) -> datetime | None:
    written = mime.last(headers, b"date")
    parsed = _parse_date(written)
    if parsed is not None:
        return parsed
    noted.append("the Date cannot be read" if written else "there is no Date")
    received = mime.first(headers, b"received")
    return _parse_date(received.rpartition(b";")[2]) if received else None


def _parse_date(value: bytes) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value[:200].decode("latin-1"))
        # In the calendar's last year there may be no hours after it to reckon with.
        if parsed.year == MAXYEAR:
            return None
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
