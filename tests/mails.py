"""Invented mails, as bytes."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

POSTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def mail(
    message_id: str,
    subject: str,
    body: str = "Text.\n",
    *,
    reply_to: str | None = None,
    author: str = "Ann Author <ann@example.org>",
    day: int = 0,
) -> bytes:
    headers = [
        f"From: {author}",
        "To: bpf@example.org",
        f"Subject: {subject}",
        f"Message-ID: <{message_id}>",
        f"Date: {format_datetime(POSTED + timedelta(days=day))}",
    ]
    if reply_to:
        headers += [f"In-Reply-To: <{reply_to}>", f"References: <{reply_to}>"]
    return ("\n".join(headers) + "\n\n" + body).encode()
