"""The profile that a run was executed with, on its page and over REST."""

import pytest

from app.config import ProfileSettings
from app.db.models import Run
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio


async def test_a_run_shows_the_profile_that_was_in_force_when_it_was_executed(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    async with own_site.client() as client:
        assert (await client.get(f"/api/v1/runs/{run.id}")).json()["profile_settings"] == {}
    profile = ProfileSettings(extends="<b>house</b>", cpus=3).model_dump(mode="json")
    run.evidence = {**run.evidence, "profile": profile}
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert "extends <b>house</b> tests what the series touches and 31 of the core" in page.words
    assert "machine 3 CPUs, 2048 MiB" in page.words
    async with own_site.client() as client:
        assert (await client.get(f"/api/v1/runs/{run.id}")).json()["profile_settings"] == profile
        assert "<b>house" not in (await client.get(f"/runs/{run.id}")).text
