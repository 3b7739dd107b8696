"""Mails sent as one mbox."""

import pytest

from app.web.mboxrd import BATCH, download
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


async def test_a_reader_on_a_slow_line_holds_no_connection_to_the_database(site: Site) -> None:
    answer = download(site.app.state.sessions, [1] * (BATCH + 1), "all")
    parts = answer.body_iterator.__aiter__()
    first = await anext(parts)
    assert site.app.state.engine.pool.checkedout() == 0
    assert len([first, *[part async for part in parts]]) == 2
