"""Tests and their history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app.db.models import Change, Result, Revision, Run, Series, Test
from app.db.queries.paging import Page, Window, count, matches_glob
from app.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLine:
    """A test and how its results fell out, over all runs."""

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
    """Return tests with how often they failed, by suite and name; `name` is a glob."""
    wanted = select(Test)
    if name:
        wanted = wanted.where(matches_glob(Test.name, name))
    if suite:
        wanted = wanted.where(Test.suite == suite)
    total = count(session, wanted)
    tests = session.scalars(wanted.order_by(Test.suite, Test.name).limit(window.limit).offset(window.offset)).all()
    failing = func.count().filter(Result.outcome.in_((Outcome.FAIL, Outcome.ERROR)))
    counting = (
        select(Result.test_id, func.count(), failing, func.max(Run.created_at))
        .join(Run, Run.id == Result.run_id)
        .where(Result.test_id.in_([test.id for test in tests]))
        .group_by(Result.test_id)
    )
    counts = {row[0]: row for row in session.execute(counting)}
    lines = []
    for test in tests:
        _, results, failed, seen = counts.get(test.id, (test.id, 0, 0, None))
        lines.append(TestLine(test=test, results=results, failed=failed, last_seen=seen))
    return Page(items=lines, total=total, window=window)


def history(session: Session, test_id: int, window: Window) -> Page[PastResult]:
    """Return a test's results, the newest run first, each with its run and what the judge made of it."""
    wanted = (
        select(Result, Run, Revision, Series, Change)
        .join(Run, Run.id == Result.run_id)
        .outerjoin(Revision, Revision.id == Run.revision_id)
        .outerjoin(Series, Series.id == Revision.series_id)
        .outerjoin(
            Change,
            (Change.run_id == Result.run_id) & (Change.test_id == Result.test_id) & (Change.ordinal == Result.ordinal),
        )
        .where(Result.test_id == test_id)
        .options(undefer(Result.detail))
        .order_by(Run.id.desc(), Result.ordinal, Result.on_base, Result.boot)
    )
    total = session.scalar(select(func.count()).where(Result.test_id == test_id)) or 0
    rows = session.execute(wanted.limit(window.limit).offset(window.offset))
    items = [
        PastResult(result=result, run=run, revision=revision, series=series, change=change)
        for result, run, revision, series, change in rows
    ]
    return Page(items=items, total=total, window=window)


def suites(session: Session) -> Sequence[str]:
    """Return the suites that have tests."""
    return session.scalars(select(Test.suite).distinct().order_by(Test.suite)).all()


def base_counts(session: Session, test_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Count how often each test failed and how often it ran on unpatched trees; one that never did is left out."""
    failing = func.count().filter(Result.outcome.in_((Outcome.FAIL, Outcome.ERROR)))
    counting = (
        select(Result.test_id, failing, func.count())
        .join(Run, Run.id == Result.run_id)
        .where(
            Result.test_id.in_(test_ids),
            Run.revision_id.is_(None) | Result.on_base.is_(True),
            Result.outcome.in_((Outcome.PASS, Outcome.FAIL, Outcome.ERROR)),
        )
        .group_by(Result.test_id)
    )
    return {test: (failed, ran) for test, failed, ran in session.execute(counting)}
