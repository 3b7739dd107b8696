"""What is said of a run while most of its tests still run, on its page, on that of its series, and over REST."""

import pytest
from sqlalchemy.orm import Session

from app.db.models import Revision, Run, RunState
from app.domain.outcome import Verdict
from tests import factories as make
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio
SAID = "So far v1 is clean. 2 <tests> are as on the base. Still to come: xdp."
FIRST = {"sentence": SAID, "at": "2026-11-22T10:00:00+00:00", "seconds": 61.5, "attempt": 1}


@pytest.fixture
def run(own_site: Site, stored: Session) -> Run:
    made = make.add_run(
        stored,
        make.add_revision(stored, make.add_series(stored, "bpf: Early")),
        state=RunState.RUNNING,
        evidence={"first_verdict": FIRST},
    )
    made.verdict = made.sentence = made.finished_at = None
    stored.commit()
    return made


async def test_it_stands_first_while_the_run_goes(own_site: Site, stored: Session, run: Run) -> None:
    page = await shape(own_site, f"/runs/{run.id}")
    assert f"Running. {SAID} This page follows it." in page.words
    series = await shape(own_site, f"/series/{stored.get_one(Revision, run.revision_id).series_id}")
    assert f"v1 is being tested on bpf-next 1a2b3c4d5e6f. {SAID}" in series.words
    async with own_site.client() as client:
        told = (await client.get(f"/api/v1/runs/{run.id}")).json()["first_verdict"]
        assert (told["sentence"], told["seconds"]) == (SAID, 61.5)


async def test_when_it_was_said_is_kept_beside_the_last_one(own_site: Site, stored: Session, run: Run) -> None:
    run.state, run.verdict, run.sentence = RunState.DONE, Verdict.CLEAN, "v1 is clean."
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert f"first verdict after 62 s{SAID}" in page.words
    assert "This page follows it" not in page.words


async def test_a_run_without_one_says_nothing(own_site: Site) -> None:
    done = own_site.example.runs[3].id
    page = await shape(own_site, f"/runs/{done}")
    assert "first verdict" not in page.words
    async with own_site.client() as client:
        assert (await client.get(f"/api/v1/runs/{done}")).json()["first_verdict"] is None
