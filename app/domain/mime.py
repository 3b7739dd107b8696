"""The outer shape of a mail: headers, MIME parts, transfer encodings (RFC 5322, RFC 2045 to 2047, RFC 3676).

Written for hostile input: nothing here raises, and everything is bounded. The standard library's parser recurses
with the nesting of parts, has no bounds, and where it decodes headers takes ten times as long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from app.domain.text import decode_base64, decode_header, decode_quoted_printable, decode_text

MAX_DEPTH = 12
MAX_PARTS = 100
MAX_HEADER = 1 << 20

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9_-]+)(?:\*\d{0,2}\*?)?\s*=\s*(?:\"([^\"]*)\"|([^;\s]*))")
_DIFF_NAME = re.compile(r"\.(?:diff|patch|txt)$", re.IGNORECASE)
_DIFF_TYPES = frozenset(
    {"text/x-diff", "text/x-patch", "text/diff", "text/patch", "application/x-patch", "application/x-diff"}
)
_CLEAR_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----\n"
_DASHED = re.compile(r"^- (?=-)", re.MULTILINE)
_SIGNATURE_LINE = "-- "

Headers: TypeAlias = dict[bytes, list[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One leaf of a mail: its text, and whether it looks like a diff that was attached."""

    content_type: str
    text: str
    attached_diff: bool
    plain: bool
    defects: tuple[str, ...]


def split_headers(raw: bytes) -> tuple[Headers, bytes, tuple[str, ...]]:
    """The headers (names in lower case, values unfolded, in order), the body, and what was wrong."""
    defects: list[str] = []
    if raw.startswith((b"\n", b"\r\n")):
        return {}, raw, ("there are no headers",)
    end = _END_OF_HEADERS.search(raw, 0, MAX_HEADER)
    if end is None:
        block, body = raw[:MAX_HEADER], b""
        if len(raw) > MAX_HEADER:
            defects.append(f"the headers are longer than {MAX_HEADER} bytes and were cut")
        else:
            defects.append("there is no body")
    else:
        block, body = raw[: end.start()], raw[end.end() :]
    headers: Headers = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    return headers, body, tuple(defects)


def first(headers: Headers, name: bytes) -> bytes:
    """The first value of a header, or nothing."""
    values = headers.get(name)
    return values[0] if values else b""


def last(headers: Headers, name: bytes) -> bytes:
    """The last value of a header, or nothing: of a doubled From, Subject or Date git mailinfo takes the last."""
    values = headers.get(name)
    return values[-1] if values else b""


def leaves(headers: Headers, body: bytes) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """All text of a mail in the order a reader sees it, and what was wrong with its structure."""
    defects: list[str] = []
    parts: list[Part] = []
    for part_headers, content, depth in _walk(headers, body, defects):
        content_type, parameters = _content_type(first(part_headers, b"content-type"))
        if len(parts) >= MAX_PARTS:
            defects.append(f"more than {MAX_PARTS} parts; the rest was left out")
            break
        part = _leaf(part_headers, content, content_type, parameters, nested=depth > 0)
        if part is not None:
            parts.append(part)
    return tuple(parts), tuple(defects)


def _walk(headers: Headers, body: bytes, defects: list[str]) -> Iterator[tuple[Headers, bytes, int]]:
    stack = [(headers, body, 0)]
    seen = 0
    while stack and seen < MAX_PARTS * MAX_DEPTH:
        part_headers, content, depth = stack.pop()
        seen += 1
        content_type, parameters = _content_type(first(part_headers, b"content-type"))
        boundary = parameters.get("boundary", "") if content_type.startswith("multipart/") else ""
        if not boundary:
            if content_type.startswith("multipart/"):
                defects.append("a multipart without a boundary was read as text")
                part_headers = {name: values for name, values in part_headers.items() if name != b"content-type"}
            yield part_headers, content, depth
        elif depth >= MAX_DEPTH:
            defects.append(f"parts nested deeper than {MAX_DEPTH} were left out")
        else:
            children = _split_multipart(content, boundary.encode("utf-8", "replace"))
            if not children:
                defects.append("a multipart's boundary does not occur; it was read as text")
                yield {}, content, depth
            chosen = _alternative(children) if content_type == "multipart/alternative" else children
            stack.extend((child[0], child[1], depth + 1) for child in reversed(chosen))


