"""Logs over HTTP: whole, by range, from the tail."""

from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest
import zstandard
from sqlalchemy import update

from app.config import ArtifactSettings
from app.db.models import Run, Step
from app.services.log_retention import clear_logs
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


async def test_a_log_packed_is_what_is_kept_of_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BLOCK", 1500)
    async with site.client() as client:
        answer = await client.get(f"{path(site)}.zst")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zstd"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-disposition"].endswith('-console.zst"')
    reader = zstandard.ZstdDecompressor().stream_reader(answer.content, read_across_frames=True)
    assert reader.read() == CONSOLE


async def test_a_log_that_was_kept_long_enough_is_gone_and_said_to_be(own_site: Site) -> None:
    site = own_site
    with site.app.state.sessions.begin() as session:
        run = session.get_one(Run, session.get_one(Step, site.example.log_step.id).run_id)
        run.finished_at = datetime.now(UTC) - timedelta(days=200)
        session.execute(update(Run).where(Run.baseline_id == run.id).values(finished_at=run.finished_at))
        assert clear_logs(session, ArtifactSettings(), datetime.now(UTC)) > 0
    async with site.client() as client:
        answer = await client.get(path(site))
        page = await client.get(f"/runs/{run.id}")
    assert (answer.status_code, page.status_code) == (404, 200)
    assert answer.json()["detail"].endswith("has no log named 'console'; logs are kept for 180 days after a run")
