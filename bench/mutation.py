"""Mails made worse: bytes, lines, headers and parts changed, by a seed."""

import random
import re
from base64 import encodebytes
from collections.abc import Callable, Sequence
from quopri import encodestring

_IDS = re.compile(rb"<[^<>\s]+@[^<>\s]+>")
_TOKENS = (
    b"\x00", b"\r\n", b"\n\n", b"\n", b"\xff\xfe", b"\xed\xa0\x80", b"=?utf-8?q?=00?=", b"=?utf-16?b?2AA=?=",
    b"=?x?z?=", b"--b", b"\n--b--\n", b"<", b">", b"@", b'"', b"(", b"\\", b"[", b"]", b"[PATCH v2 1/3] ", b"Re: ",
    b"[RFC PATCH 0/99999] ", b"v999999", b"0/0", b"\nFrom x Thu Jan  1 00:00:00 1970\n", b"\n>From ", b"\n-- \n",
    b"\n---\n", b"\ndiff --git a/x b/x\n", b"\n@@ -1,99999999 +1,99999999 @@\n", b"\nGIT binary patch\nliteral 9\n",
    b"\nchange-id: x\n", b"\nSupersedes: <a@b>\n", b"\nbase-commit: 0123456789abcdef\n", b"\nFixes: 12 (\"\n",
    b"\nv1: https://lore.kernel.org/r/%00%2f@x/\n", b"\nReviewed-by: \xff <>\n", b"\n> > > ", b"\ton\t", b" " * 4000,
    b"-----BEGIN PGP SIGNED MESSAGE-----\n",
)  # fmt: skip
_HEADERS = (
    b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: multipart/alternative\n",
    b"Content-Type: message/rfc822\n", b"Content-Type: text/plain; charset=\"utf-16\"\n",
    b"Content-Type: text/plain; charset=unicode_escape; format=flowed; delsp=yes\n", b"Content-Type: ;;;=\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Disposition: attachment; filename=x.patch\n", b"Message-ID: <same@example.org>\n", b"Message-ID:\n",
    b"Subject: [PATCH v2 2/3] x\n", b"Subject:\n", b"Subject: [GIT PULL] x\n", b"Subject: [PATCH 0/2] x\n",
    b"In-Reply-To: <same@example.org>\n", b"References: <a@b> <b@c> <a@b>\n", b"Date: 31 Dec 9999 23:59:59 -9999\n",
    b"Date: \xff\n", b"From: \n", b"From: a via b <devnull+a.b@kernel.org>\n", b"List-Id: <>\n", b": \n", b"X\n",
)  # fmt: skip
LARGEST = 200_000


class Mutator:
    """Changes mails; `pool` is what pieces of other mails are taken from."""

    def __init__(self, choose: random.Random, pool: Sequence[bytes]) -> None:
        self._choose = choose
        self._pool = pool
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._insert, self._remove, self._double, self._lines, self._header, self._header,
            self._no_header, self._splice, self._encode, self._nest, self._cut, self._ids,
        )  # fmt: skip

    def mutate(self, raw: bytes) -> bytes:
        """The mail with one to six things changed; one in fifty stays as it is."""
        if self._choose.random() < 0.02:
            return raw
        for _ in range(self._choose.randint(1, 6)):
            raw = self._choose.choice(self._ways)(raw)[:LARGEST]
        return raw

    def _span(self, raw: bytes, longest: int = 2000) -> tuple[int, int]:
        start = self._choose.randrange(len(raw) + 1)
        return start, min(len(raw), start + self._choose.randrange(1, longest))

    def _flip(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        for _ in range(self._choose.randint(1, 20)):
            if changed:
                changed[self._choose.randrange(len(changed))] = self._choose.randrange(256)
        return bytes(changed)

    def _insert(self, raw: bytes) -> bytes:
        at, _ = self._span(raw)
        return raw[:at] + self._choose.choice(_TOKENS) * self._choose.choice((1, 1, 1, 3, 50)) + raw[at:]

    def _remove(self, raw: bytes) -> bytes:
        start, end = self._span(raw)
        return raw[:start] + raw[end:]

    def _double(self, raw: bytes) -> bytes:
        start, end = self._span(raw)
        return raw[:end] + raw[start:end] * self._choose.choice((1, 1, 20)) + raw[end:]

    def _lines(self, raw: bytes) -> bytes:
        lines = raw.split(b"\n")
        one, other = self._choose.randrange(len(lines)), self._choose.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        return b"\n".join(lines)

    def _header(self, raw: bytes) -> bytes:
        return self._choose.choice(_HEADERS) + raw

    def _no_header(self, raw: bytes) -> bytes:
        head, blank, body = raw.partition(b"\n\n")
        lines = head.split(b"\n")
        del lines[self._choose.randrange(len(lines))]
        return b"\n".join(lines) + blank + body

    def _splice(self, raw: bytes) -> bytes:
        other = self._choose.choice(self._pool)
        at, _ = self._span(raw)
        start, end = self._span(other, 20_000)
        return raw[:at] + other[start:end] + raw[at:]

    def _encode(self, raw: bytes) -> bytes:
        head, _, body = raw.partition(b"\n\n")
        if self._choose.random() < 0.5:
            return b"Content-Transfer-Encoding: base64\n" + head + b"\n\n" + encodebytes(body)
        return b"Content-Transfer-Encoding: quoted-printable\n" + head + b"\n\n" + encodestring(body)

    def _nest(self, raw: bytes) -> bytes:
        head, _, body = raw.partition(b"\n\n")
        for depth in range(self._choose.choice((1, 2, 30))):
            mark = b"b%d" % depth
            kind = self._choose.choice((b"mixed", b"alternative", b"signed", b"related"))
            content = b"Content-Type: text/x-patch; name=a.patch\n\n" if self._choose.random() < 0.3 else b"\n"
            inner = content + body if depth == 0 else body
            body = b"Content-Type: multipart/%s; boundary=%s\n\n--%s\n%s\n--%s--\n" % (kind, mark, mark, inner, mark)
        return head + b"\n" + body

    def _cut(self, raw: bytes) -> bytes:
        at, _ = self._span(raw)
        return raw[:at] if self._choose.random() < 0.7 else raw[at:]

    def _ids(self, raw: bytes) -> bytes:
        found = _IDS.findall(raw[:20_000])
        if not found:
            return raw
        return raw.replace(self._choose.choice(found), self._choose.choice([*found, b"<same@example.org>", b"<@>"]))
