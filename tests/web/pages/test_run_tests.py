"""One test of one run, and its output compared with another run's, with logs as test_progs prints them."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.models import Result, Run
from app.db.queries.outputs import MOST_BYTES
from app.domain.outcome import Outcome
from app.domain.outcome import Step as StepName
from app.web.addresses import address_of_test
from app.web.pages import run_tests
from app.web.test_log import MOST_OF_ALL
from tests import factories as make
from tests.printed import FRAME, NAME, add_printed
from tests.web.conftest import Site
from tests.web.pages.shape import Shape, shape

pytestmark = pytest.mark.anyio


@pytest.fixture
def runs(stored: Session) -> tuple[Run, Run]:
    return add_printed(stored)


def sound(html: str) -> None:
    """Nothing of a log became an element, no id is there twice, and every link within the page leads somewhere."""
    read = Shape(html)
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in read.values("href") if link.startswith("#")} <= set(ids)
    assert "access" not in read.tags


def address(stored: Session, run: Run, query: str = "") -> str:
    return address_of_test(run.id, make.known_test(stored, NAME), query=query)


async def test_expectations_stand_beside_the_log(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    async with own_site.client() as client:
        answer = await client.get(address(stored, runs[1]))
    assert answer.status_code == 200
    sound(answer.text)
    assert (
        "Expected “R2 frobbed &lt;access&gt;”, the verifier&#39;s log says “R2 fribbed &lt;access&gt;”." in answer.text
    )
    assert '<span class="l hit" id="c1-L2">' in answer.text
    assert '<span class="l miss" id="c1-L5">' in answer.text
    assert 'href="#c1-L5">line 5</a>' in answer.text
    assert "7: &lt;b&gt;" in answer.text
    assert "before\n" not in answer.text


async def test_what_was_read_of_iterators_alone_is_shown_where_the_whole_run_shows_none(
    own_site: Site, stored: Session, runs: tuple[Run, Run]
) -> None:
    """Only confirming boots show it; the page that links lead to is that of the run's own boot."""
    own = await shape(own_site, address(stored, runs[1]))
    assert "7: <b>" in own.words
    assert "in another boot" not in own.words
    stored.execute(update(Result).where(Result.run_id == runs[1].id, Result.boot == 0).values(log_end=7))
    stored.commit()
    page = await shape(own_site, address(stored, runs[1]))
    assert "in another boot" in page.words
    assert "7: <b>" in page.words
    assert (
        page.values("href").count(address(stored, runs[1], "boot=1&side=patched")) == 2
    )  # among the boots, and beside what was read


