"""What came of single patches of a run."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import CheckState, PatchCheck, PatchTrial, Run


def check_of(session: Session, run_id: int) -> PatchCheck | None:
    """Return the check of a run's patches; None where they are not to be tried."""
    return session.get(PatchCheck, run_id)


def trials_of(session: Session, run_id: int) -> Sequence[PatchTrial]:
    """Return what came of a run's patches, in order."""
    wanted = select(PatchTrial).where(PatchTrial.run_id == run_id).order_by(PatchTrial.position)
    return session.scalars(wanted).all()


def newest_trial(session: Session, revision_id: int, position: int) -> PatchTrial | None:
    """Return what came of a patch in the newest whole run of its revision in which it was tried."""
    wanted = (
        select(PatchTrial)
        .join(Run, Run.id == PatchTrial.run_id)
        .where(Run.revision_id == revision_id, PatchTrial.position == position)
        .order_by(Run.id.desc())
        .limit(1)
    )
    return session.scalar(wanted)


def open_checks(session: Session, run_ids: Sequence[int]) -> frozenset[int]:
    """Return which of some runs have patches that are still to be tried."""
    wanted = select(PatchCheck.run_id).where(PatchCheck.run_id.in_(run_ids), PatchCheck.state == CheckState.OPEN)
    return frozenset(session.scalars(wanted))
