"""Reports: what is mailed, was mailed, or would be."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Report, ReportState
from app.db.queries.paging import Page, Window, paginate


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
