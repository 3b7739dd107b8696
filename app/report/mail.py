"""The mail that carries a report: RFC 5322, one text part, the same bytes each time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import quoprimime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr

MAX_SUBJECT = 400
MAX_REFERENCES = 30
MAX_LINE = 998  # RFC 5322, 2.1.1
MAX_HEADER_LINE = 76  # RFC 2047, 2

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MESSAGE_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,900}")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_REPLY = re.compile(r"re:\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to be. Message-IDs are without brackets; `sender` is `Name <address>`, `recipients` bare addresses."""

    message_id: str
    in_reply_to: str
    references: Sequence[str]
    sender: str
    recipients: Sequence[str]
    subject: str
    body: str
    date: datetime


def letter_bytes(letter: Letter) -> bytes:
    """Return a mail as it goes to an SMTP server, lines ending in CRLF.

    It says that a machine wrote it (`Auto-Submitted: auto-replied`, RFC 3834, 5). What is not ASCII, or has lines
    that SMTP does not carry, is quoted-printable.

    The header is put together here and not by email.policy.SMTP, which breaks a long Message-ID into encoded words
    and takes `=?utf-8?q?a=0D=0ABcc:_b?=` for a line `a` and another header.
    """
    encoding, body = _encoded(letter.body)
    fields = [
        ("From", formataddr(parseaddr(_plain(letter.sender)))),
        ("To", ",\r\n ".join(letter.recipients)),
        ("Subject", _subject(letter.subject)),
        ("Date", format_datetime(letter.date)),
        ("Message-ID", f"<{letter.message_id}>"),
        *_threading(letter),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", encoding),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{head}\r\n{body}".encode("ascii")


def _threading(letter: Letter) -> list[tuple[str, str]]:
    if not usable_message_id(letter.in_reply_to):
        return []
    above = references(letter.references, letter.in_reply_to)
    return [
        ("In-Reply-To", f"<{letter.in_reply_to}>"),
        ("References", "\r\n ".join(f"<{one}>" for one in above)),
    ]


def _subject(subject: str) -> str:
    """Return a subject in ASCII, folded; what only looks like an encoded word (RFC 2047, 2) is encoded as well."""
    plain = _plain(subject)
    charset = "us-ascii" if plain.isascii() and "=?" not in plain else "utf-8"
    return Header(plain, charset, header_name="Subject", maxlinelen=MAX_HEADER_LINE).encode(linesep="\r\n")


def _encoded(body: str) -> tuple[str, str]:
    """Return the Content-Transfer-Encoding and the body in it; a lone CR, which SMTP forbids, ends a line too."""
    body = body.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    lines = body.split("\n")
    if body.isascii() and all(len(line) < MAX_LINE for line in lines):
        return "7bit", "".join(f"{line}\r\n" for line in lines)
    # Line by line and as Latin-1, which stands for bytes in email.quoprimime.
    octets = body.encode("utf-8", "replace").decode("latin-1")
    return "quoted-printable", quoprimime.body_encode(octets, eol="\r\n") + "\r\n"


def reply_subject(subject: str) -> str:
    """Return `Re: ` and the subject, on one line, once."""
    plain = _plain(subject)[:MAX_SUBJECT].rstrip()
    return plain if _REPLY.match(plain) else f"Re: {plain}"


def references(above: Sequence[str], parent: str) -> tuple[str, ...]:
    """Return the References of a reply (RFC 5322, 3.6.4): the parent's, then the parent; the middle cut if too long."""
    found = tuple(dict.fromkeys(one for one in (*above, parent) if usable_message_id(one)))
    found = (*(one for one in found if one != parent), parent)
    return found if len(found) <= MAX_REFERENCES else (found[0], *found[1 - MAX_REFERENCES :])


def usable_message_id(message_id: str) -> bool:
    """Tell whether a Message-ID (no brackets) can stand in a header: printable ASCII, no blanks, not too long."""
    return _MESSAGE_ID.fullmatch(message_id) is not None


def usable_address(address: str) -> bool:
    """Tell whether mail can go to this bare address; stricter than RFC 5321, for it comes from mail."""
    return _ADDRESS.fullmatch(address) is not None and ".." not in address


def address_of(person: str) -> str:
    """Return the bare address of `Name <local@domain>`."""
    return parseaddr(person)[1]


def _plain(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
