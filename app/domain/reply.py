"""How to answer a mail as lore shows it: the `git send-email` line, and a mailto link (git-send-email(1), RFC 6068)."""

import shlex
from urllib.parse import quote

from app.domain.message import Message
from app.domain.subject import parse_subject


def send_email_command(message: Message) -> str:
    """The whole `git send-email` command that replies to all, quoted for a POSIX shell, one option a line.

    `--to` is the author, `--cc` everyone else in To and Cc, each once and sorted, as lore has it.
    """
    options = [f"--in-reply-to={message.message_id}"]
    options += [f"--to={message.author.email}"] if _usable(message.author.email) else []
    options += [f"--cc={email}" for email in sorted(_others(message))]
    return " \\\n  ".join(["git send-email", *map(shlex.quote, options), "/path/to/YOUR_REPLY"])


def mailto(message: Message) -> str:
    """A mailto URL that replies to all, every part percent-encoded."""
    fields = {
        "In-Reply-To": f"<{message.message_id}>",
        "Cc": ",".join(_others(message)),
        "Subject": reply_subject(message.subject),
    }
    query = "&".join(f"{name}={quote(value, safe='@')}" for name, value in fields.items() if value)
    return f"mailto:{quote(message.author.email, safe='@')}?{query}"


def reply_subject(subject: str) -> str:
    """The subject of a reply: `Re: ` before it, unless it is one already."""
    return subject if parse_subject(subject).is_reply else f"Re: {subject}"


def _others(message: Message) -> list[str]:
    """Everyone in To and Cc but the author, each once."""
    found: dict[str, str] = {}
    for address in (*message.to, *message.cc):
        if _usable(address.email) and address.key != message.author.key:
            found.setdefault(address.key, address.email)
    return list(found.values())


def _usable(email: str) -> bool:
    # What git would take for an option or a second address is not offered to anyone's shell.
    return "@" in email and not email.startswith("-") and "," not in email and email.isprintable()
