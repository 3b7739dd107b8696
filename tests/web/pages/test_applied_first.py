"""What was applied before a series, on the pages of its run, its baseline and the series."""

import pytest

from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio


async def test_a_run_says_what_was_applied_first_and_what_could_not_be(site: Site) -> None:
    page = await shape(site, f"/runs/{site.example.runs[3].id}")
    assert "applied first “bpf: Rings of their own” v2 2 patches, and 1 in the tree already" in page.words
    assert f"patch-id {'5c' * 6} not applied is not at hand: the archive's search does not find it" in page.words
    assert "/?q=elsewhere%40example.org" in page.values("href")


async def test_the_series_page_says_it_too(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}?revision=v4")
    assert "applied first “bpf: Rings of their own” v2 2 patches, and 1 in the tree already" in page.words


async def test_a_baseline_says_what_it_has_besides_the_base(site: Site) -> None:
    page = await shape(site, f"/runs/{site.example.baseline.id}")
    assert "bpf-next without any patch but what the series needs" in page.words


async def test_where_nothing_is_needed_nothing_is_said(site: Site) -> None:
    page = await shape(site, f"/runs/{site.example.runs[2].id}")
    assert "applied first" not in page.words


async def test_the_same_over_rest(site: Site) -> None:
    async with site.client() as client:
        run = (await client.get(f"/api/v1/runs/{site.example.runs[3].id}")).json()
    assert [one["words"] for one in run["applied_first"]] == [
        "2 patches, and 1 in the tree already",
        "is not at hand: the archive's search does not find it",
    ]
    assert run["applied_first"][0]["root_id"] == "elsewhere@example.org"


async def test_it_is_applied_where_the_page_says_how_to_see_it_again(own_site: Site, stored) -> None:
    run = stored.merge(own_site.example.runs[3])
    shared = {"called": "a", "root_id": "elsewhere@example.org", "problem": ""}
    picked = f"patch-id {'5c' * 20}"
    run.prerequisites = [
        shared | {"named": "message-id elsewhere@example.org", "patches": ["x@example.org"]},
        shared | {"named": picked, "patches": ["one'; reboot@example.org"]},
    ]
    applied = [{"named": one["named"], "root_id": one["root_id"], "applied": 1} for one in run.prerequisites]
    run.evidence = run.evidence | {"first": applied}
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}?revision=v4")
    first = "b4 shazam elsewhere@example.org b4 shazam -P _ 'one'\"'\"'; reboot@example.org' b4 shazam 2026"
    assert first in page.words
