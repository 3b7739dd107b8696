"""The archive's client against a real public-inbox, and against what only a hostile or broken server says."""

import asyncio
import gzip
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import respx

from app.config import LoreSettings
from app.demo.archive import Archive
from app.demo.child import free_port
from app.domain.message import parse_message, split_mbox
from app.errors import InfrastructureError, NotFoundError, SubmissionError
from tests.mails import mail
from workers.adapters import lore, lore_pace
from workers.adapters.lore import LoreClient, escape_message_id, gunzip
from workers.adapters.lore_pace import Pace, retry_after_seconds

pytestmark = [pytest.mark.anyio, pytest.mark.tools]

ORIGIN = "https://archive.example.org/bpf"
THREAD = f"{ORIGIN}/x@example.org/t.mbox.gz"
ODD = "a/b%2Fc+d?e#f&g'(h)*,;=:~!$!é@example.org"
MBOX = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + mail("x@example.org", "a thread") + b"\n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("inbox")).serving() as archive:
        archive.add(
            mail("cover@example.org", "[PATCH v2 0/2] bpf: frob", "From here.\n"),
            mail("first@example.org", "[PATCH v2 1/2] bpf: one", reply_to="cover@example.org"),
            mail("answer@example.org", "Re: [PATCH v2 1/2] bpf: one", reply_to="first@example.org"),
            mail("other@example.org", "something else"),
            mail(ODD, "an odd Message-ID"),
        )
        yield archive


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lore_pace, "BACK_OFF_S", 0.01)


def client(origin: str, cache_dir: Path, **values: object) -> LoreClient:
    chosen = {"pause": timedelta(0), "timeout": timedelta(seconds=5), **values}
    return LoreClient(LoreSettings(origin=origin, **chosen), cache_dir)


def ids(mbox: bytes | None) -> set[str]:
    return {parse_message(each).message_id for each in split_mbox(mbox or b"")}


# --- a real archive -------------------------------------------------------------------------------------------------


async def test_a_thread_comes_whole_whichever_of_its_mails_is_named(archive: Archive, tmp_path: Path) -> None:
    archived = client(archive.origin + "/", tmp_path)

    for named in ("cover@example.org", "answer@example.org"):
        assert ids(await archived.thread(named)) == {"cover@example.org", "first@example.org", "answer@example.org"}


async def test_an_odd_message_id_is_found(archive: Archive, tmp_path: Path) -> None:
    assert ids(await client(archive.origin, tmp_path).thread(ODD)) == {ODD}


async def test_what_the_archive_does_not_have_is_said(archive: Archive, tmp_path: Path) -> None:
    archived = client(archive.origin, tmp_path)

    with pytest.raises(NotFoundError, match=rf"{archive.origin} has no mail <no@example.org>: .* answered 404"):
        await archived.thread("no@example.org")
    assert list((tmp_path / "lore").glob("*.thread")) == []


async def test_the_search_gives_what_matches(archive: Archive, tmp_path: Path) -> None:
    archived = client(archive.origin, tmp_path)

    assert ids(await archived.search('s:"frob" f:ann@example.org')) == {"cover@example.org"}
    assert await archived.search("s:zebra") == b""


async def test_an_archive_without_search_says_so(tmp_path: Path) -> None:
    with Archive(tmp_path, search=False).serving() as archive:
        archive.add(mail("a@example.org", "a"))
        assert await client(archive.origin, tmp_path).search("s:a") is None


async def test_whether_a_mail_is_there_is_asked_anew_each_time(archive: Archive, tmp_path: Path) -> None:
    asked = client(archive.origin, tmp_path)
    assert not await asked.has("late@example.org")
    archive.add(mail("late@example.org", "a late mail"))
    assert await asked.has("late@example.org")


async def test_a_thread_is_asked_for_once_while_the_answer_is_fresh(archive: Archive, tmp_path: Path) -> None:
    archive.add(mail("a@example.org", "fresh"))
    keeping = client(archive.origin, tmp_path)
    first = await keeping.thread("a@example.org")
    archive.add(mail("b@example.org", "Re: fresh", reply_to="a@example.org"))

    assert await keeping.thread("a@example.org") == first
    anew = await client(archive.origin, tmp_path, cache_for=timedelta(0)).thread("a@example.org")
    assert ids(anew) == {"a@example.org", "b@example.org"}


async def test_an_archive_that_is_not_there_is_our_trouble(quick: None, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"gave no answer \(ConnectError: .*tried 4 times"):
        await client(f"http://127.0.0.1:{free_port()}/bpf", tmp_path).thread("a@example.org")


# --- what a real server cannot be made to say -----------------------------------------------------------------------


def gzipped(**more: str) -> httpx.Response:
    return httpx.Response(200, content=gzip.compress(MBOX), headers={"Content-Type": "application/gzip", **more})


@respx.mock
async def test_we_say_who_we_are(tmp_path: Path) -> None:
    route = respx.get(THREAD).mock(return_value=gzipped())

    await client(ORIGIN, tmp_path, contact="mailto:ops@example.org").thread("x@example.org")

    assert route.calls.last.request.headers["User-Agent"] == "Reroll/0.1.0 (+mailto:ops@example.org)"


