"""Series and their revisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db.models import Change, Comment, Message, Patch, Revision, Run, Series, Test
from app.db.queries.paging import Page, Window, contains, paginate
from app.domain.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFilter:
    """What the list is narrowed to; None means anything.

    `text` is looked for in titles, people, Message-IDs and tests that differ; `verdict` is that of any revision.
    """

    text: str | None = None
    tag: str | None = None
    author: str | None = None
    verdict: Verdict | None = None


def list_series(session: Session, wanted: SeriesFilter, window: Window) -> Page[Series]:
    """Return series with their revisions, the one posted last first."""
    statement = select(Series).options(selectinload(Series.revisions))
    statement = _narrowed(statement, wanted).order_by(Series.last_posted.desc().nulls_last(), Series.id.desc())
    return paginate(session, statement, window)


def _narrowed(statement: Select[Series], wanted: SeriesFilter) -> Select[Series]:
    if wanted.text:
        statement = statement.where(_mentions(wanted.text))
    if wanted.tag:
        statement = statement.where(Series.tags.contains([wanted.tag]))
    if wanted.author:
        author = wanted.author
        statement = statement.where(or_(contains(Series.author_name, author), contains(Series.author_email, author)))
    if wanted.verdict:
        # The same run as `RevisionRuns.standing` chooses.
        standing = (
            select(Run.verdict)
            .where(Run.revision_id == Revision.id, Run.verdict.is_not(None))
            .order_by(Run.only.is_(None).desc(), (Run.verdict != Verdict.INCONCLUSIVE).desc(), Run.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        said = select(Revision.id).where(Revision.series_id == Series.id, standing == wanted.verdict)
        statement = statement.where(exists(said))
    return statement


def _mentions(text: str) -> ColumnElement[bool]:
    bare = text.strip().removeprefix("<").removesuffix(">")
    revisions = select(Revision.id).where(Revision.series_id == Series.id)
    by_id = revisions.where(
        or_(
            Revision.root_id == bare,
            exists(
                select(Patch.id)
                .join(Message, Message.id == Patch.message_pk)
                .where(Patch.revision_id == Revision.id, Message.message_id == bare)
            ),
            exists(
                select(Comment.id)
                .join(Message, Message.id == Comment.message_pk)
                .where(Comment.revision_id == Revision.id, Message.message_id == bare)
            ),
        )
    )
    by_test = (
        revisions.join(Run, Run.revision_id == Revision.id)
        .join(Change, Change.run_id == Run.id)
        .join(Test, Test.id == Change.test_id)
        .where(contains(Test.name, text))
    )
    return or_(
        contains(Series.title, text),
        contains(Series.author_name, text),
        contains(Series.author_email, text),
        exists(by_id),
        exists(by_test),
    )


def get_series(session: Session, series_id: int) -> Series | None:
    """Return one series with its revisions in order, each with its cover letter and its patches."""
    revisions = selectinload(Series.revisions)
    return session.get(
        Series, series_id, options=(revisions.joinedload(Revision.cover), revisions.selectinload(Revision.patches))
    )


def get_revision(session: Session, revision_id: int) -> Revision | None:
    """Return one revision with its series, its cover letter and its patches."""
    return session.get(
        Revision,
        revision_id,
        options=(
            selectinload(Revision.series),
            selectinload(Revision.cover),
            selectinload(Revision.patches).joinedload(Patch.message),
        ),
    )


def list_revisions(session: Session, window: Window, *, series_id: int | None = None) -> Page[Revision]:
    """Return revisions in the order of their posting, of one series or of all."""
    patches = selectinload(Revision.patches).joinedload(Patch.message)
    statement = select(Revision).options(joinedload(Revision.cover), patches)
    if series_id is not None:
        statement = statement.where(Revision.series_id == series_id)
    return paginate(session, statement.order_by(Revision.series_id, Revision.position, Revision.id), window)


def list_tags(session: Session, limit: int = 50) -> Sequence[str]:
    """Return the subject tags in use, the most used first."""
    tags = select(func.unnest(Series.tags).label("tag")).subquery()
    return session.scalars(
        select(tags.c.tag).group_by(tags.c.tag).order_by(func.count().desc(), tags.c.tag).limit(limit)
    ).all()


def comment_counts(session: Session, revision_ids: Sequence[int]) -> dict[int, int]:
    """Count the comments of each revision; one without any is left out."""
    counting = select(Comment.revision_id, func.count()).where(Comment.revision_id.in_(revision_ids))
    return dict(session.execute(counting.group_by(Comment.revision_id)).all())
