"""Reports: what is mailed, was mailed, or would be."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from app.db.models import Change, Message, Report, ReportState, Revision, Test
from app.db.queries.paging import Page, Window, paginate
from app.domain.outcome import ChangeClass


def get_report(session: Session, report_id: int) -> Report | None:
    """Return one report."""
    return session.get(Report, report_id)


def list_reports(
    session: Session, window: Window, *, revision_id: int | None = None, state: ReportState | None = None
) -> Page[Report]:
    """Return reports, the newest first."""
    statement = select(Report)
    if revision_id is not None:
        statement = statement.where(Report.revision_id == revision_id)
    if state is not None:
        statement = statement.where(Report.state == state)
    return paginate(session, statement.order_by(Report.id.desc()), window)


def report_of_run(session: Session, run_id: int) -> Report | None:
    """Return the report on a run."""
    return session.scalar(select(Report).where(Report.run_id == run_id))


def newest_report(session: Session, revision_id: int) -> Report | None:
    """Return the newest report on a revision."""
    return session.scalar(select(Report).where(Report.revision_id == revision_id).order_by(Report.id.desc()).limit(1))


def last_told(session: Session, revision_id: int, states: Collection[ReportState]) -> Report | None:
    """Return the newest report on a revision that is in one of these states."""
    told = select(Report).where(Report.revision_id == revision_id, Report.state.in_(states))
    return session.scalar(told.order_by(Report.id.desc()).limit(1))


def root_message(session: Session, revision: Revision) -> Message | None:
    """Return the mail that a report on a revision answers."""
    return session.scalar(select(Message).where(Message.message_id == revision.root_id))


def changes_of_class(session: Session, run_id: int, kinds: Collection[ChangeClass]) -> Sequence[Change]:
    """Return a run's changes of these classes, by suite and name, each with its test."""
    return session.scalars(
        select(Change)
        .join(Change.test)
        .where(Change.run_id == run_id, Change.kind.in_(kinds))
        .options(contains_eager(Change.test))
        .order_by(Test.suite, Test.name, Change.ordinal)
    ).all()
