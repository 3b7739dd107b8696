"""Series and their revisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, or_, select, union
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db.models import Change, Comment, Message, Patch, Revision, Run, Series, Test
from app.db.models.series import SEARCHED
from app.db.queries.paging import Page, Window, contains, paginate
from app.domain.outcome import Verdict

POSTED_LAST = (Series.last_posted.desc().nulls_last(), Series.id.desc())
LATELY = 2000
"""How many series say which tags are in use."""


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
    statement = _narrowed(statement, wanted).order_by(*POSTED_LAST)
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
            select(Run.revision_id, Run.verdict)
            .where(Run.revision_id.is_not(None), Run.verdict.is_not(None))
            .ext(distinct_on(Run.revision_id))
            .order_by(
                Run.revision_id,
                Run.only.is_(None).desc(),
                (Run.verdict != Verdict.INCONCLUSIVE).desc(),
                Run.id.desc(),
            )
            .subquery()
        )
        said = select(Revision.series_id).join(standing, standing.c.revision_id == Revision.id)
        statement = statement.where(Series.id.in_(said.where(standing.c.verdict == wanted.verdict)))
    return statement


def _mentions(text: str) -> ColumnElement[bool]:
    """Each way to find a series reads an index of its own; one condition with all of them in it would read none."""
    bare = text.strip().removeprefix("<").removesuffix(">")
    mail = select(Message.id).where(Message.message_id == bare).scalar_subquery()
    by_words = [select(Series.id).where(contains(getattr(Series, name), text)) for name in SEARCHED]
    revisions = select(Revision.series_id)
    by_id = [
        revisions.where(Revision.root_id == bare),
        revisions.join(Patch, Patch.revision_id == Revision.id).where(Patch.message_pk == mail),
        revisions.join(Comment, Comment.revision_id == Revision.id).where(Comment.message_pk == mail),
    ]
    tests = select(Test.id).where(contains(Test.name, text))
    changed = select(Change.run_id).where(Change.test_id.in_(tests))
    by_test = revisions.join(Run, Run.revision_id == Revision.id).where(Run.id.in_(changed))
    return Series.id.in_(union(*by_words, *by_id, by_test))


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
    """Return the subject tags in use among the series posted last, the most used first."""
    newest = select(Series.tags).order_by(*POSTED_LAST).limit(LATELY).subquery()
    tags = select(func.unnest(newest.c.tags).label("tag")).subquery()
    return session.scalars(
        select(tags.c.tag).group_by(tags.c.tag).order_by(func.count().desc(), tags.c.tag).limit(limit)
    ).all()


def comment_counts(session: Session, revision_ids: Sequence[int]) -> dict[int, int]:
    """Count the comments of each revision; one without any is left out."""
    counting = select(Comment.revision_id, func.count()).where(Comment.revision_id.in_(revision_ids))
    return dict(session.execute(counting.group_by(Comment.revision_id)).all())
