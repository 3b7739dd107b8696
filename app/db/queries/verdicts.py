"""A run with all that its verdict rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.db.models import PatchCheck, Run, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run with its revision and baseline; `steps` are those of both, `before` is the run of the revision before."""

    run: Run
    steps: Sequence[Step]
    before: Run | None
    patches: PatchCheck | None

    def steps_of(self, run: Run) -> Sequence[Step]:
        """Return the steps of the attempt that gave a run's results, and of those after it: the judge's."""
        counting = run.results_attempt or run.newest_attempt
        return [one for one in self.steps if one.run_id == run.id and one.attempt >= counting]


def get_judged(session: Session, run_id: int) -> Judged | None:
    """Return a run, judged or not, in at most four statements."""
    wanted = select(Run).where(Run.id == run_id).options(joinedload(Run.revision), joinedload(Run.baseline))
    # Afresh: what the session loaded for something else may lack them.
    run = session.scalar(wanted.execution_options(populate_existing=True))
    if run is None:
        return None
    both = [run.id, *([run.baseline_id] if run.baseline_id is not None else [])]
    steps = session.scalars(select(Step).where(Step.run_id.in_(both)).order_by(Step.run_id != run.id, Step.id)).all()
    before = run.evidence.get("previous_run")
    return Judged(
        run=run,
        steps=steps,
        before=session.get(Run, before) if isinstance(before, int) else None,
        patches=session.get(PatchCheck, run.id),
    )
