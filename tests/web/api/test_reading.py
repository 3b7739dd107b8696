"""What the API answers when it is asked."""

from typing import Any

import httpx
import pytest

from tests.example import FLAKY, ITER, LOG
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
JSON_TYPES: dict[str | None, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


async def got(site: Site, path: str, **params: Any) -> Any:
    async with site.client() as client:
        answer = await client.get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_reading_operation_of_the_document_answers_in_its_own_shape(site: Site) -> None:
    """FastAPI makes answers fit their shapes; here each is held against the document, which is what clients read."""
    ids = {"revision_id": site.example.revisions[3].id, "run_id": site.example.runs[3].id}
    ids |= dict.fromkeys(
        ("thread_id", "series_id", "comment_id", "report_id", "decision_id", "ignore_id", "test_id"), 1
    )
    ids |= {"step_id": site.example.log_step.id, "patch_id": site.example.patch.id, "message_pk": 1}
    ids |= {"suite": "test_progs", "test": ITER}
    async with site.client() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        reading = [path for path, methods in document["paths"].items() if "get" in methods]
        reading.remove("/api/v1/runs/{run_id}/artifacts/{name}")  # no JSON but files: test_artifacts.py
        for path in reading:
            answer = await client.get(path.format(**ids, name="console"), params={"test": ITER})
            assert answer.status_code == 200, path
            (said,) = document["paths"][path]["get"]["responses"]["200"]["content"].items()
            assert answer.headers["content-type"].partition(";")[0] == said[0]
            if said[0] == "application/json":
                conforms(document, said[1]["schema"], answer.json(), path)
    assert len(reading) >= 20


def conforms(document: Any, schema: Any, value: Any, where: str) -> None:
    """Assert that `value` has exactly the properties that its schema declares, all the way down."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        options = [one for one in schema["anyOf"] if (one.get("type") == "null") == (value is None)]
        assert options, (where, value)
        schema = options[0]
        if "$ref" in schema:
            return conforms(document, schema, value, where)
    if "properties" in schema:
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), where
        for name, one in value.items():
            conforms(document, schema["properties"][name], one, f"{where}.{name}")
    elif schema.get("type") == "array":
        assert isinstance(value, list), where
        for one in value:
            conforms(document, schema.get("items", {}), one, f"{where}[]")
    elif "enum" in schema:
        assert value in schema["enum"], where
    elif kinds := JSON_TYPES.get(schema.get("type")):
        assert isinstance(value, kinds), (where, value)
    return None


async def test_the_document_names_operations_once_and_gives_examples(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert {"list_series", "get_run", "track_thread", "rerun_revision", "get_log"} <= set(names)
    assert all(one.get("description") for one in operations)
    assert document["components"]["schemas"]["TrackRequest"]["properties"]["reference"]["examples"]
    writing = [one["operationId"] for one in operations if "security" in one]
    assert writing == [
        "track_thread",
        "rerun_revision",
        "make_decision",
        "undo_decision",
        "put_mark",
        "delete_mark",
        "add_ignore",
        "end_ignore",
    ]


async def test_a_series_says_what_became_of_each_revision(site: Site) -> None:
    series = await got(site, f"/series/{site.example.series.id}")
    said = [(one["label"], one["verdict"]) for one in series["revisions"]]
    assert said == [("v1", "regressed"), ("v2", "does not build"), ("v3", "regressed"), ("v4", "clean")]
    assert series["author"] == {"name": "Ann Author", "email": "ann@example.org"}


async def test_results_by_filter(site: Site) -> None:
    run = site.example.runs[2].id
    failed = await got(site, f"/runs/{run}/results", outcome="fail", limit=500)
    assert {one["name"] for one in failed["items"]} == {ITER, FLAKY, "netcnt/counters"}
    assert failed["items"][0]["detail"]
    one_class = await got(site, f"/runs/{run}/results", **{"class": "regression"})
    assert [one["name"] for one in one_class["items"]] == [ITER]
    again = await got(site, f"/runs/{run}/results", name="bpf_iter/*", confirming=True)
    assert [(one["boot"], one["on_base"]) for one in again["items"]] == [
        (0, False),
        (1, False),
        (1, True),
        (2, False),
        (2, True),
    ]


async def test_pages_of_a_list_are_linked(site: Site) -> None:
    path, seen = f"/api/v1/runs/{site.example.runs[3].id}/results?limit=20&suite=test_progs", []
    async with site.client() as client:
        while path:
            page = (await client.get(path)).json()
            seen += [one["name"] for one in page["items"]]
            path = page["next"]
    assert len(seen) == page["total"] == len(set(seen))
    assert page["page"] == 3


async def test_a_verdict_comes_with_the_results_it_rests_on(site: Site) -> None:
    revision, run = site.example.revisions[2], site.example.runs[2]
    verdict = await got(site, f"/revisions/{revision.id}/verdict")
    assert (verdict["verdict"], verdict["run_id"], verdict["baseline_id"]) == (
        "regressed",
        run.id,
        site.example.baseline.id,
    )
    assert verdict["counts"]["regression"] == 1
    (blamed,) = verdict["blamed"]
    assert (blamed["name"], blamed["class"]) == (ITER, "regression")
    shown = [(one["run_id"], one["boot"], one["side"], one["outcome"]) for one in blamed["observations"]]
    assert (run.id, 0, "patched", "fail") in shown
    assert (run.id, 1, "base", "pass") in shown
    assert (site.example.baseline.id, 0, "base", "pass") in shown


async def test_a_failed_thread_says_why(site: Site) -> None:
    thread = await got(site, f"/threads/{site.example.failed_thread.id}")
    assert thread["state"] == "failed"
    assert "answered 404" in thread["error"]
    failed = await got(site, "/threads", state="failed")
    assert [one["id"] for one in failed["items"]] == [site.example.failed_thread.id]


async def test_comments_by_patch(site: Site) -> None:
    comments = await got(site, "/comments", patch_id=site.example.patch.id)
    (comment,) = comments["items"]
    assert comment["author"]["name"] == "Rita Reviewer"
    assert comment["anchors"][0]["line"] == 48


async def test_runs_by_kind(site: Site) -> None:
    baselines = await got(site, "/runs", baseline=True)
    assert [one["id"] for one in baselines["items"]] == [site.example.baseline.id]
    running = await got(site, "/runs", state="running")
    assert [one["id"] for one in running["items"]] == [site.example.running.id]


async def test_series_are_found_by_a_test_that_differs(site: Site) -> None:
    found = await got(site, "/series", q=LOG, verdict="clean", tag="bpf-next", author="ann")
    assert [one["id"] for one in found["items"]] == [site.example.series.id]


async def test_the_application_says_that_it_is_well(site: Site) -> None:
    async with site.client() as client:
        answer: httpx.Response = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
