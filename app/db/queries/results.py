"""Results of tests, and what the judge made of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import Session, contains_eager, joinedload, undefer

from app.db.models import Change, Result, Run, Test
from app.db.queries.paging import Page, Window, matches_glob, paginate
from app.domain.outcome import ChangeClass, Outcome

TestRef = tuple[int, int]
"""A test within a run: its id and its ordinal."""

GRAVITY = (
    ChangeClass.REGRESSION,
    ChangeClass.NEW_FAILURE,
    ChangeClass.DISAPPEARED,
    ChangeClass.FLAKY,
    ChangeClass.IGNORED,
    ChangeClass.FIXED,
    ChangeClass.NEW_PASS,
    ChangeClass.PRE_EXISTING,
    ChangeClass.NOT_RUN,
)
"""What a reader wants to see first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """What results are narrowed to; None means anything.

    `name` is a glob, `boot` 0 the run's own boot, `leaves` leaves out those that only sum up their subtests;
    `failed_first` is an order.
    """

    suite: str | None = None
    outcome: Outcome | None = None
    kind: ChangeClass | None = None
    name: str | None = None
    boot: int | None = 0
    leaves: bool = False
    failed_first: bool = False


def list_results(session: Session, run_id: int, wanted: ResultFilter, window: Window) -> Page[Result]:
    """Return the results of a run's attempt that counts, with their tests, by suite and name."""
    statement = (
        _counting(select(Result), run_id).join(Result.test).options(contains_eager(Result.test), undefer(Result.detail))
    )
    if wanted.suite:
        statement = statement.where(Test.suite == wanted.suite)
    if wanted.outcome:
        statement = statement.where(Result.outcome == wanted.outcome)
    if wanted.name:
        statement = statement.where(matches_glob(Test.name, wanted.name))
    if wanted.boot is not None:
        statement = statement.where(Result.boot == wanted.boot)
    if wanted.leaves:
        statement = statement.where(Result.aggregate.is_(False))
    if wanted.kind:
        statement = _of_class(statement, wanted.kind)
    worst = [Result.outcome.in_((Outcome.FAIL, Outcome.ERROR)).desc()] if wanted.failed_first else []
    order = (*worst, Test.suite, Test.name, Result.ordinal, Result.boot, Result.on_base)
    return paginate(session, statement.order_by(*order), window)


def _counting(statement: Select[Result], run_id: int) -> Select[Result]:
    """Only the attempt that counts: that of the results, or the newest while there is none yet."""
    attempt = select(func.coalesce(Run.results_attempt, Run.newest_attempt)).where(Run.id == run_id).scalar_subquery()
    return statement.where(Result.run_id == run_id, Result.attempt >= attempt)


def _of_class(statement: Select[Result], kind: ChangeClass) -> Select[Result]:
    same = and_(Change.run_id == Result.run_id, Change.test_id == Result.test_id, Change.ordinal == Result.ordinal)
    if kind is ChangeClass.UNCHANGED:
        return statement.outerjoin(Change, same).where(Change.run_id.is_(None))
    return statement.join(Change, same).where(Change.kind == kind)


