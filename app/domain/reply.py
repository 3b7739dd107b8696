"""How to answer a mail as lore shows it: the `git send-email` line, and a mailto link (git-send-email(1), RFC 6068).

Who gets the answer is public-inbox's rule: the author as To, everyone else in To, Cc and Reply-To as Cc. Where a list
wrote its own address into From, the author is the person behind it, and that address is left out.
"""

import re
import shlex
from urllib.parse import quote

from app.domain import mime
from app.domain.address import parse_addresses
from app.domain.message import Message
from app.domain.subject import parse_subject

_ADDRESS = re.compile(r"[^\s,@<>-][^\s,@<>]*@[^\s,@<>]+")


def send_email_command(message: Message) -> str:
    """The whole `git send-email` command that replies to all, quoted for a POSIX shell, one option a line.

    `--to` is the author, `--cc` everyone else, each once and sorted.
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
    """Everyone in To, Cc and Reply-To but the author, each once."""
    found: dict[str, str] = {}
    headers, _, _ = mime.split_headers(message.raw)
    for address in (*message.to, *message.cc, *parse_addresses(mime.first(headers, b"reply-to"))):
        if _usable(address.email) and address.key != message.author.key:
            found.setdefault(address.key, address.email)
    return list(found.values())


def _usable(email: str) -> bool:
    # What git would take for an option or a second address is not offered to anyone's shell.
    return bool(_ADDRESS.fullmatch(email)) and email.isprintable()
