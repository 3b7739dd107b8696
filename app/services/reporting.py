"""Which results are told, to whom, and how often."""

import secrets
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.config import MailMode, MailSettings, Settings
from app.db.models import Message, Report, ReportState, Revision, Run
from app.db.queries.reports import last_told, report_of_run, root_message
from app.db.queue import Priority, Task, enqueue
from app.domain.message import DERIVED_DOMAIN
from app.domain.outcome import Verdict
from app.report.mail import (
    address_of,
    references,
    reply_subject,
    usable_address,
    usable_message_id,
)
from app.report.text import report_text
from app.services.report_facts import load_facts

TOLD = {
    MailMode.PREVIEW: (ReportState.PREVIEW, ReportState.QUEUED, ReportState.SENDING, ReportState.SENT),
    MailMode.SEND: (ReportState.QUEUED, ReportState.SENDING, ReportState.SENT),
}


def queue_report(session: Session, settings: Settings, run_id: int) -> Report | None:
    """Put the report on a judged run into the outbox, where there is something new to tell; in the judge's transaction.

    Told is a whole run of a revision with a verdict: the first, and another one only when its verdict differs from what
    was told last. Trouble of ours (inconclusive) never is. Only the author and `mail.to` are recipients. A report that
    cannot be sent as a reply, or to nobody, is kept as failed with the reason.
    """
    run = session.get_one(Run, run_id)
    if settings.mail.mode is MailMode.OFF or not _tellable(run) or report_of_run(session, run_id) is not None:
        return None
    revision = session.get_one(Revision, run.revision_id, with_for_update=True)  # one report at a time is decided on
    told = last_told(session, revision.id, TOLD[settings.mail.mode])
    if told is not None and told.verdict is run.verdict:
        return None
    facts = load_facts(session, settings, run, revision, replaces=told.verdict if told else None)
    report = _report(settings.mail, run, revision, root_message(session, revision), report_text(facts))
    session.add(report)
    session.flush()
    if report.state is ReportState.QUEUED:
        enqueue(session, Task.MAIL, pool=run.pool, priority=Priority.MAIL, report_id=report.id)
    return report


def _tellable(run: Run) -> bool:
    return run.revision_id is not None and run.only is None and run.verdict not in {None, Verdict.INCONCLUSIVE}


def _report(mail: MailSettings, run: Run, revision: Revision, root: Message | None, body: str) -> Report:
    assert run.verdict is not None
    recipients = recipients_of(mail, revision.author_email)
    report = Report(
        revision_id=revision.id,
        run_id=run.id,
        verdict=run.verdict,
        state=ReportState.PREVIEW if mail.mode is MailMode.PREVIEW else ReportState.QUEUED,
        message_id=new_message_id(mail.sender, run.id),
        in_reply_to=revision.root_id,
        references=list(references(root.references if root else (), revision.root_id)),
        sender=mail.sender,
        recipients=recipients,
        subject=reply_subject(root.subject if root else f"[PATCH {revision.label}] {revision.title}"),
        body=body,
        tries=0,
    )
    trouble = _unsendable(revision.root_id, recipients)
    if trouble:
        report.state, report.error = ReportState.FAILED, trouble
    return report


def recipients_of(mail: MailSettings, author: str) -> list[str]:
    """Return the author and the configured lists, each once; never ourselves, nor an address that is not sound."""
    ourselves = address_of(mail.sender).lower()
    found: dict[str, str] = {}
    for address in (author, *map(address_of, mail.to)):
        if usable_address(address) and address.lower() != ourselves:
            found.setdefault(address.lower(), address)
    return list(found.values())


def new_message_id(sender: str, run_id: int) -> str:
    """Return a Message-ID that is used once in this world (RFC 5322, 3.6.4)."""
    domain = address_of(sender).rpartition("@")[2] or "localhost"
    return f"{datetime.now(UTC):%Y%m%d%H%M%S}.{run_id}.{secrets.token_hex(6)}@{domain}"


def _unsendable(root_id: str, recipients: list[str]) -> str | None:
    if not recipients:
        return "nobody to send to: the author's address is not usable, and mail.to in the settings is empty"
    if not usable_message_id(root_id) or root_id.endswith(f"@{DERIVED_DOMAIN}"):
        return f"<{root_id[:200]}> cannot be answered: the mail came without a Message-ID that a header can hold"
    return None
