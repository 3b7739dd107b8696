"""What a conversation says, as columns of rows."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.db.models import MessageKind
from app.domain import series as domain
from app.domain.bot_report import read_bot_report
from app.domain.message import Message as Mail
from app.domain.review import Comment
from app.domain.series import Conversation, OtherKind

KINDS = {
    OtherKind.PULL_REQUEST: MessageKind.PULL_REQUEST,
    OtherKind.DISCUSSION: MessageKind.DISCUSSION,
    OtherKind.UNREADABLE: MessageKind.UNREADABLE,
}


def root_id(revision: domain.Revision) -> str:
    """Return the Message-ID that stands for a revision: of its cover letter, else of its first own patch."""
    return own_mails(revision)[0].message_id


def own_mails(revision: domain.Revision) -> list[Mail]:
    """Return a revision's cover letter and the patches that were posted with it; never empty."""
    own = [one.message for one in revision.patches if one.inherited_from is None]
    if revision.cover:
        return [revision.cover, *own]
    return own or [revision.patches[0].message]


def kinds_of(conversation: Conversation) -> dict[str, tuple[MessageKind, str | None]]:
    """Return what each mail is taken to be, and why where it belongs to no series; by Message-ID."""
    kinds: dict[str, tuple[MessageKind, str | None]] = {}
    for one in conversation.other:
        kinds[one.message.message_id] = (KINDS[one.kind], one.reason)
    for revision in (revision for one in conversation.series for revision in one.revisions):
        for patch in revision.patches:
            kinds[patch.message.message_id] = (MessageKind.PATCH, None)
        if revision.cover:
            kinds[revision.cover.message_id] = (MessageKind.COVER, None)
        for comment in revision.comments:
            kinds[comment.message.message_id] = (MessageKind.COMMENT, None)
    return kinds


def mail_columns(one: Mail) -> dict[str, Any]:
    """Return what is stored of a mail beside its place among others."""
    return {
        "message_id": one.message_id,
        "subject": one.subject,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "sent_at": one.date,
        "in_reply_to": one.in_reply_to,
        "references": list(one.references),
        "lists": list(one.list_ids),
        "body": one.body,
        "raw": one.raw,
    }


def series_columns(series_id: int, one: domain.Series) -> dict[str, Any]:
    """Return the row of a series; title and author are those of its newest revision."""
    dates = [revision.date for revision in one.revisions if revision.date]
    return {
        "id": series_id,
        "title": one.title,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "change_id": next((r.change_id for r in reversed(one.revisions) if r.change_id), None),
        "tags": list(dict.fromkeys(tag for revision in reversed(one.revisions) for tag in revision.tags)),
        "first_posted": min(dates, default=None),
        "last_posted": max(dates, default=None),
    }


def revision_columns(
    row_id: int, series_id: int, position: int, one: domain.Revision, ids: Mapping[str, int]
) -> dict[str, Any]:
    """Return the row of a revision; `ids` are those of the mails, by Message-ID."""
    return {
        "id": row_id,
        "series_id": series_id,
        "position": position,
        "version": one.version,
        "label": one.label,
        "rfc": one.rfc,
        "resend": one.resend,
        "tags": list(one.tags),
        "title": one.title,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "posted_at": one.date,
        "root_id": root_id(one),
        "cover_id": ids[one.cover.message_id] if one.cover else None,
        "total": one.total,
        "missing": list(one.missing),
        "base_commit": one.base_commit,
        "change_id": one.change_id,
        "prerequisites": [f"{need.kind} {need.value}" for need in one.prerequisites],
        "link_to": one.link.to if one.link else None,
        "link_reason": one.link.reason if one.link else None,
        "link_strength": one.link.strength if one.link else None,
        "supersedes": list(one.supersedes),
    }


def patch_columns(revision_id: int, one: domain.Patch, ids: Mapping[str, int]) -> dict[str, Any]:
    """Return the row of a patch but for its own id; `ids` are those of the mails, by Message-ID."""
    lines = one.diff.split("\n")
    return {
        "revision_id": revision_id,
        "position": one.position,
        "message_pk": ids[one.message.message_id],
        "title": one.title,
        "diff": one.diff,
        "files": list(one.files),
        "additions": sum(line.startswith("+") and not line.startswith("+++ ") for line in lines),
        "deletions": sum(line.startswith("-") and not line.startswith("--- ") for line in lines),
        "inherited_from": one.inherited_from,
    }


def comment_columns(comment: Comment) -> dict[str, object]:
    """Return the columns `bot`, `trailers`, `anchors` and `bot_report` of a comment's row, as plain values.

    `bot_report` is None for a person; for a bot the fields of `app.domain.bot_report.BotReport`.
    """
    report = read_bot_report(comment.message, comment.bot) if comment.bot else None
    return {
        "bot": comment.bot.value if comment.bot else None,
        "trailers": [f"{trailer.name}: {trailer.value}" for trailer in comment.trailers],
        "anchors": [asdict(anchor) for anchor in comment.anchors],
        "bot_report": asdict(report) if report else None,
    }
