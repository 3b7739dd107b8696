"""What people decided about which postings are one series, and where postings are."""

from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, Text, any_, func, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, joinedload

from app.db.models import Comment, FormerPlace, Message, Patch, Revision
from app.db.models import Decision as Row
from app.db.queries.paging import Page, Window, paginate
from app.domain.decision import Decision

MOST_SHOWN = 50


def decisions_about(session: Session, message_ids: Collection[str]) -> list[Decision]:
    """Return the decisions in force that name any of these Message-IDs, as what is decided on or as the target.

    The oldest first, which is the order that they are taken in.
    """
    wanted = any_(literal(list(message_ids), ARRAY(Text)))  # one parameter, however many mails a batch has
    statement = select(Row.kind, Row.message_id, Row.to_message_id).where(
        Row.undone_at.is_(None), or_(Row.message_id == wanted, Row.to_message_id == wanted)
    )
    rows = session.execute(statement.order_by(Row.id))
    return [Decision(kind=kind, message_id=message_id, to=to) for kind, message_id, to in rows]


def get_decision(session: Session, decision_id: int, *, for_update: bool = False) -> Row | None:
    """Return one decision, undone or not."""
    return session.get(Row, decision_id, with_for_update=for_update)


def list_decisions(
    session: Session, window: Window, *, series_id: int | None = None, in_force: bool | None = None
) -> Page[Row]:
    """Return decisions, the newest first; of `series_id` those that name any posting that is in it now."""
    statement = select(Row)
    if series_id is not None:
        mails = _posted_mails(series_id)
        statement = statement.where(
            or_(Row.message_id.in_(mails), Row.to_message_id.in_(mails), Row.parted_from.in_(mails))
        )
    if in_force is not None:
        statement = statement.where(Row.undone_at.is_(None) if in_force else Row.undone_at.is_not(None))
    return paginate(session, statement.order_by(Row.id.desc()), window)


def _posted_mails(series_id: int) -> CompoundSelect[tuple[str]]:
    """Select the Message-IDs of the covers and own patches of a series: what a decision can name."""
    covers = select(Message.message_id).join(Revision, Revision.cover_id == Message.id)
    patches = (
        select(Message.message_id)
        .join(Patch, Patch.message_pk == Message.id)
        .join(Revision, Revision.id == Patch.revision_id)
        .where(Patch.inherited_from.is_(None))
    )
    return union_all(covers.where(Revision.series_id == series_id), patches.where(Revision.series_id == series_id))


def postings_of(session: Session, message_ids: Collection[str]) -> dict[str, Revision]:
    """Return the revision, its series loaded, that each mail is the cover, an own patch or a comment of.

    One statement; mails that are not stored, or belong to no series, are left out.
    """
    mails = select(Message.id, Message.message_id).where(
        Message.message_id == any_(literal(list(message_ids), ARRAY(Text)))
    )
    named = mails.cte("named")
    found = union_all(
        select(named.c.message_id, Revision.id.label("revision_id")).join(Revision, Revision.cover_id == named.c.id),
        select(named.c.message_id, Patch.revision_id)
        .join(Patch, Patch.message_pk == named.c.id)
        .where(Patch.inherited_from.is_(None)),
        select(named.c.message_id, Comment.revision_id).join(Comment, Comment.message_pk == named.c.id),
    ).subquery()
    statement = select(found.c.message_id, Revision).join(Revision, Revision.id == found.c.revision_id)
    return dict(session.execute(statement.options(joinedload(Revision.series))).all())


def postings_with_change_ids(session: Session, change_ids: Collection[str]) -> Sequence[Revision]:
    """Return the revisions that declare one of these change-ids, their series loaded; the one posted last is last."""
    statement = select(Revision).where(Revision.change_id.in_(change_ids)).options(joinedload(Revision.series))
    return session.scalars(statement.order_by(Revision.posted_at.nulls_first(), Revision.id)).all()


def of_series(session: Session, series_id: int, label: str | None = None) -> Revision | None:
    """Return the revision of a series with this label, or the newest one; wherever it is now.

    A series that is gone, or that a revision was moved out of, is remembered: found is what was in it. Without a label,
    and for one that nothing ever had, that is the newest revision of the series that holds most of it now.
    """
    statement = select(Revision).where(Revision.series_id == series_id).order_by(Revision.position.desc())
    found = session.scalars(statement if label is None else statement.where(Revision.label == label)).first()
    return found or _moved(session, series_id, label)


def _moved(session: Session, series_id: int, label: str | None) -> Revision | None:
    was = select(Revision).join(FormerPlace, FormerPlace.revision_id == Revision.id)
    was = was.where(FormerPlace.series_id == series_id)
    if label is not None:
        moved = session.scalars(was.where(FormerPlace.label == label).order_by(FormerPlace.left_at.desc())).first()
        if moved is not None:
            return moved
    if session.scalar(select(Revision.id).where(Revision.series_id == series_id).limit(1)) is not None:
        return None
    most = (
        select(Revision.series_id)
        .join(FormerPlace, FormerPlace.revision_id == Revision.id)
        .where(FormerPlace.series_id == series_id)
        .group_by(Revision.series_id)
        .order_by(func.count().desc(), func.max(Revision.posted_at).desc().nulls_last(), Revision.series_id)
        .limit(1)
    )
    held = select(Revision).where(Revision.series_id == most.scalar_subquery()).order_by(Revision.position.desc())
    return session.scalars(held).first()


def entangled(session: Session, message_ids: Collection[str]) -> set[str]:
    """Return the roots of all revisions that are or ever were in one series with any of these postings, and so on.

    What is undone can reach all of them: an earlier decision may have parted what it put together.
    """
    known: set[int] = set()
    new = {one.id for one in postings_of(session, message_ids).values()}
    while new:
        known |= new
        places = union_all(
            select(Revision.series_id, Revision.id.label("revision_id")),
            select(FormerPlace.series_id, FormerPlace.revision_id),
        ).subquery()
        theirs = select(places.c.series_id).where(places.c.revision_id == _any_id(new))
        series = set(session.scalars(theirs))
        new = set(session.scalars(select(places.c.revision_id).where(places.c.series_id == _any_id(series)))) - known
    return set(session.scalars(select(Revision.root_id).where(Revision.id == _any_id(known))))


def posted_with(session: Session, message_ids: Collection[str]) -> Sequence[bytes]:
    """Return the sources of the cover letters and own patches of these postings."""
    revisions = {one.id: one.cover_id for one in postings_of(session, message_ids).values()}
    patches = select(Patch.message_pk).where(Patch.revision_id == _any_id(revisions), Patch.inherited_from.is_(None))
    covers = [cover for cover in revisions.values() if cover is not None]
    return session.scalars(select(Message.raw).where(or_(Message.id == _any_id(covers), Message.id.in_(patches)))).all()


def _any_id(ids: Collection[int]) -> ColumnElement[bool]:
    return any_(literal(list(ids), ARRAY(BigInteger)))


def former_series(session: Session, revision_ids: Sequence[int]) -> Sequence[int]:
    """Return the series, gone since, that any of these revisions was in; the newest first, at most MOST_SHOWN."""
    still = select(Revision.id).where(Revision.series_id == FormerPlace.series_id).exists()
    statement = select(FormerPlace.series_id).where(FormerPlace.revision_id.in_(revision_ids), ~still)
    return session.scalars(statement.distinct().order_by(FormerPlace.series_id.desc()).limit(MOST_SHOWN)).all()
