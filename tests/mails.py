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


def raw_mail(
    subject: str, author: tuple[str, str], message_id: str, reply_to: str | None, body: str, sent_at: datetime | None
) -> bytes:
    """Return a mail as it travels."""
    lines = [f"From: {author[0]} <{author[1]}>", f"Subject: {subject}", f"Message-ID: <{message_id}>"]
    lines += [f"Date: {format_datetime(sent_at)}"] * (sent_at is not None)
    if reply_to:
        lines += [f"In-Reply-To: <{reply_to}>", f"References: <{reply_to}>"]
    return ("\n".join([*lines, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", body])).encode()
