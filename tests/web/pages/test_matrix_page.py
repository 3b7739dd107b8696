"""The matrix of a series with more tests that differ than fit a page."""

import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.domain.outcome import ChangeClass, Outcome
from app.web.matrix import MOST_ROWS
from tests import factories as make
from tests.example import ITER
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio


async def test_alike_subtests_are_one_row_where_too_many_differ(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    for number in range(MOST_ROWS):
        make.add_results(stored, run, {f"many/{number:03}": Outcome.FAIL})
        make.add_change(stored, run, f"many/{number:03}", ChangeClass.REGRESSION, "passes in 3 of 3 boots of the base")
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert f"{MOST_ROWS + 5} of " in page.words
    assert f"many/000 v4: passes in 3 of 3 boots of the base{MOST_ROWS - 1} more of many do the same" in page.words
    assert "many/001" not in page.words
    assert "are on the pages of the runs" not in page.words
    assert "/tests?name=many&suite=test_progs" in page.values("href")


async def test_rows_beyond_the_page_are_counted(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    for number in range(MOST_ROWS):
        make.add_change(stored, run, f"single_{number:03}", ChangeClass.REGRESSION)
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "4 more are on the pages of the runs" in page.words


async def test_what_fails_on_the_base_as_well_is_a_line_below(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    for number in range(220):
        make.add_change(stored, run, f"broken/{number:03}", ChangeClass.PRE_EXISTING)
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "4 of 45 between the base and any revision" in page.words  # without what failed on the base before
    assert (
        "221 tests fail on the base and with the patches alike test_progs broken/000 test_progs broken/001"
        in page.words
    )
    assert "and 21 more" in page.words
    assert page.words.count("broken/") == 200


async def test_a_cell_leads_to_what_the_test_printed_there(site: Site) -> None:
    baseline, (_, v2, v3, v4) = site.example.baseline, site.example.runs
    page = await shape(site, f"/series/{site.example.series.id}")
    leads = [href for href in page.values("href") if href.startswith("/runs/")]
    assert {f"/runs/{run.id}/tests/test_progs/{ITER}" for run in (baseline, v3, v4)} <= set(leads)
    assert f"/runs/{v2.id}" in leads  # it has no results
