"""Bytes to text that a database can hold."""

from base64 import b64encode

import pytest

from app.domain.text import decode_base64, decode_header, decode_text, known_charset, storable


@pytest.mark.parametrize(
    ("data", "charset", "text", "sound"),
    [
        (b"caf\xc3\xa9", None, "caf\u00e9", True),
        (b"caf\xc3\xa9", "utf-8", "caf\u00e9", True),
        (b"caf\xe9", "iso-8859-1", "caf\u00e9", True),
        (b"caf\xe9", None, "caf\u00e9", False),
        (b"caf\xe9", "utf-8", "caf\u00e9", False),
        (b"caf\xc3\xa9", "us-ascii", "caf\u00e9", False),
        (b"\x93q\x94", "windows-1252", "\u201cq\u201d", True),
        (b"\xc4\xe3\xba\xc3", "gb2312", "\u4f60\u597d", True),
        (b"plain", "martian", "plain", False),
        (b"\\u0041", "unicode_escape", "\\u0041", False),
        (b"a\0b", "utf-8", "a\ufffdb", True),
    ],
)
def test_charsets_true_and_false(data: bytes, charset: str | None, text: str, sound: bool) -> None:
    found, reason = decode_text(data, charset)
    assert (found, reason is None) == (text, sound)


@pytest.mark.parametrize(
    "name", ["idna", "punycode", "rot13", "zlib", "unicode_escape", "undefined", "", "\0", "x" * 999]
)
def test_codecs_that_are_no_charsets(name: str) -> None:
    assert known_charset(name) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?q?caf=C3=A9?=", "caf\u00e9"),
        (b"=?UTF-8?B?Y2Fmw6k=?=", "caf\u00e9"),
        (b"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "caf\u00e9"),
        (b"a=?utf-8?q?b?=c", "abc"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8*en?q?a_b?=", "a b"),
        (b"=?martian?q?caf=E9?=", "caf\u00e9"),
        (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        (b"caf\xc3\xa9  \t x", "caf\u00e9 x"),
    ],
)
def test_headers(value: bytes, text: str) -> None:
    assert decode_header(value) == text


def test_broken_base64_is_read_as_far_as_it_goes() -> None:
    assert decode_base64(b"QUJD\nRE!VG") == b"ABCDEF"
    assert decode_base64(b"QUI=QUI=") == b"ABAB"
    assert decode_base64(b"A") == b""


def test_lone_surrogates() -> None:
    assert storable("a\ud800b\0") == "a\ufffdb\ufffd"


def test_a_line_of_base64_that_lost_a_character_spoils_only_itself() -> None:
    text = b"".join(b"line %03d of the patch, long enough\n" % number for number in range(40))
    lines = b64encode(text).decode()
    wrapped = [lines[at : at + 76] for at in range(0, len(lines), 76)]
    wrapped[2] = wrapped[2][:30] + wrapped[2][31:]
    assert decode_base64("\n".join(wrapped).encode()).endswith(text[-900:])
    odd = "\n".join(lines[at : at + 61] for at in range(0, len(lines), 61))
    assert decode_base64(odd.encode()) == text
