"""Patches, single mails, and reports."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.db.models import Comment, Message, Patch, Report, Revision
from app.db.queries import patches as queries
from app.db.queries import reports as report_queries
from app.db.queries import series as series_queries
from app.db.queries import threads as thread_queries
from app.domain.message import parse_message
from app.domain.reply import mailto, send_email_command
from app.errors import NotFoundError
from app.web.mailtext import BODY_LIMIT, Diff, DiffLine, Said, coloured_diff, said
from app.web.pages.series_page import Remark, thread_of
from app.web.parameters import Id, Read
from app.web.render import render
from app.web.words import REPORTS, Chip

router = APIRouter(include_in_schema=False)
MOST_POINTS = 500
REPORT_LIMIT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a comment says at one line."""

    comment: Comment
    text: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Lines of a diff, and what is said at the last of them."""

    lines: Sequence[DiffLine]
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPage:
    """One patch with its diff, and comments at their lines and below."""

    patch: Patch
    about: Said
    stretches: Sequence[Stretch]
    diff: Diff
    remarks: Sequence[Remark]
    pointed: int
    neighbours: Sequence[Patch]
    place: str = "series"

    @property
    def title(self) -> str:
        """The patch and its place."""
        return f"{self.patch.title} · {self.patch.revision.label} {self.patch.position}/{self.patch.revision.total}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """One mail as it reads, and how to answer it: the `git send-email` command and a mailto URL, both to all."""

    message: Message
    said: Said
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


@router.get("/patches/{patch_id}")
def show_patch(patch_id: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one patch."""
    patch = queries.get_patch(session, patch_id)
    if patch is None:
        raise NotFoundError(f"there is no patch {patch_id}")
    comments = queries.comments_on_patch(session, patch_id, BODY_LIMIT)
    diff = coloured_diff(patch.diff)
    points = _points([one.comment for one in comments], diff)
    context = PatchPage(
        patch=patch,
        about=said(patch.message.body.partition("\n---\n")[0]),
        stretches=_stretches(diff, points),
        diff=diff,
        remarks=thread_of(comments),
        pointed=sum(len(at) for at in points.values()),
        neighbours=queries.neighbours(session, patch),
    )
    return render(request, "patches/show.html", context)


def _points(comments: Sequence[Comment], diff: Diff) -> dict[int, list[Point]]:
    """Return what is said at lines of the diff, by the lines' numbers; what fits no line is left to the remarks."""
    lines: dict[tuple[str, int, bool], int] = {}
    for line in diff.lines:
        if line.new is not None:
            lines[line.path, line.new, False] = line.number
        if line.old is not None and line.new is None:
            lines[line.path, line.old, True] = line.number
    points: dict[int, list[Point]] = defaultdict(list)
    anchored = [(comment, anchor) for comment in comments for anchor in comment.anchors if isinstance(anchor, dict)]
    for comment, anchor in anchored[:MOST_POINTS]:
        number = lines.get(_key(anchor))
        if number is not None:
            points[number].append(Point(comment=comment, text=said(str(anchor.get("text", "")))))
    return points


def _key(anchor: dict[str, Any]) -> tuple[str, int, bool]:
    line = anchor.get("line")
    return str(anchor.get("path", "")), line if isinstance(line, int) else -1, bool(anchor.get("removed"))


def _stretches(diff: Diff, points: dict[int, list[Point]]) -> list[Stretch]:
    stretches, lines = [], []
    for line in diff.lines:
        lines.append(line)
        if line.number in points:
            stretches.append(Stretch(lines=lines, points=points[line.number]))
            lines = []
    return [*stretches, Stretch(lines=lines, points=())] if lines else stretches


@router.get("/messages/{message_pk}")
def show_message(message_pk: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one mail."""
    message = thread_queries.get_message(session, message_pk)
    raw = thread_queries.raw_message(session, message_pk)
    if message is None or raw is None:
        raise NotFoundError(f"there is no mail {message_pk}")
    mail = parse_message(raw)
    context = MessagePage(
        message=message, said=said(message.body), send_email=send_email_command(mail), mailto=mailto(mail)
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
