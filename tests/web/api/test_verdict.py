"""The verdict with its evidence: every word of the document, and its schema, which others rely on."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models import Attempt, AttemptKind, CheckState, PatchCheck, Run
from app.domain.outcome import ChangeClass, Outcome, Step, Verdict
from app.web.api.verdict_schemas import VerdictDocument
from tests import factories as make
from tests.example import FLAKY, ITER
from tests.web.conftest import Site
from tests.web.pages.test_pages import statements

pytestmark = pytest.mark.anyio

SCHEMA = Path(__file__).parents[3] / "docs" / "verdict.schema.json"
KEY = {"suite": "test_progs", "name": ITER, "ordinal": 0}
HISTORY = {"failures": 1, "runs": 30, "bases": 5, "broken": 0, "low": 0.0059, "high": 0.167, "words": "failed 1 of 30"}


async def document(site: Site, path: str) -> dict[str, Any]:
    async with site.client() as client:
        answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert VerdictDocument.model_validate(found).model_dump(mode="json", by_alias=True) == found
    return found


def enriched(session: Session, site: Site) -> Run:
    """Give the example's v3 all that a judge may store, and results that nobody may count."""
    run = session.get_one(Run, site.example.runs[2].id)
    ignore = {"id": 7, "pattern": "map*", "suite": None, "tree": None, "profile": None, "reason": "no NMI"}
    ignore |= {"owner": "ann@example.org", "expires_at": "2026-12-01T00:00:00+00:00"}
    run.evidence = run.evidence | {
        "weighed": [
            {"key": KEY, "history": HISTORY, "ignore": None},
            {"key": KEY | {"name": "map_ptr"}, "history": None, "ignore": ignore},
        ],
        "reasons": [
            {"text": f"{ITER} (regression; failed 3 of 3): sum is 12", "key": KEY, "excerpt": "sum is 12\n"},
            {"text": "WARNING: kernel/bpf/ringcount.c:48", "key": None, "excerpt": "WARNING: CPU: 1"},
        ],
        "previous": "v1",
        "previous_run": site.example.runs[0].id,
        "since": {"fixed": [], "broken": [KEY], "still_broken": [], "unknown": []},
        "not_built": [{"test": "bpf_attr_size", "reason": "its BPF program is not in the tree"}],
        "accelerator": "tcg",
    }
    make.add_change(session, run, "map_ptr", ChangeClass.IGNORED, "until 2026-12-01: no NMI")
    make.add_change(session, run, "gone_test", ChangeClass.DISAPPEARED)
    # The same boot of an attempt that was lost.
    session.add(Attempt(run_id=run.id, number=2, kind=AttemptKind.EXECUTE, worker="here/1"))
    run.newest_attempt = 2
    session.flush()
    make.add_results(session, run, {ITER: Outcome.PASS}, attempt=2)
    run.newest_attempt = 1
    judge = make.add_step(session, run, Step.JUDGE, after=80, summary="v3 regresses 1 test")
    make.add_log(session, judge, "results-patched-1", b"check:FAIL\n")
    finding = {"kind": "first bad patch", "position": 3, "title": "bpf: Frob", "earliest": 3, "tests": [ITER]}
    session.add(PatchCheck(run_id=run.id, state=CheckState.DONE, findings=[finding], created_at=make.NOW))
    session.commit()
    return run


async def test_the_document_says_what_each_verdict_rests_on(own_site: Site, stored: Session) -> None:
    run = enriched(stored, own_site)
    found = await document(own_site, f"/runs/{run.id}/verdict")
    assert (found["schema"], found["verdict"], found["profile"]) == ("reroll-verdict-1", "regressed", "bpf-quick")
    assert found["revision"]["label"] == "v3"
    assert (found["base"]["tree"], found["base"]["reason"]) == ("bpf-next", "the cover letter's base-commit line")
    assert found["toolchain"]["clang"] == "19.1.7"
    baseline = found["baseline"]
    assert (baseline["run_id"], baseline["same_toolchain"]) == (own_site.example.baseline.id, True)
    assert [one["test"] and one["test"]["name"] for one in found["reasons"]] == [ITER, None]
    assert found["events"][0]["fingerprint"] == "00ff00ff00ff00ff"
    assert found["not_built"] == [{"test": "bpf_attr_size", "reason": "its BPF program is not in the tree"}]
    assert [one["name"] for one in found["disappeared"]] == ["gone_test"]
    assert (found["patches"]["state"], found["patches"]["trouble"]) == ("done", None)
    assert [(one["kind"], one["position"]) for one in found["patches"]["findings"]] == [("first bad patch", 3)]
    since = found["since"]
    assert (since["label"], since["run_id"], since["same_base"]) == ("v1", own_site.example.runs[0].id, True)
    assert [one["name"] for one in since["broken"]] == [ITER]


