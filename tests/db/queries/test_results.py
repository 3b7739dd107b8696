"""Results and changes."""

import pytest
from sqlalchemy.orm import Session

from app.db.models import Run
from app.db.queries import results as queries
from app.db.queries import tests as test_queries
from app.db.queries.paging import Window
from app.db.queries.results import ResultFilter
from app.domain.outcome import ChangeClass, Outcome
from tests import factories as make


@pytest.fixture
def run(session: Session) -> Run:
    baseline = make.add_run(session)
    make.add_results(session, baseline, {"a": Outcome.PASS, "b/x": Outcome.PASS, "c": Outcome.FAIL})
    run = make.add_run(session, make.add_revision(session, make.add_series(session)), baseline_id=baseline.id)
    make.add_results(session, run, {"a": Outcome.PASS, "b/x": Outcome.FAIL, "c": Outcome.SKIP})
    make.add_results(session, run, {"b": Outcome.FAIL}, aggregate=True)
    make.add_results(session, run, {"b/x": Outcome.FAIL}, boot=1)
    make.add_results(session, run, {"b/x": Outcome.PASS}, boot=1, on_base=True)
    make.add_change(session, run, "b/x", ChangeClass.REGRESSION)
    return run


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (ResultFilter(), ["a", "b", "b/x", "c"]),
        (ResultFilter(leaves=True), ["a", "b/x", "c"]),
        (ResultFilter(leaves=True, failed_first=True), ["b/x", "a", "c"]),
        (ResultFilter(outcome=Outcome.SKIP), ["c"]),
        (ResultFilter(name="b*"), ["b", "b/x"]),
        (ResultFilter(suite="test_maps"), []),
        (ResultFilter(kind=ChangeClass.REGRESSION), ["b/x"]),
        (ResultFilter(kind=ChangeClass.UNCHANGED, leaves=True), ["a", "c"]),
        (ResultFilter(boot=None, name="b/x"), ["b/x", "b/x", "b/x"]),
    ],
)
def test_filters(session: Session, run: Run, wanted: ResultFilter, names: list[str]) -> None:
    found = queries.list_results(session, run.id, wanted, Window())
    assert [result.test.name for result in found.items] == names
    assert found.total == len(names)


def test_a_tally_counts_each_test_once_and_only_in_its_own_boot(session: Session, run: Run) -> None:
    assert queries.tally(session, run.id) == {Outcome.PASS: 1, Outcome.FAIL: 1, Outcome.SKIP: 1}
    empty = make.add_run(session)
    assert queries.sizes(session, [run.id, empty.id]) == {run.id: 3, empty.id: 0}


def test_outcomes_by_run_and_test(session: Session, run: Run) -> None:
    test = make.known_test(session, "b/x")
    assert run.baseline_id is not None
    found = queries.outcomes(session, [run.id, run.baseline_id], [(test.id, 0)])
    assert found == {(run.id, (test.id, 0)): Outcome.FAIL, (run.baseline_id, (test.id, 0)): Outcome.PASS}
    assert queries.outcomes(session, [], []) == {}


def test_changes_come_by_gravity(session: Session, run: Run) -> None:
    for name, kind in (("new", ChangeClass.NEW_PASS), ("gone", ChangeClass.DISAPPEARED), ("shaky", ChangeClass.FLAKY)):
        make.add_change(session, run, name, kind)
    assert [one.test.name for one in queries.list_changes(session, [run.id])] == ["b/x", "gone", "shaky", "new"]
    assert [one.test.name for one in queries.page_changes(session, run.id, ChangeClass.FLAKY, Window()).items] == [
        "shaky"
    ]


def test_a_history_has_every_boot_with_its_run(session: Session, run: Run) -> None:
    found = test_queries.history(session, make.known_test(session, "b/x").id, Window())
    assert [(one.run.id, one.result.boot, one.result.on_base) for one in found.items] == [
        (run.id, 0, False),
        (run.id, 1, False),
        (run.id, 1, True),
        (run.baseline_id, 0, True),
    ]
    assert found.items[0].change is not None
    assert found.items[-1].series is None


def test_what_differs_in_several_runs_comes_by_test(session: Session, run: Run) -> None:
    other = make.add_run(session, make.add_revision(session, make.add_series(session), "v2"))
    make.add_change(session, run, "late", ChangeClass.NEW_PASS)
    make.add_change(session, other, "late", ChangeClass.REGRESSION)
    make.add_change(session, other, "unreached", ChangeClass.NOT_RUN)
    found = queries.list_differing(session, [run.id, other.id], 10)
    assert [(one.test.name, one.run_id) for one in found.changes] == [
        ("b/x", run.id),
        ("late", run.id),
        ("late", other.id),
    ]
    assert (found.total, found.alike) == (2, {})


def test_where_too_many_differ_one_stands_for_those_alike(session: Session, run: Run) -> None:
    for number in range(6):
        make.add_change(session, run, f"many/{number}", ChangeClass.REGRESSION)
    make.add_change(session, run, "many/6", ChangeClass.DISAPPEARED)
    make.add_change(session, run, "other/0", ChangeClass.REGRESSION)
    found = queries.list_differing(session, [run.id], 5)
    alike = {one.test.name: found.alike[one.test_id, one.ordinal] for one in found.changes}
    assert alike == {"b/x": 0, "many/0": 5, "other/0": 0, "many/6": 0}
    assert found.total == 9
    assert list(alike) == ["b/x", "many/0", "other/0", "many/6"]
    assert len(queries.list_differing(session, [run.id], 9).changes) == 9
    assert len(queries.list_differing(session, [run.id], 3).changes) == 3


def test_some_kinds_of_changes_are_left_out(session: Session, run: Run) -> None:
    make.add_change(session, run, "a", ChangeClass.NEW_PASS)
    kinds = [one.kind for one in queries.list_changes(session, [run.id], without={ChangeClass.NEW_PASS})]
    assert kinds == [ChangeClass.REGRESSION]


def test_many_tests_that_fail_on_the_base_as_well_are_told_apart(session: Session, run: Run) -> None:
    other = make.add_run(session, make.add_revision(session, make.add_series(session), "v2"))
    names = [f"broken/{number}" for number in range(queries.FEW_BROKEN)]
    for name in names:
        make.add_change(session, run, name, ChangeClass.PRE_EXISTING)
        make.add_change(session, other, name, ChangeClass.PRE_EXISTING)
    few = queries.list_differing(session, [run.id, other.id], 10)
    assert (few.total, few.broken) == (1 + queries.FEW_BROKEN, ())

    make.add_change(session, run, "broken/also", ChangeClass.PRE_EXISTING)
    make.add_change(session, run, "mended", ChangeClass.PRE_EXISTING)
    make.add_change(session, other, "mended", ChangeClass.FIXED)
    many = queries.list_differing(session, [run.id, other.id], 10)
    assert [name for _, _, name in many.broken] == [*names, "broken/also"]
    assert many.broken_total == len(many.broken)
    assert list(dict.fromkeys(one.test.name for one in many.changes)) == ["b/x", "mended"]
    assert many.total == 2
