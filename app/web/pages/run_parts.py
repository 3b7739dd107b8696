"""Parts of a run's page that the live view shows as well."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.db.models import Step
from app.db.queries.logs import LogLine
from app.web.words import Chip, outcome_chip


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step with how it ended and the logs that it has; `attempts` is how often a step of the run was begun."""

    step: Step
    chip: Chip
    logs: Sequence[LogLine]
    attempts: int


def step_rows(steps: Sequence[Step], logs: Sequence[LogLine]) -> list[StepRow]:
    """Return the steps in the order in which they began; `attempts` is how many there were at one of them."""
    attempts = max(Counter(step.name for step in steps).values(), default=1)
    return [
        StepRow(
            step=step,
            chip=outcome_chip(step.outcome),
            logs=[line for line in logs if line.step_id == step.id],
            attempts=attempts,
        )
        for step in steps
    ]
