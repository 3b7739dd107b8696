"""Logs over HTTP: whole, by range, from the tail."""

import anyio
import httpx
import pytest

from app.web.api import logs
from app.web.api.logs import parse_range
from tests.example import CONSOLE
from tests.web.conftest import Site
from tests.web.pages.test_pages import statements

pytestmark = pytest.mark.anyio
END = len(CONSOLE)


def path(site: Site) -> str:
    return f"/api/v1/steps/{site.example.log_step.id}/logs/console"


async def test_a_whole_log_is_plain_text(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get(path(site))
    assert answer.status_code == 200
    assert answer.content == CONSOLE
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=990-1010", 990, 1011),
        ("bytes=30000-", 30000, END),
        ("bytes=-100", END - 100, END),
        ("bytes=5-99999999", 5, END),
    ],
)
async def test_a_range(site: Site, wanted: str, start: int, stop: int) -> None:
    async with site.client() as client:
        answer = await client.get(path(site), headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == CONSOLE[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{END}"
    assert answer.headers["content-length"] == str(stop - start)


async def test_a_range_beyond_the_end_cannot_be_satisfied(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get(path(site), headers={"Range": f"bytes={END}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{END}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"That range is not in it: it has {END} bytes."


@pytest.mark.parametrize(
    "odd", ["bytes=9-1", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b", "", "bytes=" + "9" * 500 + "-"]
)
async def test_what_is_no_single_range_is_ignored(site: Site, odd: str) -> None:
    assert parse_range(odd, END) is None
    async with site.client() as client:
        answer = await client.get(path(site), headers={"Range": odd})
    assert answer.status_code == 200
    assert answer.content == CONSOLE


async def test_the_tail(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get(path(site), params={"tail": 2})
    assert answer.content == b"".join(CONSOLE.splitlines(keepends=True)[-2:])


async def test_a_log_that_is_not_there(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get(path(site).replace("console", "nothing"))
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"step {site.example.log_step.id} has no log named 'nothing'"


async def test_head_reads_nothing_of_a_long_log(served: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked over a socket, that stays open: only a server tells what streams that nobody waits for it any more."""
    monkeypatch.setattr(logs, "BLOCK", 20)
    async with httpx.AsyncClient() as client:
        with statements(site) as sent:
            answer = await client.head(f"{served}{path(site)}")
            await anyio.sleep(1)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(END)
    assert len(sent) < 50
    assert END > 50 * 20
