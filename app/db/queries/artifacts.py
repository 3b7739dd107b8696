"""What a run left to download."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import Artifact
from app.domain.artifact import ArtifactKind, ArtifactState


def list_artifacts(session: Session, run_id: int) -> Sequence[Artifact]:
    """Return the files of a run, gone ones included, in the order of their kinds."""
    found = session.scalars(select(Artifact).where(Artifact.run_id == run_id)).all()
    return sorted(found, key=lambda one: list(ArtifactKind).index(one.kind))


def get_artifact(session: Session, run_id: int, kind: ArtifactKind) -> Artifact | None:
    """Return one file of a run."""
    return session.get(Artifact, (run_id, kind))


def bytes_kept(session: Session) -> int:
    """Return the packed bytes in the store; what runs share counts once."""
    once = select(Artifact.sha256, func.max(Artifact.packed_size).label("size"))
    once_each = once.where(Artifact.state == ArtifactState.KEPT).group_by(Artifact.sha256).subquery()
    return int(session.scalar(select(func.coalesce(func.sum(once_each.c.size), 0))) or 0)
