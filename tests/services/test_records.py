"""What a worker stores while it runs."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Result
from app.domain.outcome import Outcome, TestResult
from app.services.attempts import Claim
from app.services.records import LOG_LIMIT, BootKey, store_results
from tests import factories as make


def result(name: str, start: int | None = None, end: int | None = None) -> TestResult:
    return TestResult(suite="test_progs", name=name, outcome=Outcome.PASS, log_start=start, log_end=end)


def test_all_boots_of_a_baseline_are_of_the_unpatched_tree(session: Session) -> None:
    baseline = make.add_run(session)
    run = make.add_run(session, make.add_revision(session, make.add_series(session)), baseline_id=baseline.id)
    for one in (baseline, run):
        held = Claim(run_id=one.id, attempt=1)
        store_results(session, held, BootKey(), [result("a")])
        store_results(session, held, BootKey(boot=1), [result("a")])
        store_results(session, held, BootKey(boot=1, on_base=True), [result("a")])
    rows = session.execute(select(Result.run_id, Result.boot, Result.on_base).order_by(Result.run_id, Result.boot))
    assert sorted(map(tuple, rows)) == [
        (baseline.id, 0, True),
        (baseline.id, 1, True),
        (run.id, 0, False),
        (run.id, 1, False),
        (run.id, 1, True),
    ]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ((None, None), (None, None)),
        ((5, 40), (5, 40)),
        ((LOG_LIMIT - 1, 1 << 40), (LOG_LIMIT - 1, LOG_LIMIT)),
        ((LOG_LIMIT, LOG_LIMIT + 9), (None, None)),
        ((1 << 40, (1 << 40) + 9), (None, None)),
    ],
)
def test_the_place_in_the_log_is_that_of_what_is_kept(
    session: Session, told: tuple[int | None, int | None], kept: tuple[int | None, int | None]
) -> None:
    held = Claim(run_id=make.add_run(session).id, attempt=1)
    store_results(session, held, BootKey(), [result("a", *told)])
    assert session.execute(select(Result.log_start, Result.log_end)).all() == [kept]
