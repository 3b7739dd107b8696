"""Storing what steps say while they run: their state, their logs, their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import zstandard
from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import LogChunk, Result, Run, Step, Test
from app.domain.outcome import Outcome, TestResult
from app.domain.outcome import Step as StepName
from app.domain.text import storable
from app.services.attempts import Claim

LOG_LIMIT = 64_000_000
"""Bytes of plain log kept a step and name; hostile code could otherwise write for ever."""
DETAIL_LIMIT = 20_000
"""Characters kept of what explains one failure; the whole is in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootKey:
    """Which boot results belong to: 0 is the run's own; 1.. are confirming ones, `on_base` of the unpatched image.

    All boots of a baseline are of the unpatched image, whatever is said here.
    """

    boot: int = 0
    on_base: bool = False


def start_step(session: Session, held: Claim, name: StepName) -> int:
    """Insert a step that runs now; return its id."""
    step = Step(run_id=held.run_id, attempt=held.attempt, name=name, detail={})
    session.add(step)
    session.flush()
    return step.id


def finish_step(session: Session, step_id: int, outcome: Outcome, summary: str, detail: dict[str, Any]) -> None:
    """Close a step; `summary` is one line, `detail` what a page needs beyond it."""
    step = session.get_one(Step, step_id)
    step.outcome = outcome
    step.summary = storable(summary)
    step.detail = clean_json(detail)
    step.finished_at = datetime.now(UTC)


def append_log(session: Session, step_id: int, name: str, start: int, data: bytes) -> None:
    """Append bytes to a step's log; `start` is how many the log held before."""
    packed = zstandard.ZstdCompressor(level=6).compress(data)
    session.add(LogChunk(step_id=step_id, name=name, start=start, size=len(data), data=packed))


def store_results(session: Session, held: Claim, key: BootKey, results: Sequence[TestResult]) -> None:
    """Insert the results of one boot as they come; the same test again in the same boot keeps the first."""
    if not results:
        return
    ids = _test_ids(session, {(one.suite, storable(one.name)): one.parent and storable(one.parent) for one in results})
    unpatched = session.scalar(select(Run.revision_id.is_(None)).where(Run.id == held.run_id))
    rows = [
        {
            "run_id": held.run_id,
            "attempt": held.attempt,
            "boot": key.boot,
            "on_base": key.on_base or unpatched,
            "test_id": ids[one.suite, storable(one.name)],
            "ordinal": one.ordinal,
            "outcome": one.outcome,
            "message": None if one.message is None else storable(one.message)[:DETAIL_LIMIT],
            "detail": None if one.detail is None else storable(one.detail)[:DETAIL_LIMIT],
            "aggregate": one.aggregate,
            "duration_s": one.duration_s,
            **_place(one),
        }
        for one in results
    ]
    session.execute(upsert(Result).on_conflict_do_nothing(), rows)


def _place(result: TestResult) -> dict[str, int | None]:
    """Return where the log of a result is, as far as it is kept."""
    start, end = result.log_start, result.log_end
    if start is None or end is None or start >= LOG_LIMIT:
        return {"log_start": None, "log_end": None}
    return {"log_start": start, "log_end": min(end, LOG_LIMIT)}


def _test_ids(session: Session, parents: Mapping[tuple[str, str], str | None]) -> dict[tuple[str, str], int]:
    """Return tests' ids by suite and name; unknown ones are inserted, in one order, so that writers cannot deadlock."""
    wanted = sorted(parents)
    known = _known(session, wanted)
    unknown = [
        {"suite": suite, "name": name, "parent": parents[suite, name]}
        for suite, name in wanted
        if (suite, name) not in known
    ]
    if unknown:
        session.execute(upsert(Test).on_conflict_do_nothing(), unknown)
        known |= _known(session, [pair for pair in wanted if pair not in known])
    return known


def _known(session: Session, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    found = session.execute(select(Test.suite, Test.name, Test.id).where(tuple_(Test.suite, Test.name).in_(names)))
    return {(suite, name): id_ for suite, name, id_ in found}


def clean_json(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with every string in it as PostgreSQL can hold it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): clean_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_json(one) for one in value]
    return value
