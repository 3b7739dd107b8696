"""Bytes of a mail to text that a database and a page can hold."""

import binascii
import codecs
import re
from functools import lru_cache

# Charsets that mail is written in. Python knows codecs that are no charset (unicode_escape, idna,
# punycode), some of them quadratic: a mail may not pick those.
_MAIL_CHARSETS = re.compile(
    r"(?:ascii|utf-(?:7|8|16|32)|iso8859-|iso2022_|cp\d|windows-|koi8-|gb|big5|euc_|shift_jis|hz|johab|mac-|tis-620)"
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,64}\?[bBqQ]\?)")
REPLACEMENT = "\ufffd"


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which PostgreSQL cannot hold, as U+FFFD."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


@lru_cache(maxsize=256)
def known_charset(name: str) -> str | None:
    """Python's name of a charset that mail is written in, or None for any other word."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if _MAIL_CHARSETS.match(found) else None


def decode_text(data: bytes, charset: str | None) -> tuple[str, str | None]:
    """The text of bytes in the charset that a header claims, and what was wrong with the claim.

    As git does, a claim that holds is believed. One that does not is replaced by UTF-8, and where
    that fails too by Latin-1, which cannot fail.
    """
    claimed = known_charset(charset) if charset else "utf-8"
    reason = None if claimed else f"charset {charset!r:.60} is unknown"
    if claimed:
        try:
            return storable(data.decode(claimed)), None
        except (UnicodeError, ValueError):
            reason = f"the body is not {claimed}" if charset else "the body is 8-bit without a charset"
    try:
        return storable(data.decode("utf-8")), reason
    except UnicodeDecodeError:
        return storable(data.decode("latin-1")), reason


def decode_header(value: bytes) -> str:
    """The text of a header's value: RFC 2047 words decoded wherever they stand, whitespace collapsed.

    Encoded words inside quotes or glued to other text break the RFC but are common; git decodes
    them, so we do.
    """
    text, _ = decode_text(value, None)
    if "=?" in text:
        text = _BETWEEN_WORDS.sub(r"\1", text)
        text = storable(_join_words(text))
    return " ".join(text.split())


def _join_words(text: str) -> str:
    # A character may be cut between two adjacent words of the same charset: their bytes are joined first.
    out: list[str] = []
    pending, charset, end = b"", "", 0
    for word in _ENCODED_WORD.finditer(text):
        name = word[1].split("*")[0].lower()
        if pending and (word.start() != end or name != charset):
            out.append(decode_text(pending, charset)[0])
            pending = b""
        out.append(text[end : word.start()])
        pending, charset, end = pending + _word_bytes(word[2], word[3]), name, word.end()
    if pending:
        out.append(decode_text(pending, charset)[0])
    out.append(text[end:])
    return "".join(out)


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return decode_quoted_printable(raw.replace(b"_", b"=20"))
    return decode_base64(raw)


MAX_BASE64_RUNS = 10_000  # blocks with padding of their own in one body
_PADDING = re.compile(rb"=+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode_quoted_printable(data: bytes) -> bytes:
    """RFC 2045, 6.7; what is not a valid escape stays as it is."""
    return binascii.a2b_qp(data)


def decode_base64(data: bytes) -> bytes:
    """RFC 2045, 6.8; foreign characters are left out and a cut-off end is dropped, so it never fails."""
    return b"".join(_decode_base64_run(run) for run in _PADDING.split(data, MAX_BASE64_RUNS))


def _decode_base64_run(run: bytes) -> bytes:
    lines = run.split()
    # A line that lost a character must not shift all that follow: git decodes line by line.
    if any(len(line) % 4 for line in lines[:-1]) and len({len(line) for line in lines[:-1]}) > 1:
        return b"".join(map(_decode_base64_piece, lines))
    return _decode_base64_piece(run)


def _decode_base64_piece(piece: bytes) -> bytes:
    clean = _NOT_BASE64.sub(b"", piece)
    whole = len(clean) - (1 if len(clean) % 4 == 1 else 0)
    return binascii.a2b_base64(clean[:whole] + b"=" * (-whole % 4))