def _split_multipart(content: bytes, boundary: bytes) -> list[tuple[Headers, bytes]]:
    mark = b"--" + boundary
    pieces = (b"\n" + content).split(b"\n" + mark)[1:]
    children: list[tuple[Headers, bytes]] = []
    for piece in pieces[: MAX_PARTS + 1]:
        if piece.startswith(b"--"):
            break
        start = piece.find(b"\n") + 1
        child = piece[start:] if start else b""
        child_headers, child_body, _ = split_headers(child)
        if child.startswith((b"\n", b"\r\n")):  # a part need not have headers
            child_headers, child_body = {}, child.lstrip(b"\r\n")
        children.append((child_headers, child_body.removesuffix(b"\r")))
    return children


def _alternative(children: list[tuple[Headers, bytes]]) -> list[tuple[Headers, bytes]]:
    plain = [c for c in children if _content_type(first(c[0], b"content-type"))[0] in ("text/plain", "")]
    return plain[:1] or children[:1]


def _content_type(value: bytes) -> tuple[str, dict[str, str]]:
    text = decode_header(value[:4096])
    kind = text.partition(";")[0].strip().lower()
    parameters = {found[1].lower(): found[2] or found[3] or "" for found in _PARAMETER.finditer(text)}
    return kind if "/" in kind else "text/plain", parameters


def _leaf(
    headers: Headers, content: bytes, content_type: str, parameters: dict[str, str], *, nested: bool
) -> Part | None:
    disposition, more = _content_type(first(headers, b"content-disposition").replace(b";", b"/x;", 1))
    name = more.get("filename") or parameters.get("name", "")
    is_diff = content_type in _DIFF_TYPES or (
        bool(_DIFF_NAME.search(name)) and (content_type.startswith(("text/", "application/")))
    )
    if not is_diff and not content_type.startswith("text/"):
        return None
    encoding = decode_header(first(headers, b"content-transfer-encoding")[:256]).lower()
    data, encoded = _decoded(content, encoding)
    text, reason = decode_text(data, parameters.get("charset"))
    flowed = parameters.get("format", "").lower() == "flowed"
    newlines = text.count("\n")
    crlf = newlines > 0 and text.count("\r\n") == newlines
    text = text.replace("\r\n", "\n") if crlf else text
    text = unflow(text, delete_space=parameters.get("delsp", "").lower() == "yes") if flowed else text
    signed = text.startswith(_CLEAR_SIGNED)
    return Part(
        content_type=content_type,
        text=_without_signature(text) if signed else text,
        attached_diff=is_diff and (disposition.startswith("attachment") or nested),
        plain=not nested and not flowed and reason is None and not signed and not (encoded and crlf),
        defects=(reason,) if reason else (),
    )


def _without_signature(text: str) -> str:
    """What was signed, out of a message in the cleartext signature framework (RFC 9580, 7)."""
    _, _, signed = text.partition("\n\n")
    return _DASHED.sub("", signed.partition("\n-----BEGIN PGP SIGNATURE-----")[0] + "\n")


def _decoded(content: bytes, encoding: str) -> tuple[bytes, bool]:
    if encoding == "base64":
        return decode_base64(content), True
    if encoding == "quoted-printable":
        return decode_quoted_printable(content), True
    return content, False


def unflow(text: str, *, delete_space: bool) -> str:
    """Text sent as format=flowed with its soft breaks joined and its stuffing removed (RFC 3676, 4)."""
    out: list[str] = []
    joined, open_depth = "", -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">")) if line.startswith(">") else 0
        content = line[depth:]
        content = content.removeprefix(" ")
        soft = content.endswith(" ") and content != _SIGNATURE_LINE
        if open_depth not in (-1, depth) or (content == _SIGNATURE_LINE and open_depth != -1):
            out.append(joined)
            joined, open_depth = "", -1
        if open_depth == -1:
            joined = ">" * depth + (" " if depth else "")
        joined += content[:-1] if soft and delete_space else content
        if soft:
            open_depth = depth
        else:
            out.append(joined)
            joined, open_depth = "", -1
    if open_depth != -1:
        out.append(joined)
    return "\n".join(out)
