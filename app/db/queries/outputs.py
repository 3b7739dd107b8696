"""What a test printed in a boot, cut out of the log that holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, tuple_
from sqlalchemy.orm import Session, joinedload, undefer

from app.db.models import Change, Result, Revision, Run, Step, Test
from app.db.queries.logs import list_logs, read_log
from app.domain.outcome import Step as StepName
from app.domain.test_output import log_name
from app.domain.testlog.lines import text_of

MOST_BYTES = 4_000_000
"""Of one test's output; what is longer loses its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """Where an output is: bytes `start` to `end` (not included) of a step's log."""

    step_id: int
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a test printed; `left_out` counts bytes.

    `place` is None where the log is not kept: `lines` are what was kept with the result then.
    """

    result: Result
    lines: Sequence[str]
    place: LogPlace | None
    left_out: int


def find_test(session: Session, suite: str, name: str) -> Test | None:
    """Return a test by what names it."""
    return session.scalar(select(Test).where(Test.suite == suite, Test.name == name))


def change_of_test(session: Session, run_id: int, test_id: int, ordinal: int) -> Change | None:
    """Return what the judge made of a test of a run; None where it did not change."""
    return session.get(Change, (run_id, test_id, ordinal))


def runs_of_series(
    session: Session, run: Run, having: ColumnElement[bool], limit: int = 12
) -> Sequence[tuple[int, str]]:
    """Return other runs of a run's series, of which `having` is true, the newest first: id and label of each."""
    if run.revision is None:
        return ()
    statement = (
        select(Run.id, Revision.label)
        .join(Revision, Revision.id == Run.revision_id)
        .where(Revision.series_id == run.revision.series_id, Run.id != run.id, having)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    return [(run_id, label) for run_id, label in session.execute(statement)]


def has_results_of(test_id: int) -> ColumnElement[bool]:
    """Say of a run that it has results of a test."""
    return exists().where(Result.run_id == Run.id, Result.test_id == test_id)


def boots_of_test(session: Session, run_id: int, test_id: int, ordinal: int) -> Sequence[Result]:
    """Return a test's results in a run, those of its own boot first, then of confirming ones, patched before base.

    Only the attempt that counts, and those that judged it.
    """
    statement = (
        select(Result)
        .join(Run, Run.id == Result.run_id)
        .where(
            Result.run_id == run_id,
            Result.test_id == test_id,
            Result.ordinal == ordinal,
            Result.attempt >= func.coalesce(Run.results_attempt, Run.newest_attempt),
        )
        .options(joinedload(Result.test), undefer(Result.detail))
        .order_by(Result.boot == 0, Result.on_base, Result.boot, Result.attempt.desc())
    )
    found: dict[tuple[int, bool], Result] = {}
    for result in session.scalars(statement):
        found.setdefault((result.boot, result.on_base and result.boot > 0), result)
    return sorted(found.values(), key=lambda one: (one.boot > 0, one.on_base, one.boot))


def read_output(session: Session, result: Result) -> Output:
    """Return what a test printed in one boot; where its log is gone, what was kept with the result."""
    (place,) = output_places(session, [result])
    if place is None:
        return Output(result=result, lines=(result.detail or "").splitlines(), place=None, left_out=0)
    stop = min(place.end, place.start + MOST_BYTES)
    data = b"".join(read_log(session, place.step_id, place.name, place.start, stop))
    lines = [text_of(line) for line in data.split(b"\n")]
    if lines and not lines[-1]:
        lines.pop()
    return Output(result=result, lines=lines, place=place, left_out=place.end - stop)


def output_places(session: Session, results: Sequence[Result]) -> list[LogPlace | None]:
    """Return where what each boot printed is kept, None where it printed nothing or its log is gone; two statements."""
    attempts = {(one.run_id, one.attempt) for one in results if one.log_start is not None}
    if not attempts:
        return [None] * len(results)
    wanted = (
        select(Step.id, Step.run_id, Step.attempt, Step.name)
        .where(tuple_(Step.run_id, Step.attempt).in_(attempts), Step.name.in_((*_OWN, *_ALONE)))
        .order_by(Step.id.desc())
    )
    steps = session.execute(wanted).all()
    sizes = {(log.step_id, log.name): log.size for log in list_logs(session, [step.id for step in steps])}
    return [_place(one, steps, sizes) for one in results]


_OWN, _ALONE = (StepName.BOOT, StepName.SELFTESTS), (StepName.JUDGE,)


def _place(result: Result, steps: Sequence[Any], sizes: Mapping[tuple[int, str], int]) -> LogPlace | None:
    if result.log_start is None or result.log_end is None or result.log_end <= result.log_start:
        return None
    name = log_name(result.boot, on_base=result.on_base)
    mine = (
        step.id
        for step in steps
        if (step.run_id, step.attempt) == (result.run_id, result.attempt)
        and step.name in (_OWN if result.boot == 0 else _ALONE)
        and sizes.get((step.id, name), 0) > result.log_start
    )
    step_id = next(mine, None)
    return None if step_id is None else LogPlace(step_id=step_id, name=name, start=result.log_start, end=result.log_end)
