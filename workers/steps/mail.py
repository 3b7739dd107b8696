"""report: one mail out of the outbox, once as far as SMTP allows.

SMTP cannot be exactly-once: a connection that breaks after the mail was handed over leaves open whether it arrived. So
`sending` is stored before the mail server hears of the mail, and a report found in that state is looked for on the
archive, by the Message-ID that was fixed before. Archives lag, by minutes or by hours: it is looked for again and again
for five hours, and only then sent once more.
"""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.config import MailMode, Settings
from app.db.models import Report, ReportState, Run
from app.db.queue import Priority, Task, enqueue
from app.db.session import Sessions
from app.errors import InfrastructureError, SubmissionError
from app.report.mail import Letter, address_of, letter_bytes
from workers.ports import Archive, CutOffError, Mailer

log = structlog.get_logger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""Before each further try, or look at the archive; greylisting servers want a quarter of an hour or so."""
MOST_TRIES = 20
"""More than pauses and a second sending account for: something of ours breaks each time."""


async def send_report(
    sessions: Sessions, settings: Settings, mailer: Mailer, archive: Archive, report_id: int, *, waits: int = 0
) -> None:
    """Send one report; what cannot be done now is queued again after a pause, what never can is kept as failed.

    `waits` counts the pauses that there were since it was sent or first tried.
    """
    with sessions.begin() as session:
        claimed = _claim(session, settings, report_id)
    if claimed is None:
        return
    report, may_have_arrived = claimed
    try:
        if not (may_have_arrived and await _arrived(archive, report, patient=waits < len(PAUSES))):
            await mailer.send(_bytes(report), sender=address_of(report.sender), recipients=report.recipients)
    except SubmissionError as error:
        _finish(sessions, report, ReportState.FAILED, str(error))
    except CutOffError as error:
        # A second time says that a third one would not be heard of either.
        _later(sessions, report, ReportState.SENDING, str(error), waits=len(PAUSES) if may_have_arrived else 0)
    except InfrastructureError as error:
        _later(
            sessions, report, ReportState.SENDING if may_have_arrived else ReportState.QUEUED, str(error), waits=waits
        )
    else:
        _finish(sessions, report, ReportState.SENT, None)


def _claim(session: Session, settings: Settings, report_id: int) -> tuple[Report, bool] | None:
    """Mark a report as being sent, and tell whether an earlier try may have arrived; None where there is nothing to do.

    `tries` is the fence: a try that was replaced by a newer one changes nothing any more.
    """
    report = session.scalar(select(Report).where(Report.id == report_id).with_for_update())
    if report is None or report.state not in {ReportState.QUEUED, ReportState.SENDING}:
        return None
    if settings.mail.mode is not MailMode.SEND:
        report.error = f"not sent: mail.mode is {settings.mail.mode} by now"
        report.state = ReportState.FAILED if report.state is ReportState.SENDING else ReportState.PREVIEW
        return None
    if report.tries >= MOST_TRIES:
        report.error = f"gave up after {report.tries} tries: {report.error or 'they did not come to an end'}"
        report.state = ReportState.FAILED
        return None
    may_have_arrived = report.state is ReportState.SENDING
    report.state = ReportState.SENDING
    report.tries += 1
    return report, may_have_arrived


async def _arrived(archive: Archive, report: Report, *, patient: bool) -> bool:
    """Tell whether the archive has the mail.

    Raises:
        InfrastructureError: the archive cannot be asked; or it does not show the mail, and `patient` that may change.
    """
    if await archive.has(report.message_id):
        return True
    if patient:
        raise InfrastructureError("whether it arrived is not known, and the archive does not show it yet")
    return False


def _bytes(report: Report) -> bytes:
    return letter_bytes(
        Letter(
            message_id=report.message_id,
            in_reply_to=report.in_reply_to,
            references=report.references,
            sender=report.sender,
            recipients=report.recipients,
            subject=report.subject,
            body=report.body,
            date=report.created_at,
        )
    )


def _later(sessions: Sessions, report: Report, state: ReportState, why: str, *, waits: int) -> None:
    """Have another try made after a pause, or give up after enough of them."""
    if waits >= len(PAUSES):
        given_up = "it may have arrived all the same" if state is ReportState.SENDING else "it was not sent"
        _finish(sessions, report, ReportState.FAILED, f"gave up after {report.tries} tries, {given_up}: {why}")
        return
    log.warning("a report is not sent yet", report=report.id, tries=report.tries, error=why)
    pause_s = int(PAUSES[waits].total_seconds())
    with sessions.begin() as session:
        if _store(session, report, state, why):
            pool = session.scalars(select(Run.pool).where(Run.id == report.run_id)).one()
            args = {"report_id": report.id, "waits": waits + 1}
            enqueue(session, Task.MAIL, pool=pool, priority=Priority.MAIL, pause_s=pause_s, **args)


def _finish(sessions: Sessions, report: Report, state: ReportState, why: str | None) -> None:
    if state is ReportState.FAILED:
        log.error("a report could not be sent", report=report.id, error=why)
    with sessions.begin() as session:
        _store(session, report, state, why)


def _store(session: Session, report: Report, state: ReportState, why: str | None) -> bool:
    """Store how a try ended, unless a newer one has begun."""
    ended = session.execute(
        update(Report)
        .where(Report.id == report.id, Report.tries == report.tries, Report.state == ReportState.SENDING)
        .values(state=state, error=why, sent_at=datetime.now(UTC) if state is ReportState.SENT else None)
        .returning(Report.id)
    )
    return ended.scalar() is not None
