"""Tests, and what they did of late."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.db.queries import tests as queries
from app.db.queries.paging import Window
from app.domain.outcome import Outcome
from tests import factories as make

PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.fixture
def runs(session: Session) -> list[Run]:
    """Return five baselines, a day apart; the test failed in the two oldest, and `other` always."""
    made = []
    for day in range(5):
        run = make.add_run(session, started=make.NOW - timedelta(days=5 - day))
        make.add_results(session, run, {"a": FAIL if day < 2 else PASS, "other": FAIL})
        made.append(run)
    make.known_test(session, "never run")
    return made


def test_only_the_newest_results_count(session: Session, runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    a, other = make.known_test(session, "a").id, make.known_test(session, "other").id
    assert queries.passed_and_failed(session, [a, other]) == [a]
    monkeypatch.setattr(queries, "RECENT", 4)
    assert queries.passed_and_failed(session, [a, other]) == [a]
    monkeypatch.setattr(queries, "RECENT", 3)
    assert queries.passed_and_failed(session, [a, other]) == []


def test_a_skip_is_no_run_on_the_base_and_makes_no_room(
    session: Session, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    make.add_results(session, make.add_run(session), {"a": Outcome.SKIP})
    monkeypatch.setattr(queries, "RECENT", 4)
    test = make.known_test(session, "a").id
    assert queries.passed_and_failed(session, [test]) == [test]


def test_what_a_patched_tree_does_says_nothing_of_the_base(session: Session, runs: list[Run]) -> None:
    run = make.add_run(session, make.add_revision(session, make.add_series(session)))
    make.add_results(session, run, {"other": PASS})
    make.add_results(session, run, {"other": PASS}, boot=1)
    test = make.known_test(session, "other").id
    assert queries.passed_and_failed(session, [test]) == []
    make.add_results(session, run, {"other": PASS}, boot=1, on_base=True)
    assert queries.passed_and_failed(session, [test]) == [test]


def test_a_list_says_how_tests_do_of_late(session: Session, runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "RECENT", 4)
    found = queries.list_tests(session, Window())
    said = {line.test.name: (line.results, line.failed, line.last_seen) for line in found.items}
    assert said == {
        "a": (4, 1, runs[-1].created_at),
        "never run": (0, 0, None),
        "other": (4, 4, runs[-1].created_at),
    }


def test_pages_of_a_history_are_the_whole_of_it(session: Session, runs: list[Run]) -> None:
    test = make.known_test(session, "a").id
    seen = [
        one.run.id for page in (1, 2, 3) for one in queries.history(session, test, Window(page=page, limit=2)).items
    ]
    assert seen == [run.id for run in reversed(runs)]
    assert queries.history(session, test, Window(page=3, limit=2)).total == len(runs)
