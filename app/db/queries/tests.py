"""Tests and their history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, and_, func, inspect, select, true
from sqlalchemy.orm import Session, defer, undefer

from app.db.models import Change, Result, Revision, Run, Series, Test
from app.db.queries.paging import Page, Window, count, matches_glob
from app.domain.outcome import Outcome

RECENT = 100
"""How many of a test's newest results say how it does of late: an index has them side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLine:
    """A test and how the RECENT newest of its results fell out."""

    __test__ = False  # pytest: not a test case

    test: Test
    results: int
    failed: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastResult:
    """One result of a test, with the run that it is of; a baseline has neither revision nor series."""

    result: Result
    run: Run
    revision: Revision | None
    series: Series | None
    change: Change | None


def get_test(session: Session, test_id: int) -> Test | None:
    """Return one test."""
    return session.get(Test, test_id)


def list_tests(
    session: Session, window: Window, *, name: str | None = None, suite: str | None = None
) -> Page[TestLine]:
    """Return tests with how often they failed of late, by suite and name; `name` is a glob."""
    wanted = select(Test)
    if name:
        wanted = wanted.where(matches_glob(Test.name, name))
    if suite:
        wanted = wanted.where(Test.suite == suite)
    total = count(session, wanted)
    tests = session.scalars(wanted.order_by(Test.suite, Test.name).limit(window.limit).offset(window.offset)).all()
    newest = _newest([test.id for test in tests])
    counting = select(newest.c.test_id, func.count(), _failing(newest), func.max(newest.c.run_id))
    counts = {row[0]: row for row in session.execute(counting.group_by(newest.c.test_id))}
    runs = select(Run.id, Run.created_at).where(Run.id.in_({row[3] for row in counts.values()}))
    begun = dict(session.execute(runs).all())
    lines = []
    for test in tests:
        _, results, failed, run = counts.get(test.id, (test.id, 0, 0, 0))
        lines.append(TestLine(test=test, results=results, failed=failed, last_seen=begun.get(run)))
    return Page(items=lines, total=total, window=window)


def _newest(test_ids: Collection[int], *narrowed: ColumnElement[bool]) -> Subquery:
    """The RECENT newest results of each test, as the index has them: a join with the runs would read every row."""
    results = (
        select(Result.run_id, Result.outcome)
        .where(Result.test_id == Test.id, *narrowed)
        .order_by(Result.run_id.desc())
        .limit(RECENT)
        .lateral()
    )
    of_tests = select(Test.id.label("test_id"), results.c.run_id, results.c.outcome).join(results, true())
    return of_tests.where(Test.id.in_(test_ids)).subquery()


def _failing(results: Subquery) -> ColumnElement[int]:
    return func.count().filter(results.c.outcome.in_((Outcome.FAIL, Outcome.ERROR)))


def history(session: Session, test_id: int, window: Window) -> Page[PastResult]:
    """Return a test's results, the newest run first, each with its run and what the judge made of it."""
    order = (Result.run_id.desc(), Result.ordinal, Result.attempt, Result.on_base, Result.boot)
    # The page is cut first: what belongs to a result is looked up for those shown only.
    shown = (
        select(*inspect(Result).primary_key)
        .where(Result.test_id == test_id)
        .order_by(*order)
        .limit(window.limit)
        .offset(window.offset)
        .subquery()
    )
    wanted = (
        select(Result, Run, Revision, Series, Change)
        .join(shown, and_(*(column == shown.c[column.name] for column in inspect(Result).primary_key)))
        .join(Run, Run.id == Result.run_id)
        .outerjoin(Revision, Revision.id == Run.revision_id)
        .outerjoin(Series, Series.id == Revision.series_id)
        .outerjoin(
            Change,
            (Change.run_id == Result.run_id) & (Change.test_id == Result.test_id) & (Change.ordinal == Result.ordinal),
        )
        .options(undefer(Result.detail), defer(Run.selection), defer(Run.files), defer(Run.evidence))
        .order_by(*order)
    )
    total = session.scalar(select(func.count()).where(Result.test_id == test_id)) or 0
    items = [
        PastResult(result=result, run=run, revision=revision, series=series, change=change)
        for result, run, revision, series, change in session.execute(wanted)
    ]
    return Page(items=items, total=total, window=window)


def suites(session: Session) -> Sequence[str]:
    """Return the suites that have tests."""
    return session.scalars(select(Test.suite).distinct().order_by(Test.suite)).all()


def passed_and_failed(session: Session, test_ids: Collection[int]) -> Sequence[int]:
    """Return which tests both passed and failed among their RECENT newest results on unpatched trees of any kind.

    An index alone says so; why, flaky or broken on one of the bases, is for those few to be read from their runs.
    """
    ran = Result.outcome.in_((Outcome.PASS, Outcome.FAIL, Outcome.ERROR))
    newest = _newest(test_ids, inspect(Result).columns.on_base, ran)
    failed = _failing(newest)
    return session.scalars(
        select(newest.c.test_id).group_by(newest.c.test_id).having(failed > 0, failed < func.count())
    ).all()
