"""Each patch of a run on its own, on the run's page, on the patch's and over REST."""

import pytest
from sqlalchemy import delete

from app.db.models import CheckState, PatchTrial, Run
from tests import factories as make
from tests.web.conftest import Site
from tests.web.pages.shape import shape
from tests.web.pages.tried import WARNING, add_patches

pytestmark = pytest.mark.anyio


async def test_the_page_of_a_run_says_what_each_patch_does(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    add_patches(stored, run)
    page = await shape(own_site, f"/runs/{run.id}")
    assert "The first bad patch is 3 (bpftool: Show dropped samples): bpf_iter/bpf_map_elem fails from it on." in (
        page.words
    )
    assert "does not build on its own; patch 4 mends it: tools/lib/bpf/ringbuf.c:12: unknown type name" in page.words
    assert "Patch by patch 2 build, 1 does not, 1 has nothing to build first bad patch" in page.words
    assert "new warning kernel/bpf/ringcount.c:48 unused variable 'cpu' [-Wunused-variable]" in page.words
    assert "1 FAIL, 40 pass" in page.words
    assert "checkpatch: 1 remark" in page.words
    assert "get_maintainer: the mail did not go to 1 whom it names Max <max@example.org>" in page.words
    patches = make.patches_of(stored, own_site.example.revisions[3])
    assert f"/patches/{patches[2].id}" in page.values("href")


async def test_what_a_compiler_says_cannot_become_markup(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    add_patches(stored, run)
    async with own_site.client() as client:
        text = (await client.get(f"/runs/{run.id}")).text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_a_patchs_page_says_what_it_does_on_its_own(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    patches = make.patches_of(stored, own_site.example.revisions[3])
    assert "On its own" not in (await shape(own_site, f"/patches/{patches[0].id}")).words
    add_patches(stored, run)
    first = await shape(own_site, f"/patches/{patches[0].id}")
    assert f"On its own run {run.id} builds 1 FAIL, 40 pass" in first.words
    assert "unused variable 'cpu'" in first.words
    assert "does NOT build" in (await shape(own_site, f"/patches/{patches[1].id}")).words


async def test_a_page_is_live_while_patches_are_being_tried(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    add_patches(stored, run, state=CheckState.OPEN)
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Patch by patch still being tried" in page.words
    async with own_site.client() as client:
        assert f'hx-sse:connect="/runs/{run.id}/events"' in (await client.get(f"/runs/{run.id}")).text


async def test_trouble_of_ours_is_called_that(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    add_patches(stored, run, trouble="the disk is full")
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Trouble of ours: each patch on its own was not tried: the disk is full" in page.words
    stored.execute(delete(PatchTrial))
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Patch by patch 4 not tried Trouble of ours" in page.words


async def test_the_patches_of_a_run_over_rest(own_site: Site, stored) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    async with own_site.client() as client:
        before = await client.get(f"/api/v1/runs/{run.id}/patches")
        add_patches(stored, run)
        answer = (await client.get(f"/api/v1/runs/{run.id}/patches")).json()
        nowhere = await client.get("/api/v1/runs/999999/patches")
    assert nowhere.status_code == 404
    assert (before.json()["state"], before.json()["patches"]) == (None, [])
    assert (answer["run_id"], answer["state"], answer["trouble"]) == (run.id, "done", None)
    first_bad, build = answer["findings"]
    assert (first_bad["kind"], first_bad["position"], first_bad["tests"]) == (
        "first bad patch",
        3,
        ["bpf_iter/bpf_map_elem"],
    )
    assert (build["kind"], build["position"], build["until"]) == ("does not build", 2, 4)
    assert [one["outcome"] for one in answer["patches"]] == ["pass", "fail", "skip", "pass"]
    assert answer["patches"][0]["warnings"] == [WARNING]
    assert answer["patches"][0]["tests"]["failing"] == ["log_buf/one"]
    assert answer["patches"][0]["checkpatch"] is None
    assert answer["patches"][3]["missing"] == ["Max <max@example.org>"]