async def test_a_blamed_test_comes_with_each_boot_that_shows_it(own_site: Site, stored: Session) -> None:
    run = enriched(stored, own_site)
    found = await document(own_site, f"/runs/{run.id}/verdict")
    (blamed,) = found["blamed"]
    assert (blamed["name"], blamed["class"], blamed["confirmed"]) == (ITER, "regression", True)
    assert blamed["history"] == HISTORY
    assert blamed["excerpt"] == "sum is 12\n"
    seen = sorted((one["side"], one["boot"], one["outcome"], one["run_id"]) for one in blamed["observations"])
    assert seen == [
        ("base", 0, "pass", own_site.example.baseline.id),
        ("base", 1, "pass", run.id),
        ("base", 2, "pass", run.id),
        ("patched", 0, "fail", run.id),
        ("patched", 1, "fail", run.id),
        ("patched", 2, "fail", run.id),
    ]
    (log,) = [one["log"] for one in blamed["observations"] if one["log"]]
    async with own_site.client() as client:
        assert (await client.get(log)).text == "check:FAIL\n"


async def test_what_nobody_is_blamed_for_has_its_reasons(own_site: Site, stored: Session) -> None:
    run = enriched(stored, own_site)
    excused = {one["name"]: one for one in (await document(own_site, f"/runs/{run.id}/verdict"))["excused"]}
    assert {name: one["class"] for name, one in excused.items()} == {FLAKY: "flaky", "map_ptr": "ignored"}
    assert (excused["map_ptr"]["ignored"]["id"], excused["map_ptr"]["ignored"]["reason"]) == (7, "no NMI")
    assert excused[FLAKY]["reason"] == "failed 1 of 3 patched, 2 of 3 on the base"


async def test_what_a_newer_worker_stores_beside_is_no_trouble(own_site: Site, stored: Session) -> None:
    run = enriched(stored, own_site)
    (_, ignored), history = run.evidence["weighed"], HISTORY | {"seasonal": True}
    ignored["ignore"] |= {"ticket": 7}
    run.evidence = run.evidence | {"weighed": [{"key": KEY, "history": history, "ignore": None}, ignored]}
    stored.commit()
    found = await document(own_site, f"/runs/{run.id}/verdict")
    assert found["blamed"][0]["history"] == HISTORY


async def test_logs_of_thousands_of_failures_are_not_read_for_it(site: Site) -> None:
    async with site.client() as client:
        with statements(site) as sent:
            assert (await client.get(f"/api/v1/runs/{site.example.runs[2].id}/verdict")).json()["blamed"]
    assert [one for one in sent if "results.message" in one]
    assert not [one for one in sent if "results.detail" in one]


async def test_other_kinds_of_runs_have_a_document_too(site: Site) -> None:
    build = await document(site, f"/runs/{site.example.runs[1].id}/verdict")
    assert (build["verdict"], build["build_errors"][0]["patch"]) == ("does not build", 3)
    baseline = await document(site, f"/runs/{site.example.baseline.id}/verdict")
    assert (baseline["revision"], baseline["baseline"], baseline["verdict"]) == (None, None, None)
    running = await document(site, f"/runs/{site.example.running.id}/verdict")
    assert (running["verdict"], running["blamed"]) == (None, [])


async def test_a_run_that_could_not_apply_says_so(own_site: Site, stored: Session) -> None:
    revision = stored.merge(own_site.example.revisions[3])
    refused = {"position": 2, "title": "bpf: Frob", "git_said": "error: patch failed", "hunk": "@@ -1 +1 @@"}
    run = make.add_run(stored, revision, verdict=Verdict.DOES_NOT_APPLY, evidence={"apply": refused})
    run.created_at = make.NOW - timedelta(days=1)
    stored.commit()
    found = await document(own_site, f"/runs/{run.id}/verdict")
    assert found["refusal"] == refused


async def test_the_schema_is_the_one_in_the_documentation(request: pytest.FixtureRequest) -> None:
    """Whoever changes a field here changes what other programs read: see the module of the shapes."""
    schema = json.dumps(VerdictDocument.model_json_schema(by_alias=True, mode="serialization"), indent=1) + "\n"
    if request.config.getoption("--rewrite-golden"):
        SCHEMA.write_text(schema)
    assert SCHEMA.read_text() == schema
    assert '"additionalProperties": false' not in schema  # who checks by it has to take what is added
