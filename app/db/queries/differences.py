"""What the comparison of two revisions is made from: their mails, and what git said of them."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Message, Patch, RangeDiff, Revision


def covers_of(session: Session, revision_ids: Sequence[int]) -> dict[int, bytes]:
    """Return the sources of revisions' cover letters, by the revisions' ids; one without is left out."""
    found = select(Revision.id, Message.raw).join(Revision.cover).where(Revision.id.in_(revision_ids))
    return dict(session.execute(found).all())


def patches_of(session: Session, revision_ids: Sequence[int]) -> dict[int, list[tuple[Patch, bytes]]]:
    """Return the patches of revisions in order, each with the source of its mail, by the revisions' ids."""
    statement = select(Patch, Message.raw).join(Patch.message).where(Patch.revision_id.in_(revision_ids))
    patches: dict[int, list[tuple[Patch, bytes]]] = defaultdict(list)
    for patch, raw in session.execute(statement.order_by(Patch.revision_id, Patch.position)):
        patches[patch.revision_id].append((patch, raw))
    return patches


def get_range_diff(session: Session, old_id: int, new_id: int) -> RangeDiff | None:
    """Return what git said of two revisions, if a worker had it made."""
    return session.get(RangeDiff, (old_id, new_id))
