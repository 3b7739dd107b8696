"""What is new in a series, the newest first."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager

from app.db.models import Comment, Message, Revision, Run
from app.db.queries.patches import CommentText
from app.db.queries.runs import IN_SHORT


def newest_comments(session: Session, series_id: int, most: int, limit: int) -> Sequence[CommentText]:
    """Return the newest comments on a series with their revisions; of each text at most `most` characters."""
    statement = (
        select(Comment, func.left(Message.body, most), func.length(Message.body))
        .join(Comment.message)
        .join(Comment.revision)
        .options(contains_eager(Comment.message).defer(Message.body), contains_eager(Comment.revision))
        .where(Revision.series_id == series_id)
        .order_by(Message.sent_at.desc().nulls_last(), Comment.id.desc())
        .limit(limit)
    )
    return [
        CommentText(comment=comment, body=body, length=length) for comment, body, length in session.execute(statement)
    ]


def newest_verdicts(session: Session, series_id: int, limit: int) -> Sequence[Run]:
    """Return the runs of a series that were judged last, with their revisions."""
    statement = (
        select(Run)
        .join(Run.revision)
        .options(contains_eager(Run.revision), *IN_SHORT)
        .where(Revision.series_id == series_id, Run.verdict.is_not(None), Run.finished_at.is_not(None))
        .order_by(Run.finished_at.desc(), Run.id.desc())
        .limit(limit)
    )
    return session.scalars(statement).all()
