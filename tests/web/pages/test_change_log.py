"""The author's change log on the page of a series, from real mails."""

from pathlib import Path

import httpx
import pytest

from app.db.session import Sessions
from app.domain.message import split_mbox
from app.services.ingest import ingest

THREAD = Path(__file__).resolve().parents[3] / "examples" / "thread"


@pytest.mark.anyio
async def test_a_revision_shows_what_its_author_says_has_changed(client: httpx.AsyncClient, sessions: Sessions) -> None:
    with sessions.begin() as session:
        for file in sorted(THREAD.glob("*.mbox")):
            ingest(session, split_mbox(file.read_bytes()), thread_id=None)
    newer = (await client.get("/series/1?revision=v3")).text
    assert "v2 → v3, as the cover letter has it" in newer
    assert '<li class="deep-1">Make it build again: ' in newer
    assert "Put BPF_MAP_TYPE_PERCPU_ARRAY back" not in newer
    assert 'href="/series/1/compare?from=v2&amp;to=v3">what did change</a>' in newer
    oldest = (await client.get("/series/1?revision=v1")).text
    assert "What the author changed" not in oldest


@pytest.mark.anyio
async def test_a_change_log_is_shown_when_what_was_before_is_not_at_hand(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        ingest(session, split_mbox((THREAD / "v3.mbox").read_bytes()), thread_id=None)
    page = (await client.get("/series/1")).text
    assert "v2 → v3, as the cover letter has it" in page
    assert "what did change" not in page
    assert (await client.get("/series/1/compare")).status_code == 404
