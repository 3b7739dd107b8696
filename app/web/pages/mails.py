"""Single mails, and reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.db.models import Comment, Message, Report, Revision
from app.db.queries import reports as report_queries
from app.db.queries import review as review_queries
from app.db.queries import series as series_queries
from app.db.queries import threads as thread_queries
from app.domain.message import parse_message
from app.domain.reply import mailto, send_email_command
from app.errors import NotFoundError
from app.web.botwords import BotLine, bot_line
from app.web.mailtext import Said, said
from app.web.pages.conversation import Overview, overview
from app.web.parameters import Id, Read
from app.web.render import render
from app.web.signed import SignedLine, signed_lines
from app.web.words import REPORTS, Chip

router = APIRouter(include_in_schema=False)
REPORT_LIMIT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """One mail as it reads, and how to answer it: the `git send-email` command and a mailto URL, both to all.

    `comment` is its row where it is one, `bot` what it says where a bot wrote it.
    """

    message: Message
    comment: Comment | None
    bot: BotLine | None
    said: Said
    signed: Sequence[SignedLine] | None
    overview: Overview
    send_email: str
    mailto: str
    place: str = "threads"

    @property
    def title(self) -> str:
        """Its subject."""
        return self.message.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """One report as it was, will be or would be mailed."""

    report: Report
    revision: Revision
    chip: Chip
    body: str
    place: str = "series"

    @property
    def title(self) -> str:
        """Its subject."""
        return self.report.subject


@router.get("/messages/{message_pk}")
def show_message(message_pk: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one mail."""
    message = thread_queries.get_message(session, message_pk)
    raw = thread_queries.raw_message(session, message_pk)
    if message is None or raw is None:
        raise NotFoundError(f"there is no mail {message_pk}")
    mail = parse_message(raw)
    comment = review_queries.comment_of_message(session, message_pk)
    context = MessagePage(
        message=message,
        comment=comment,
        bot=bot_line(comment.bot, comment.bot_report) if comment else None,
        said=said(message.body),
        signed=signed_lines(session, message_pk),
        overview=overview(session, message),
        send_email=send_email_command(mail),
        mailto=mailto(mail),
    )
    return render(request, "threads/message.html", context)


@router.get("/messages/{message_pk}/raw")
def show_source(message_pk: Id, session: Read) -> Response:
    """Send one mail as it came; as text, whatever it says that it is."""
    raw = thread_queries.raw_message(session, message_pk)
    if raw is None:
        raise NotFoundError(f"there is no mail {message_pk}")
    return Response(raw, media_type="text/plain; charset=utf-8")


@router.get("/reports/{report_id}")
def show_report(report_id: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one report."""
    report = report_queries.get_report(session, report_id)
    if report is None:
        raise NotFoundError(f"there is no report {report_id}")
    revision = series_queries.get_revision(session, report.revision_id)
    assert revision is not None  # by the foreign key
    context = ReportPage(
        report=report, revision=revision, chip=REPORTS[report.state], body=report.body[:REPORT_LIMIT]
    )  # fmt: skip
    return render(request, "reports/show.html", context)
