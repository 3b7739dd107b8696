"""The archive: threads by Message-ID, and its search where it has one (public-inbox over HTTP).

Only the configured origin is ever asked: addresses found in mails and redirects to elsewhere are not followed. Every
answer is taken as hostile: bounded packed and unpacked, checked to be whole, and kept only when it is.
"""

import asyncio
import re
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx

from app.config import LoreSettings
from app.errors import InfrastructureError, NotFoundError, SubmissionError
from workers.adapters.lore_cache import Cached, ThreadCache
from workers.adapters.lore_pace import Pace

TRIES = 4
MAX_REDIRECTS = 3
WHOLE = 10
"""The timeout is for each read and write; a whole answer may take this many times as long."""
RETRIED = frozenset({429, 500, 502, 503, 504})
# What public-inbox leaves as it is in a path (PublicInbox::MID, MID_ESC); quote() itself keeps letters, digits, "-._~".
UNESCAPED = "!$&'()*+,;=:@"

_TITLE = re.compile(rb"<title[^>]*>([^<]{0,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What the archive said; `packed` is the body of a 200, at most the limit, or the first bytes of another."""

    status: int
    etag: str | None
    content_type: str
    packed: bytes


class LoreClient:
    """One inbox of a public-inbox server; `settings.origin` is its URL, `cache_dir` holds answers and the pace."""

    def __init__(self, settings: LoreSettings, cache_dir: Path) -> None:
        self._settings = settings
        self._origin = settings.origin.rstrip("/")
        self._whole_s = WHOLE * settings.timeout.total_seconds()
        folder = cache_dir / "lore"
        self._cache = ThreadCache(folder, keep_for=settings.cache_for)
        self._pace = Pace(folder, host=urlsplit(self._origin).netloc, pause=settings.pause)
        self._headers = {"User-Agent": user_agent(settings.contact), "Accept-Encoding": "identity"}

    async def thread(self, message_id: str) -> bytes:
        """Return the whole thread that holds `message_id` (no brackets), as mboxrd.

        Raises:
            NotFoundError: the archive does not have it.
            SubmissionError: the thread is larger than the limit, or the archive refuses the Message-ID as such.
            InfrastructureError: the archive cannot be reached or does not answer with a whole mbox.
        """
        url = f"{self._origin}/{escape_message_id(message_id)}/t.mbox.gz"
        cached = self._cache.read(url)
        if cached is not None and cached.fresh:
            return self._unpack(cached.packed, url)
        headers = {"If-None-Match": cached.etag} if cached and cached.etag else {}
        answer = await self._ask("GET", url, headers)
        if answer.status == httpx.codes.NOT_MODIFIED and cached is not None:
            self._cache.touch(url)
            return self._unpack(cached.packed, url)
        if answer.status in {300, 404, 410}:
            more = "; it only knows mails with a similar Message-ID" if answer.status == 300 else ""
            raise NotFoundError(f"{self._origin} has no mail <{message_id}>: {url} answered {answer.status}{more}")
        mbox = self._mbox(answer, url)
        if not mbox:
            raise NotFoundError(f"{self._origin} has no mail in the thread of <{message_id}>: {url} is an empty mbox")
        self._cache.write(url, Cached(packed=answer.packed, etag=answer.etag, fresh=True))
        return mbox

    async def search(self, query: str) -> bytes | None:
        """Return the mails that match a public-inbox query as mboxrd (b"" if none), None if there is no search.

        Raises:
            SubmissionError: the matches are larger than the limit, or the archive does not take the query.
            InfrastructureError: the archive cannot be reached or does not answer with a whole mbox.
        """
        url = f"{self._origin}/?{urlencode({'x': 'm', 'q': query})}"
        answer = await self._ask("POST", url, {})
        if answer.status in {405, 501}:
            return None
        return b"" if answer.status == httpx.codes.NOT_FOUND else self._mbox(answer, url)

    async def has(self, message_id: str) -> bool:
        """Tell whether the archive has this mail now; never answered from the cache.

        Raises:
            SubmissionError: the archive refuses the Message-ID as such.
            InfrastructureError: the archive cannot be reached, or answers neither yes nor no.
        """
        url = f"{self._origin}/{escape_message_id(message_id)}/raw"
        answer = await self._ask("GET", url, {})
        if answer.status in {300, 404, 410}:
            return False
        self._expect_ok(answer, url)
        if "html" in answer.content_type:
            raise InfrastructureError(f"{url} answered with {_looks_like(answer)} instead of a mail")
        return True

    async def _ask(self, method: str, url: str, headers: dict[str, str]) -> _Answer:
        """Send one request, again while the archive says "later" or breaks off, within bounds."""
        for attempt in range(1, TRIES + 1):
            await self._pace.wait_turn()
            asked_for: str | None = None
            try:
                async with asyncio.timeout(self._whole_s), self._response(method, url, headers) as response:
                    if response.status_code not in RETRIED:
                        return await self._read(response, url)
                    asked_for = response.headers.get("Retry-After")
                    said = f"answered {response.status_code}"
            except TimeoutError:
                said = f"was not done after {self._whole_s:g} s"
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                said = f"gave no answer ({type(error).__name__}: {error})"
            if attempt == TRIES:
                break
            self._pace.back_off(attempt, asked_for)
        raise InfrastructureError(f"{method} {url} {said}; tried {TRIES} times")

    @asynccontextmanager
    async def _response(self, method: str, url: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """Open a streaming answer, redirects within the origin followed.

        A client for each request: with a pause between them a kept connection gains nothing, and none is left open.
        """
        timeout = self._settings.timeout.total_seconds()
        async with httpx.AsyncClient(
            headers=self._headers, timeout=timeout, verify=_tls(), follow_redirects=False
        ) as client:
            asked = url
            for _ in range(MAX_REDIRECTS + 1):
                async with client.stream(method, asked, headers=headers) as response:
                    if not response.has_redirect_location:
                        yield response
                        return
                    asked = self._same_origin(asked, response)
        raise InfrastructureError(f"{url} redirects more than {MAX_REDIRECTS} times, last to {asked}")

    def _same_origin(self, asked: str, response: httpx.Response) -> str:
        target = urljoin(asked, response.headers["Location"])
        if urlsplit(target)[:2] != urlsplit(self._origin)[:2]:
            raise InfrastructureError(
                f"{asked} redirects ({response.status_code}) to {target[:300]}, outside of {self._origin}; "
                "not followed. If the archive has moved, change lore.origin in the settings"
            )
        return target

    async def _read(self, response: httpx.Response, url: str) -> _Answer:
        packed = bytearray()
        async for chunk in response.aiter_raw():
            packed += chunk
            if len(packed) > self._settings.max_bytes:
                raise SubmissionError(f"{url} is larger than {self._settings.max_bytes} bytes, packed; not read")
        return _Answer(
            status=response.status_code,
            etag=response.headers.get("ETag"),
            content_type=response.headers.get("Content-Type", ""),
            packed=bytes(packed),
        )

    def _mbox(self, answer: _Answer, url: str) -> bytes:
        self._expect_ok(answer, url)
        if not answer.packed.startswith(b"\x1f\x8b"):
            raise InfrastructureError(f"{url} answered with {_looks_like(answer)} instead of a gzip'ed mbox")
        mbox = self._unpack(answer.packed, url)
        if mbox and not mbox.startswith(b"From "):
            raise InfrastructureError(f"{url} answered with a gzip file that is not an mbox (no line `From `)")
        return mbox

    def _expect_ok(self, answer: _Answer, url: str) -> None:
        if answer.status == httpx.codes.OK:
            return
        if answer.status in {400, 414}:
            raise SubmissionError(f"the archive does not take the request: {url} answered {answer.status}")
        raise InfrastructureError(f"{url} answered {answer.status} with {_looks_like(answer)}")

    def _unpack(self, packed: bytes, url: str) -> bytes:
        try:
            return gunzip(packed, self._settings.max_bytes)
        except EOFError as error:
            raise InfrastructureError(f"{url} answered with a gzip file that is cut off: {error}") from error
        except OverflowError as error:
            raise SubmissionError(
                f"{url} is larger than {self._settings.max_bytes} bytes, unpacked; not read"
            ) from error
        except (zlib.error, ValueError) as error:
            raise InfrastructureError(f"{url} answered with a damaged gzip file: {error}") from error


def gunzip(packed: bytes, limit: int) -> bytes:
    """Return the content of a gzip file, of one or more members (RFC 1952, 2.2), never unpacking more than `limit`.

    Raises:
        EOFError: the file ends before its last member does.
        OverflowError: the content is longer than `limit` bytes.
        ValueError: something that is neither a member nor padding with NUL follows.
        zlib.error: not gzip, or a checksum does not fit.
    """
    content = bytearray()
    rest = packed
    while rest:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        content += member.decompress(rest, limit - len(content) + 1)
        if len(content) > limit:
            raise OverflowError(f"more than {limit} bytes")
        if not member.eof:
            raise EOFError(f"{len(packed)} bytes packed, {len(content)} unpacked, no end")
        rest = member.unused_data.lstrip(b"\0")
        if rest and not rest.startswith(b"\x1f\x8b"):
            raise ValueError(f"{len(rest)} bytes of something else follow its end")
    return bytes(content)


def escape_message_id(message_id: str) -> str:
    """Return a Message-ID for a URL's path, escaped as public-inbox does (`/` becomes `%2F`)."""
    return quote(message_id, safe=UNESCAPED)


def user_agent(contact: str) -> str:
    """Return how we present ourselves: name, version, and whom to write to about us."""
    return f"Reroll/{version('reroll')}" + (f" (+{contact})" if contact else "")


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificate store once a process; that takes longer than a request on loopback."""
    return httpx.create_ssl_context()


def _looks_like(answer: _Answer) -> str:
    """Describe a body that is not what was asked for, in a few words."""
    kind = answer.content_type.split(";", 1)[0].strip()[:60] or "something without a type"
    title = _TITLE.search(answer.packed[:10_000])
    words = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
    return f"{kind} titled {words!r}" if words else f"{kind} ({len(answer.packed)} bytes)"
