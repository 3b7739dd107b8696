"""Who wrote: addresses of mail headers, also those that a list rewrote."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.domain.text import decode_header

MAX_ADDRESSES = 500
_SHORT = 4096

# Never fails and never backtracks: every character is in exactly one branch.
_PIECES = re.compile(rb'"(?:[^"\\]|\\.)*+"?|<[^<>]*+>?|[^,"<]+|,', re.DOTALL)
_COMMENT = re.compile(r"\(([^()]*)\)\s*$")
_VIA = re.compile(r"^(.*?)\s+via\s+.*$", re.IGNORECASE)
_RELAY = re.compile(r"^devnull\+(.+)@kernel\.org$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A person or a bot as mail names them. `name` may be empty; `email` is empty when the header held none."""

    name: str
    email: str

    def __str__(self) -> str:
        """`Name <local@domain>`, or whichever half there is."""
        return f"{self.name} <{self.email}>" if self.name and self.email else self.email or self.name

    @property
    def key(self) -> str:
        """What is compared when asking whether two mails have the same address."""
        return self.email.lower()


NOBODY = Address(name="", email="")


def parse_addresses(value: bytes) -> tuple[Address, ...]:
    """The addresses of a header such as To or From (RFC 5322, 3.4; groups are not told apart), each once."""
    return _remembered(value) if len(value) <= _SHORT else _parse(value)


def _parse(value: bytes) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    current: list[bytes] = []
    for piece in _PIECES.findall(value[: 1 << 17]):
        if piece != b",":
            current.append(piece)
            continue
        _take(found, current)
        current = []
        if len(found) >= MAX_ADDRESSES:
            break
    _take(found, current)
    return tuple(found.values())


_remembered = lru_cache(maxsize=1024)(_parse)  # the mails of a thread go to the same people


def _take(found: dict[str, Address], pieces: list[bytes]) -> None:
    if pieces:
        address = _address(pieces)
        if address.email or address.name:
            found.setdefault(address.key or address.name, address)


def _address(pieces: list[bytes]) -> Address:
    angle = next((piece for piece in reversed(pieces) if piece.startswith(b"<")), None)
    if angle is not None:
        words = [piece for piece in pieces if not piece.startswith(b"<")]
        name = decode_header(b" ".join(_unquoted(word) for word in words))
        return Address(name=name.strip(" ,'")[:300], email=_email(decode_header(angle.strip(b"<>"))))
    text = decode_header(b"".join(_unquoted(piece) for piece in pieces))
    comment = _COMMENT.search(text)
    if comment:
        return Address(name=comment[1].strip()[:300], email=_email(text[: comment.start()]))
    return Address(name="", email=_email(text)) if "@" in text else Address(name=text[:300], email="")


def _unquoted(piece: bytes) -> bytes:
    if not piece.startswith(b'"'):
        return piece.strip()
    return re.sub(rb"\\(.)", rb"\1", piece.strip(b'"'))


def _email(text: str) -> str:
    return "".join(text.split())[:320]


def parse_person(text: str) -> Address:
    """The person of a trailer's or an in-body From's text, `Name <email>` or less."""
    addresses = parse_addresses(text.encode("utf-8", "replace"))
    return addresses[0] if addresses else NOBODY


def true_author(sender: Address, *, reply_to: Address, original: Address) -> Address:
    """The person behind a From that a list or a relay rewrote because of DMARC.

    Lists write `Name via list <list@...>`, b4's relay `Name via B4 Relay <devnull+local.domain@kernel.org>`; the
    true address is then in X-Original-From or Reply-To.
    """
    via, relay = _VIA.match(sender.name), _RELAY.match(sender.email)
    if not via and not relay:
        return sender
    name = via[1].strip(" '\"") if via else sender.name
    for candidate in (original, reply_to):
        if candidate.email and candidate.key != sender.key:
            return Address(name=candidate.name or name, email=candidate.email)
    return Address(name=name, email=sender.email)