async def test_another_boot_is_shown_by_its_log(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    async with own_site.client() as client:
        answer = await client.get(address(stored, runs[1], "boot=1&side=base"))
        gone = await client.get(address(stored, runs[1], "boot=2"))
    sound(answer.text)
    assert "R2 frobbed" in answer.text
    assert "EXPECTED" not in answer.text
    assert gone.status_code == 404


async def test_base_against_patched_folds_what_moved(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    baseline, run = runs
    async with own_site.client() as client:
        folded = await client.get(address(stored, run, f"with={baseline.id}"))
        exact = await client.get(address(stored, run, f"with={baseline.id}&exact=1"))
    sound(folded.text)
    sound(exact.text)
    assert "<b>3 parts differ</b>" in folded.text
    assert folded.text.count("differs between boots too") == 2
    assert "instructions 6 → " in folded.text
    assert "0xffff888001020304" in folded.text
    assert "0xffff888011121314" not in folded.text
    assert "0xffff888011121314" in exact.text
    assert 'class="l left"' in folded.text


async def test_the_same_output_is_said_to_be(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    async with own_site.client() as client:
        answer = await client.get(address(stored, runs[1], f"with={runs[1].id}"))
    assert "<b>The same</b>" in answer.text


async def test_a_log_that_is_gone_leaves_the_excerpt(own_site: Site, stored: Session) -> None:
    run = make.add_run(stored)
    make.add_results(stored, run, {NAME: Outcome.FAIL}, log_start=5, log_end=50)
    make.add_results(stored, run, {"quiet": Outcome.PASS})
    stored.commit()
    async with own_site.client() as client:
        answer = await client.get(address(stored, run))
        quiet = await client.get(f"/runs/{run.id}/tests/test_progs/quiet")
        against = await client.get(f"/runs/{run.id}/tests/test_progs/quiet?with={run.id}")
    assert "an excerpt: the log is not kept" in answer.text
    assert "expected 14" in answer.text
    assert "a test that passes prints what it does only where the judge runs it alone" in quiet.text
    assert "<b>Nothing to compare:</b>" in against.text


@pytest.mark.parametrize(
    "path",
    [
        "/runs/99999/tests/test_progs/x",
        "/runs/{run}/tests/test_progs/nothing",
        "/runs/{run}/tests/test_maps/{name}",
        "/runs/{run}/tests/test_progs/{name}%00",
        "/runs/{run}/tests/test_progs/{name}?ordinal=1",
        "/runs/{run}/tests/test_progs/{name}?with=99999",
    ],
)
async def test_what_is_not_there(own_site: Site, stored: Session, runs: tuple[Run, Run], path: str) -> None:
    async with own_site.client() as client:
        answer = await client.get(path.format(run=runs[1].id, name=NAME))
    assert answer.status_code == 404


async def test_a_log_that_fifty_checks_searched_is_not_sent_fifty_times(own_site: Site, stored: Session) -> None:
    """A hostile program prints one log, and then that check after check failed in it."""
    log = ["VERIFIER LOG:", FRAME, *(f"{number}: (b7) r0 = {number}" for number in range(40_000)), FRAME]
    check = ["validate_msgs:FAIL:695 expect_msg", *(["MATCHED    SUBSTR: 'r0 = 7'"] * 300), "EXPECTED   SUBSTR: 'r9'"]
    output = "".join(f"{line}\n" for line in [*log, *(check * 60)]).encode()
    run = make.add_run(stored)
    make.add_log(stored, make.add_step(stored, run, StepName.SELFTESTS), "results", output, piece=64_000)
    make.add_results(stored, run, {NAME: Outcome.FAIL}, log_start=0, log_end=len(output))
    stored.commit()
    async with own_site.client() as client:
        page = await client.get(address(stored, run))
        whole = await client.get(f"/api/v1{address(stored, run)}")
    sound(page.text)
    assert page.text.count('<section aria-labelledby="check-') == 50
    assert page.text.count('<span class="l ') < 3 * MOST_OF_ALL
    assert "201 more matched before" in page.text
    assert len(whole.content) < 2 * MOST_BYTES
    assert [len(one["log"]) + one["left_out"] for one in whole.json()["checks"]] == [40_000] * 50
    assert whole.json()["checks"][0]["left_out"] == 0


async def test_so_much_of_a_comparison_as_somebody_reads(
    own_site: Site, stored: Session, runs: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_tests, "MOST_OF_DIFF", 5)
    async with own_site.client() as client:
        answer = await client.get(address(stored, runs[1], f"with={runs[0].id}"))
    sound(answer.text)
    assert answer.text.count('<span class="l ') == 5
    assert "<b>3 parts differ</b>" in answer.text
    assert "lines not shown" in answer.text


async def test_a_comparison_says_which_side_is_what(own_site: Site, stored: Session, runs: tuple[Run, Run]) -> None:
    baseline, run = runs
    page = await shape(own_site, address(stored, run, f"with={baseline.id}"))
    assert f"before: the base, booted alone for run {run.id}: pass" in page.words
    assert f"after: v1, run {run.id}, alone: fail" in page.words
    assert "Compare with the base" in page.words
    assert "page" in page.values("aria-current")
