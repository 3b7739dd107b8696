"""Programs and what the verifier spends on them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.db.models import ProgramCosts, Result, Run, Test
from app.db.queries.runs import get_run
from app.domain.outcome import Outcome
from app.domain.suites import Suite
from app.domain.veristat import Program
from app.errors import NotFoundError


def has_costs() -> ColumnElement[bool]:
    """Say of a run that veristat said something in it."""
    return exists().where(ProgramCosts.run_id == Run.id)


def has_programs(session: Session, run_id: int) -> bool:
    """Tell whether veristat said something in a run."""
    return bool(session.scalar(select(has_costs()).where(Run.id == run_id)))


def run_with_programs(session: Session, run_id: int) -> Run:
    """Return a run in which veristat said something.

    Raises:
        NotFoundError: there is no such run, or veristat was not run in it.
    """
    run = get_run(session, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id}")
    if not has_programs(session, run_id):
        raise NotFoundError(
            f"veristat has said nothing in run {run_id}: it was not selected, or the run did not come to it"
        )
    return run


def list_programs(session: Session, run_id: int) -> Sequence[Program]:
    """Return the programs of a run's own boot, by name, with verdict and cost."""
    costs = (
        select(
            func.unnest(ProgramCosts.test_ids).label("test_id"),
            func.unnest(ProgramCosts.states).label("states"),
            func.unnest(ProgramCosts.insns).label("insns"),
        )
        .join(Run, Run.id == ProgramCosts.run_id)
        .where(
            ProgramCosts.run_id == run_id,
            ProgramCosts.attempt == func.coalesce(Run.results_attempt, Run.newest_attempt),
        )
        .subquery()
    )
    rows = session.execute(
        select(Test.name, Result.outcome, costs.c.states, costs.c.insns)
        .join(Result, Result.test_id == costs.c.test_id)
        .join(Test, Test.id == costs.c.test_id)
        .join(Run, Run.id == Result.run_id)
        .where(
            Result.run_id == run_id,
            Result.attempt == func.coalesce(Run.results_attempt, Run.newest_attempt),
            Result.boot == 0,
            Result.ordinal == 0,
            Test.suite == Suite.VERISTAT,
        )
        .order_by(Test.name)
    )
    return [
        Program(name=name, accepted=outcome is Outcome.PASS, states=states, insns=insns)
        for name, outcome, states, insns in rows
    ]
