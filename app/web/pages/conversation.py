"""A mail among those it came with: who answered whom, and mboxes to answer from."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import Message
from app.db.queries import conversations as queries
from app.db.queries import threads as thread_queries
from app.domain.reply import reply_subject
from app.errors import NotFoundError
from app.web.mboxrd import download
from app.web.pages.threads import MOST_MAILS, tree
from app.web.parameters import Id, Read, SessionFactory

router = APIRouter(include_in_schema=False)
MOST_SHOWN = 150
"""Mails of an overview, those nearest to the current one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """A mail in the overview; `subject` is None where it is that of the mail answered."""

    message: Message
    depth: int
    subject: str | None
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A conversation in short: `before` and `after` are how many mails are left out on either side."""

    rows: Sequence[OverviewRow]
    total: int
    before: int
    after: int


def overview(session: Session, message: Message) -> Overview:
    """Return who answered whom around a mail."""
    rows = tree(queries.mails_of_conversation(session, message.root, MOST_MAILS))
    at = next((place for place, row in enumerate(rows) if row.message.id == message.id), 0)
    start = max(0, min(at - MOST_SHOWN // 2, len(rows) - MOST_SHOWN))
    shown = rows[start : start + MOST_SHOWN]
    subjects = {row.message.message_id: row.message.subject for row in rows}
    total = len(rows) if len(rows) < MOST_MAILS else queries.count_conversation(session, message.root)
    return Overview(
        rows=[
            OverviewRow(
                message=row.message,
                depth=row.depth,
                subject=_own_subject(row.message, subjects),
                current=row.message.id == message.id,
            )
            for row in shown
        ],
        total=total,
        before=start,
        after=total - start - len(shown),
    )


def _own_subject(message: Message, subjects: dict[str, str]) -> str | None:
    answered = subjects.get(message.in_reply_to or "")
    same = answered is not None and reply_subject(answered).lower() == message.subject.lower()
    return None if same else message.subject


@router.get("/messages/{message_pk}/mbox")
def download_message(message_pk: Id, session: Read, sessions: SessionFactory) -> Response:
    """Send one mail as an mbox, for a mail program to answer."""
    _message(session, message_pk)
    return download(sessions, [message_pk], f"message-{message_pk}")


@router.get("/messages/{message_pk}/thread.mbox")
def download_conversation(message_pk: Id, session: Read, sessions: SessionFactory) -> Response:
    """Send the whole conversation of a mail as an mbox."""
    message = _message(session, message_pk)
    return download(sessions, queries.ids_of_conversation(session, message.root), f"thread-of-{message_pk}")


def _message(session: Session, message_pk: int) -> Message:
    message = thread_queries.get_message(session, message_pk)
    if message is None:
        raise NotFoundError(f"there is no mail {message_pk}")
    return message
