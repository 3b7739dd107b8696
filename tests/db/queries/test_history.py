"""What tests did on unpatched trees, and on patched ones."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.db.queries.history import Like, on_patched, on_unpatched
from app.domain.outcome import Outcome
from tests import factories as make

PASS, FAIL, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.SKIP
LONG_AGO = make.NOW - timedelta(days=400)


@pytest.fixture
def runs(session: Session) -> list[Run]:
    """Return two baselines, of different trees, and a run of a revision, with two boots of the judge."""
    first = make.add_run(session, started=make.NOW - timedelta(days=9))
    second = make.add_run(session, started=make.NOW - timedelta(days=2), tree="bpf")
    patched = make.add_run(session, make.add_revision(session, make.add_series(session)), baseline_id=first.id)
    make.add_results(session, first, {"a": PASS, "b": FAIL, "c": SKIP})
    make.add_results(session, second, {"a": FAIL})
    make.add_results(session, patched, {"a": FAIL, "b": FAIL})
    make.add_results(session, patched, {"a": FAIL}, boot=1)
    make.add_results(session, patched, {"a": PASS}, boot=1, on_base=True)
    return [first, second, patched]


def test_baselines_and_the_judges_boots_of_the_base_the_oldest_first(session: Session, runs: list[Run]) -> None:
    a, b, c = (make.known_test(session, name).id for name in "abc")
    first, second, patched = runs
    seen = [
        (one.ref[0], one.run_id, one.boot, one.of_baseline, one.outcome)
        for one in on_unpatched(session, [a], since=LONG_AGO)
    ]
    assert seen == [
        (a, first.id, 0, True, PASS),
        (a, second.id, 0, True, FAIL),
        (a, patched.id, 1, False, PASS),
    ]
    assert [one.outcome for one in on_unpatched(session, [b, c], since=LONG_AGO)] == [FAIL]


def test_it_is_narrowed(session: Session, runs: list[Run]) -> None:
    a = make.known_test(session, "a").id
    _, second, patched = runs
    lately = on_unpatched(session, [a], since=make.NOW - timedelta(days=5))
    assert [one.run_id for one in lately] == [second.id, patched.id]
    of_bpf = Like(tree="bpf", profile=second.profile)
    assert [one.run_id for one in on_unpatched(session, [a], since=LONG_AGO, like=of_bpf)] == [second.id]
    full = Like(tree="bpf", profile="bpf-full")
    assert [one.run_id for one in on_unpatched(session, [a], since=LONG_AGO, like=full)] == []
    # of each tree: second is of another
    assert [one.run_id for one in on_unpatched(session, [a], since=LONG_AGO, most=1)] == [second.id, patched.id]


def test_on_patched_trees_only_the_runs_own_boots_count(session: Session, runs: list[Run]) -> None:
    a, b = (make.known_test(session, name).id for name in "ab")
    assert on_patched(session, a, since=LONG_AGO) == (1, 1)
    assert on_patched(session, b, since=LONG_AGO) == (1, 1)
    assert on_patched(session, a, since=make.NOW) == (0, 0)
