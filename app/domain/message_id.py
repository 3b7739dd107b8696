"""Message-IDs: out of headers, and out of what a person pastes."""

import re
from urllib.parse import unquote, urlsplit

from app.domain.text import storable
from app.errors import SubmissionError

MAX_LENGTH = 998  # RFC 5322, 2.1.1: no line is longer

_BRACKETED = re.compile(r"<([^<>]{1,2000})>")
_BLANKS = re.compile(r"\s+")
_BARE = re.compile(r"[^\s<>\"/@\ufffd]+[^\s<>\"@\ufffd]*@[^\s<>\"@\ufffd]+")
# What lore puts after a Message-ID in a path.
_LORE_TAILS = frozenset({"T", "t", "raw", "R", "s", "d", "t.mbox.gz", "t.atom", "t.atom.gz", "raw.gz", "t.mbox"})


def ids_in_header(value: str) -> tuple[str, ...]:
    """The Message-IDs of an In-Reply-To or References value, without brackets, each once, in order.

    Comments between them (`<id> (A's message of "Mon ...")`) are passed over. A value with no
    brackets at all counts as one id when it looks like one.
    """
    found = [_BLANKS.sub("", each) for each in _BRACKETED.findall(value)]
    if not found and "<" not in value:
        found = [word for word in value.split() if _BARE.fullmatch(word)]
    return tuple(dict.fromkeys(each[:MAX_LENGTH] for each in found if each))


def parse_reference(text: str) -> str:
    """The Message-ID that a person means: a bare one, one in brackets, or an archive's URL.

    Of a URL (`https://lore.kernel.org/bpf/<id>/T/#u`, `.../<id>/t.mbox.gz`, `/r/<id>`, `%2F` and all) only
    the Message-ID is taken.

    Raises:
        SubmissionError: nothing in the text is a Message-ID.
    """
    asked = storable(text.strip())
    if asked.lower().startswith(("http://", "https://")):
        found = id_in_url(asked)
        if found is None:
            raise SubmissionError(
                f"no Message-ID in the URL {asked[:200]!r}; an archive's URL ends in /<list>/<message-id>/"
            )
        return found
    bare = asked.removeprefix("mid:").removeprefix("id:").strip()
    if "@" not in bare or "%2f" in bare.lower():  # copied out of a URL
        bare = unquote(bare)
    bare = bare[1:-1] if bare.startswith("<") and bare.endswith(">") else bare
    if len(bare) > MAX_LENGTH or not _BARE.fullmatch(bare):
        raise SubmissionError(
            f"{asked[:200]!r} is not a Message-ID; give it as <local@domain>, bare, or as the URL of the mail on lore"
        )
    return bare


def id_in_url(url: str) -> str | None:
    """The Message-ID in the path of a public-inbox URL, or None if there is none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    parts = [part for part in path.split("/") if part]
    while parts and parts[-1] in _LORE_TAILS:
        parts.pop()
    # Unescaped last: an escaped slash belongs to the Message-ID; so does a bare one after the "@".
    first = next((at for at, part in enumerate(parts) if "@" in unquote(part)), None)
    if first is None:
        return None
    found = storable(unquote("/".join(parts[first:])))
    return found if len(found) <= MAX_LENGTH and _BARE.fullmatch(found) else None
