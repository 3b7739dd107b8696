"""What tests printed, over REST."""

from urllib.parse import quote

import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.domain.outcome import Outcome
from tests import factories as make
from tests.printed import NAME, add_printed
from tests.web.conftest import Site
from tests.web.pages.test_pages import statements

pytestmark = pytest.mark.anyio


@pytest.fixture
def runs(stored: Session) -> tuple[Run, Run]:
    return add_printed(stored)


async def test_a_test_of_a_run_says_what_was_expected_and_where_the_log_went_wrong(
    own_site: Site, runs: tuple[Run, Run]
) -> None:
    async with own_site.client() as client:
        found = (await client.get(f"/api/v1/runs/{runs[1].id}/tests/test_progs/{quote(NAME)}")).json()
        log = found["boots"][0]
        span = f"bytes={log['log_start']}-{log['log_end'] - 1}"
        whole = await client.get(log["log"], headers={"Range": span})
    assert (found["outcome"], found["boot"], found["on_base"]) == ("fail", 0, False)
    assert [(one["boot"], one["on_base"], one["outcome"]) for one in found["boots"]] == [
        (0, False, "fail"),
        (1, False, "fail"),
        (1, True, "pass"),
        (2, True, "pass"),
    ]
    check = found["checks"][0]
    assert (check["kind"], check["wrong_at"], check["nearest"]) == ("__msg", 5, "R2 fribbed <access>")
    assert [(one["status"], one["line"]) for one in check["expectations"]] == [("matched", 2), ("expected", None)]
    assert [(one["kind"], one["title"]) for one in found["parts"]] == [
        ("verifier log", ""),
        ("iterator output", "bpf_map_elem"),
    ]
    assert whole.text.splitlines() == found["output"]


async def test_two_runs_compared(own_site: Site, runs: tuple[Run, Run]) -> None:
    baseline, run = runs
    path = f"/api/v1/runs/{run.id}/output-diffs/test_progs/{quote(NAME)}"
    async with own_site.client() as client:
        found = (await client.get(f"{path}?with={baseline.id}&context=0")).json()
        by_default = (await client.get(f"{path}?context=0")).json()
        nothing = await client.get(path.replace(f"/{run.id}/", f"/{baseline.id}/"))
    assert (found["left"]["on_base"], found["right"]["on_base"]) == (True, False)
    log = found["parts"][0]
    assert (log["kind"], log["removed"], log["added"], log["moved"], log["same"]) == ("verifier log", 1, 1, 2, False)
    assert log["figures"] == [{"name": "instructions", "left": 6, "right": 7}]
    assert [one["text"] for one in log["lines"] if one["where"] == "right"] == ["R2 fribbed <access>"]
    assert by_default == found
    assert nothing.status_code == 422


async def test_more_boots_ask_no_more_of_the_database(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    path = f"/api/v1/runs/{runs[1].id}/tests/test_progs/{quote(NAME)}"
    async with own_site.client() as client:
        with statements(own_site) as few:
            boots = (await client.get(path)).json()["boots"]
        for boot in range(3, 9):
            span = {"log_start": boots[2]["log_start"], "log_end": boots[2]["log_end"]}
            make.add_results(
                stored, stored.get_one(Run, runs[1].id), {NAME: Outcome.PASS}, boot=boot, on_base=True, **span
            )
        stored.commit()
        with statements(own_site) as many:
            more = (await client.get(path)).json()["boots"]
    assert [one["log"] and one["log"].rpartition("/")[2] for one in boots] == [
        "results",
        "results-patched-1",
        "results-base-1",
        "results-base-2",
    ]
    assert len(more) == len(boots) + 6
    assert more[-1]["log"] is None  # no such log is kept
    assert len(many) == len(few)
