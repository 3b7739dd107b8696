"""Programs and what the verifier spends on them."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import ProgramCosts, Result, Run, Test
from app.domain.outcome import Outcome
from app.domain.suites import Suite
from app.domain.veristat import Program


def has_programs(session: Session, run_id: int) -> bool:
    """Tell whether veristat said something in a run."""
    return session.scalar(select(ProgramCosts.run_id).where(ProgramCosts.run_id == run_id).limit(1)) is not None


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
