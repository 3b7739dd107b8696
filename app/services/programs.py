"""Storing what the verifier spends on programs."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import ProgramCosts, Test
from app.domain.outcome import TestResult
from app.domain.suites import Suite
from app.domain.text import storable
from app.services.attempts import Claim


def store_costs(session: Session, held: Claim, results: Sequence[TestResult]) -> None:
    """Insert the costs of programs among results that are stored already; other results have none."""
    costs = {storable(one.name): one.counts for one in results if one.counts is not None}
    if not costs:
        return
    known = session.execute(select(Test.id, Test.name).where(Test.suite == Suite.VERISTAT, Test.name.in_(costs)))
    found = sorted(((test_id, costs[name]) for test_id, name in known), key=lambda one: one[0])
    row = {
        "run_id": held.run_id,
        "attempt": held.attempt,
        "first_test_id": found[0][0],
        "test_ids": [test_id for test_id, _ in found],
        "states": [counts.states for _, counts in found],
        "insns": [counts.insns for _, counts in found],
    }
    session.execute(upsert(ProgramCosts).on_conflict_do_nothing(), [row])