FEW_BROKEN, MOST_BROKEN = 5, 200
"""So many tests that fail on the base and with the patches alike are shown among those that differ; so many named."""
_GRAVITY = case({kind.value: place for place, kind in enumerate(GRAVITY)}, value=Change.kind, else_=len(GRAVITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """Changes of the tests that differ, all of a test together, the gravest test first.

    `total` counts the tests that differ; `alike` says how many more each test stands for. `broken` are tests that fail
    on the base and wherever they ran, where they are too many to be among the others, the first MOST_BROKEN of
    `broken_total`: id, suite and name.
    """

    changes: Sequence[Change]
    total: int
    alike: Mapping[TestRef, int]
    broken: Sequence[tuple[int, str, str]] = ()
    broken_total: int = 0


def list_changes(
    session: Session, run_ids: Sequence[int], limit: int = 5000, *, without: Collection[ChangeClass] = ()
) -> Sequence[Change]:
    """Return what changed in these runs against their baselines, with the tests, the gravest first.

    Those of the kinds `without` are left out.
    """
    statement = select(Change).join(Change.test).options(contains_eager(Change.test))
    statement = statement.where(Change.run_id.in_(run_ids), Change.kind.not_in(without))
    return session.scalars(statement.order_by(_GRAVITY, Test.suite, Test.name, Change.ordinal).limit(limit)).all()


def list_differing(session: Session, run_ids: Sequence[int], limit: int) -> Differing:
    """Return what differs in any of these runs, the gravest tests first, `limit` tests at most.

    Where there are more, one of the tests with the same parent and the same classes stands for all of them. Not to have
    been run is no difference of the test's own.
    """
    rows = session.execute(_ranked(_refs(run_ids), limit)).all()
    total, broken_total = (rows[0].total, rows[0].broken_total) if rows else (0, 0)
    few = broken_total <= FEW_BROKEN
    shown = [row for row in rows if not row.steady][:limit] + [row for row in rows if row.steady and few]
    places = {(row.test_id, row.ordinal): place for place, row in enumerate(shown)}
    changes = session.scalars(
        select(Change)
        .options(joinedload(Change.test))
        .where(Change.run_id.in_(run_ids), Change.test_id.in_({row.test_id for row in shown}))
    ).all()
    told = [one for one in changes if (one.test_id, one.ordinal) in places]
    return Differing(
        changes=sorted(told, key=lambda one: (places[one.test_id, one.ordinal], one.run_id)),
        total=total + (broken_total if few else 0),
        alike={(row.test_id, row.ordinal): row.alike - 1 for row in shown if total > limit and not row.steady},
        broken=() if few else [(row.test_id, row.suite, row.name) for row in rows if row.steady][:MOST_BROKEN],
        broken_total=0 if few else broken_total,
    )


def _refs(run_ids: Sequence[int]) -> Subquery:
    """The tests that differ: how gravely, in which classes in which runs, and whether they only fail as the base's."""
    return (
        select(
            Change.test_id,
            Change.ordinal,
            func.min(_GRAVITY).label("gravity"),
            func.bit_xor(func.hashtextextended(func.concat(Change.run_id, Change.kind), 0)).label("pattern"),
            func.bool_and(Change.kind == ChangeClass.PRE_EXISTING).label("steady"),
        )
        .where(Change.run_id.in_(run_ids), Change.kind != ChangeClass.NOT_RUN)
        .group_by(Change.test_id, Change.ordinal)
        .subquery()
    )


def _ranked(refs: Subquery, limit: int) -> Select[Any]:
    """The tests to show, with how many differ and how many only fail as the base's do; the latter come last."""
    counts = select(
        refs,
        func.count().filter(~refs.c.steady).over().label("total"),
        func.count().filter(refs.c.steady).over().label("broken_total"),
    ).subquery()
    # Sorted by bytes: which language's order it is does not matter here, and costs.
    family = (func.coalesce(Test.parent, Test.name).collate("C"), Test.suite.collate("C"), counts.c.pattern)
    ranked = (
        select(
            counts,
            Test.suite,
            Test.name,
            func.row_number().over(partition_by=family, order_by=(counts.c.test_id, counts.c.ordinal)).label("nth"),
            func.count().over(partition_by=family).label("alike"),
        )
        .join(Test, Test.id == counts.c.test_id)
        .subquery()
    )
    return (
        select(ranked)
        .where(or_(ranked.c.steady, ranked.c.total <= limit, ranked.c.nth == 1))
        .order_by(ranked.c.steady, ranked.c.gravity, ranked.c.suite, ranked.c.name, ranked.c.ordinal)
        .limit(limit + MOST_BROKEN)
    )


def page_changes(session: Session, run_id: int, kind: ChangeClass | None, window: Window) -> Page[Change]:
    """Return one page of what changed in a run against its baseline, with the tests, by class, suite and name."""
    statement = select(Change).join(Change.test).options(contains_eager(Change.test)).where(Change.run_id == run_id)
    if kind is not None:
        statement = statement.where(Change.kind == kind)
    return paginate(session, statement.order_by(Change.kind, Test.suite, Test.name, Change.ordinal), window)


def _own_boot() -> ColumnElement[bool]:
    """What the attempt that counts saw in the run's own boot, for results joined with their runs."""
    return and_(
        Result.attempt == func.coalesce(Run.results_attempt, Run.newest_attempt),
        Result.boot == 0,
    )


def outcomes(session: Session, run_ids: Sequence[int], tests: Sequence[TestRef]) -> dict[tuple[int, TestRef], Outcome]:
    """Return the outcomes, in each run's own boot, of some tests: by run and test; one that has none is left out."""
    if not tests or not run_ids:
        return {}
    statement = (
        select(Result.run_id, Result.test_id, Result.ordinal, Result.outcome)
        .join(Run, Run.id == Result.run_id)
        .where(_own_boot(), Run.id.in_(run_ids), Result.test_id.in_({test for test, _ in tests}))
    )
    wanted = set(tests)
    found = session.execute(statement)
    return {(run, (test, at)): outcome for run, test, at, outcome in found if (test, at) in wanted}


def tally(session: Session, run_id: int) -> dict[Outcome, int]:
    """Count the results of a run's own boot by outcome; sums over subtests are not counted again."""
    statement = (
        select(Result.outcome, func.count())
        .join(Run, Run.id == Result.run_id)
        .where(_own_boot(), Run.id == run_id, Result.aggregate.is_(False))
        .group_by(Result.outcome)
    )
    return dict(session.execute(statement).all())


def sizes(session: Session, run_ids: Sequence[int]) -> dict[int, int]:
    """Count the results of each run's own boot, without sums over subtests."""
    counted = select(func.count()).where(Result.run_id == Run.id, _own_boot(), Result.aggregate.is_(False))
    statement = select(Run.id, counted.correlate(Run).scalar_subquery()).where(Run.id.in_(run_ids))
    return dict(session.execute(statement).all())


def suites(session: Session, run_id: int) -> Sequence[str]:
    """Return the suites that a run has results of."""
    statement = select(Test.suite).join(Result, Result.test_id == Test.id).where(Result.run_id == run_id)
    return session.scalars(statement.distinct().order_by(Test.suite)).all()


def results_of_tests(
    session: Session, run_id: int, tests: Sequence[TestRef], *, details: bool = True
) -> Sequence[Result]:
    """Return every result, of each boot, that a run has of some tests; with `details` what the log says of each."""
    if not tests:
        return []
    statement = (
        select(Result)
        .where(Result.run_id == run_id, tuple_(Result.test_id, Result.ordinal).in_(tests))
        .options(joinedload(Result.test), *([undefer(Result.detail)] if details else []))
        .order_by(Result.test_id, Result.ordinal, Result.on_base, Result.boot, Result.attempt.desc())
    )
    return session.scalars(statement).all()


def failures_again(session: Session, changes: Sequence[Change]) -> dict[TestRef, int]:
    """Count how often the judge of a run, whose changes these are, saw their tests fail again with the patches."""
    if not changes:
        return {}
    statement = (
        select(Result.test_id, Result.ordinal, func.count())
        .where(
            Result.run_id == changes[0].run_id,
            Result.attempt == changes[0].attempt,
            Result.test_id.in_({one.test_id for one in changes}),
            Result.boot > 0,
            ~Result.on_base,
            Result.outcome.in_((Outcome.FAIL, Outcome.ERROR)),
        )
        .group_by(Result.test_id, Result.ordinal)
    )
    return {(test_id, ordinal): count for test_id, ordinal, count in session.execute(statement)}
