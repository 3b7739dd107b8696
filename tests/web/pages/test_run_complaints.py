"""What a kernel complained of, beside the tests that it ended."""

import pytest
from sqlalchemy.orm import Session

from app.domain.outcome import ChangeClass, Outcome
from tests import factories as make
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio
OF_TEST = "BUG: kernel NULL pointer dereference in frob\n <TASK>\n frob+0x12/0x34"
OTHER = "Kernel panic - not syncing: Fatal exception"


async def test_what_a_test_is_shown_with_is_not_printed_once_more(own_site: Site, stored: Session) -> None:
    events = [
        {"kind": kind, "title": kind, "excerpt": text, "test": "ringbuf", "life": 1}
        for kind, text in (("oops", OF_TEST), ("panic", OTHER))
    ]
    revision = make.add_revision(stored, make.add_series(stored, "bpf: Follow nothing"))
    run = make.add_run(stored, revision, evidence={"events": events})
    make.add_results(stored, run, {"ringbuf": Outcome.FAIL}, detail=OF_TEST)
    make.add_change(stored, run, "ringbuf", ChangeClass.REGRESSION)
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    changed, _, complained = page.words.partition("What the kernel complained of")
    assert "NULL pointer dereference in frob" in changed
    assert "NULL pointer dereference in frob" not in complained.partition("Steps")[0]
    assert "Its words stand above, with the test." in complained
    assert OTHER in complained


async def test_why_a_test_fails_stands_before_what_it_printed_where_that_does_not_say_it(
    own_site: Site, stored: Session
) -> None:
    revision = make.add_revision(stored, make.add_series(stored, "bpf: Follow nothing"))
    run = make.add_run(stored, revision)
    make.add_results(stored, run, {"ringbuf": Outcome.FAIL}, detail=OF_TEST)
    make.add_results(stored, run, {"xdp": Outcome.FAIL}, detail="xdp: sum is 12, expected 14")
    for name in ("ringbuf", "xdp"):
        make.add_change(stored, run, name, ChangeClass.REGRESSION)
    stored.commit()
    changed = (await shape(own_site, f"/runs/{run.id}")).words.partition("Steps")[0]
    _, _, of_ringbuf = changed.partition("What changed")
    of_ringbuf, _, of_xdp = of_ringbuf.partition("xdp")
    assert of_ringbuf.index("sum is 12, expected 14") < of_ringbuf.index("BUG: kernel NULL pointer")
    assert of_xdp.count("sum is 12, expected 14") == 1
