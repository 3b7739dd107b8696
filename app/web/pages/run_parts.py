"""Parts of a run's page that the live view shows as well."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.models import Step
from app.db.queries.logs import LogLine
from app.web.words import Chip, outcome_chip


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step with how it ended and the logs that it has."""

    step: Step
    chip: Chip
    logs: Sequence[LogLine]
    attempts: int


def step_rows(steps: Sequence[Step], logs: Sequence[LogLine]) -> list[StepRow]:
    """Return the steps in the order in which they began; `attempts` is how many the run has had."""
    attempts = len({step.attempt for step in steps})
    return [
        StepRow(
            step=step,
            chip=outcome_chip(step.outcome),
            logs=[line for line in logs if line.step_id == step.id],
            attempts=attempts,
        )
        for step in steps
    ]