@respx.mock
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_honoured(form: str, tmp_path: Path) -> None:
    asked = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    route = respx.get(THREAD).mock(side_effect=[httpx.Response(429, headers={"Retry-After": asked}), gzipped()])

    start = time.monotonic()
    assert ids(await client(ORIGIN, tmp_path).thread("x@example.org")) == {"x@example.org"}

    assert 0.95 <= time.monotonic() - start < 4
    assert route.call_count == 2


@respx.mock
async def test_retry_after_holds_for_every_client_of_this_host(tmp_path: Path) -> None:
    respx.get(THREAD).mock(side_effect=[httpx.Response(503, headers={"Retry-After": "1"}), gzipped()])
    other = respx.get(f"{ORIGIN}/y@example.org/raw").mock(return_value=httpx.Response(404))
    first = asyncio.create_task(client(ORIGIN, tmp_path).thread("x@example.org"))
    await asyncio.sleep(0.3)

    start = time.monotonic()
    assert not await client(ORIGIN, tmp_path).has("y@example.org")

    assert time.monotonic() - start > 0.5
    assert other.call_count == 1
    await first


@respx.mock
async def test_a_wait_that_is_too_long_is_left_to_the_queue(tmp_path: Path) -> None:
    route = respx.get(THREAD).mock(return_value=httpx.Response(429, headers={"Retry-After": "86400"}))
    archived = client(ORIGIN, tmp_path)

    for _ in range(2):
        with pytest.raises(
            InfrastructureError, match=r"archive.example.org asked to be left alone for another 3\d{3} s"
        ):
            await archived.thread("x@example.org")

    assert route.call_count == 1


@respx.mock
async def test_an_archive_in_trouble_is_asked_a_bounded_number_of_times(quick: None, tmp_path: Path) -> None:
    route = respx.get(THREAD).mock(return_value=httpx.Response(502))

    with pytest.raises(InfrastructureError, match="answered 502; tried 4 times"):
        await client(ORIGIN, tmp_path).thread("x@example.org")

    assert route.call_count == 4


@respx.mock
async def test_requests_keep_their_distance(tmp_path: Path) -> None:
    respx.get(url__regex=f"{ORIGIN}/.*/raw").mock(return_value=httpx.Response(404))
    clients = [client(ORIGIN, tmp_path, pause=timedelta(seconds=0.3)) for _ in range(4)]

    start = time.monotonic()
    await asyncio.gather(*(each.has(f"{number}@example.org") for number, each in enumerate(clients)))

    assert time.monotonic() - start >= 0.9


@respx.mock
@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            httpx.Response(200, html="<html><title>Making sure you are\n not a bot</title></html>"),
            InfrastructureError,
            "answered with text/html titled 'Making sure you are not a bot' instead of a gzip'ed mbox",
        ),
        (httpx.Response(200, content=b""), InfrastructureError, "something without a type .0 bytes. instead of"),
        (httpx.Response(200, content=gzip.compress(MBOX)[:-10]), InfrastructureError, "a gzip file that is cut off"),
        (httpx.Response(200, content=gzip.compress(MBOX) + b"tail"), InfrastructureError, "4 bytes of something else"),
        (httpx.Response(200, content=gzip.compress(MBOX)[:-8] + bytes(8)), InfrastructureError, "incorrect data check"),
        (httpx.Response(200, content=gzip.compress(b"<html>")), InfrastructureError, "not an mbox"),
        (httpx.Response(200, content=gzip.compress(b"")), NotFoundError, "is an empty mbox"),
        (
            httpx.Response(200, content=gzip.compress(bytes(2_000_000))),
            SubmissionError,
            "larger than 1000000 bytes, unpacked",
        ),
        (httpx.Response(200, content=os.urandom(1_000_001)), SubmissionError, "larger than 1000000 bytes, packed"),
        (
            httpx.Response(300, html="similar"),
            NotFoundError,
            "answered 300; it only knows mails with a similar Message-ID",
        ),
        (httpx.Response(403, html="<title>No</title>"), InfrastructureError, "answered 403 with text/html titled 'No'"),
        (httpx.Response(414), SubmissionError, "does not take the request"),
    ],
)
async def test_what_is_no_thread_is_refused_and_not_kept(
    answer: httpx.Response, error: type[Exception], said: str, tmp_path: Path
) -> None:
    respx.get(THREAD).mock(return_value=answer)

    with pytest.raises(error, match=said) as raised:
        await client(ORIGIN, tmp_path, max_bytes=1_000_000).thread("x@example.org")

    assert raised.type is error
    assert THREAD in str(raised.value)
    assert list((tmp_path / "lore").glob("*.thread")) == []


@respx.mock
async def test_a_redirect_within_the_origin_is_followed(tmp_path: Path) -> None:
    respx.get(THREAD).mock(return_value=httpx.Response(301, headers={"Location": "/all/x@example.org/t.mbox.gz"}))
    respx.get("https://archive.example.org/all/x@example.org/t.mbox.gz").mock(return_value=gzipped())

    assert ids(await client(ORIGIN, tmp_path).thread("x@example.org")) == {"x@example.org"}


