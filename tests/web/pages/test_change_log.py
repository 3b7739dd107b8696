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
    oldest = (await client.get("/series/1?revision=v1")).text
    assert "What the author changed" not in oldest