@respx.mock
@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/", "//evil.example/", "http://archive.example.org/bpf/", "file:///etc/passwd"],
)
async def test_a_redirect_to_elsewhere_is_not_followed(target: str, tmp_path: Path) -> None:
    respx.get(THREAD).mock(return_value=httpx.Response(302, headers={"Location": target}))

    with pytest.raises(InfrastructureError, match=rf"outside of {ORIGIN}; not followed"):
        await client(ORIGIN, tmp_path).thread("x@example.org")

    assert len(respx.calls) == 1


@respx.mock
async def test_a_circle_of_redirects_ends(tmp_path: Path) -> None:
    respx.get(THREAD).mock(return_value=httpx.Response(302, headers={"Location": THREAD}))

    with pytest.raises(InfrastructureError, match="redirects more than 3 times"):
        await client(ORIGIN, tmp_path).thread("x@example.org")


@respx.mock
async def test_an_answer_with_an_etag_is_asked_for_anew_only_if_changed(tmp_path: Path) -> None:
    route = respx.get(THREAD).mock(side_effect=[gzipped(ETag='"one"'), httpx.Response(304)])
    archived = client(ORIGIN, tmp_path, cache_for=timedelta(0))
    first = await archived.thread("x@example.org")

    assert await archived.thread("x@example.org") == first
    assert "If-None-Match" not in route.calls[0].request.headers
    assert route.calls[1].request.headers["If-None-Match"] == '"one"'


@respx.mock
async def test_a_damaged_kept_answer_counts_as_none(tmp_path: Path) -> None:
    route = respx.get(THREAD).mock(return_value=gzipped())
    archived = client(ORIGIN, tmp_path)
    await archived.thread("x@example.org")
    (kept,) = (tmp_path / "lore").glob("*.thread")
    kept.write_bytes(b"no json\n" + kept.read_bytes())

    assert ids(await archived.thread("x@example.org")) == {"x@example.org"}
    assert route.call_count == 2


@respx.mock
async def test_answers_kept_for_a_week_are_dropped(tmp_path: Path) -> None:
    respx.get(url__startswith=ORIGIN).mock(side_effect=lambda request: gzipped())
    archived = client(ORIGIN, tmp_path)
    await archived.thread("x@example.org")
    (old,) = (tmp_path / "lore").glob("*.thread")
    os.utime(old, (0, time.time() - 8 * 24 * 3600))

    await archived.thread("y@example.org")

    assert not old.exists()


@asynccontextmanager
async def served(pieces: list[bytes], pause_s: float) -> AsyncIterator[str]:
    """Yield the origin of a server that says `pieces` with pauses between them, then breaks off."""
    answers: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.append(asyncio.create_task(answer(reader, writer)))

    async with await asyncio.start_server(start, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bpf"
        await asyncio.gather(*answers)


@pytest.mark.parametrize(
    ("pause_s", "said"),
    [(0, r"gave no answer \(RemoteProtocolError: .*tried 4 times"), (0.05, "was not done after 0.3 s; tried 4 times")],
)
async def test_an_answer_that_breaks_off_or_never_ends_is_our_trouble(
    pause_s: float, said: str, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lore, "WHOLE", 1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: 5000\r\n\r\n"
    body = gzip.compress(MBOX)
    async with served([head, *(body[at : at + 1] for at in range(50))], pause_s) as origin:
        with pytest.raises(InfrastructureError, match=said):
            await client(origin, tmp_path, timeout=timedelta(seconds=0.3)).thread("x@example.org")


# --- the parts ------------------------------------------------------------------------------------------------------


def test_gunzip_takes_members_and_padding() -> None:
    assert gunzip(gzip.compress(b"a") + gzip.compress(b"b") + bytes(512), 2) == b"ab"


def test_gunzip_stops_at_the_limit_of_a_bomb() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    assert len(bomb) < 200_000

    start = time.monotonic()
    with pytest.raises(OverflowError):
        gunzip(bomb * 3, 1_000_000)

    assert time.monotonic() - start < 0.5


@pytest.mark.parametrize(
    ("message_id", "escaped"),
    [("a/b@c", "a%2Fb@c"), ("a%2Fb@c", "a%252Fb@c"), ("a?b#c d@e", "a%3Fb%23c%20d@e"), ("é@x", "%C3%A9@x")],
)
def test_message_ids_are_escaped_as_public_inbox_does(message_id: str, escaped: str) -> None:
    assert escape_message_id(message_id) == escaped


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120),
        ("Sun, 22 Nov 2026 10:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
    ],
)
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("written", ["", "nonsense", "nan", "inf", "9999999999", "\N{SNOWMAN}"])
async def test_a_pace_that_makes_no_sense_stops_nobody(written: str, tmp_path: Path) -> None:
    (tmp_path / "archive.example.org.next").write_text(written, "utf-8")

    start = time.monotonic()
    await Pace(tmp_path, host="archive.example.org", pause=timedelta(0)).wait_turn()

    assert time.monotonic() - start < 0.5
