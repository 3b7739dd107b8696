"""Reply instructions: complete, and harmless whatever a mail holds."""

import shlex
from urllib.parse import parse_qs, urlsplit

from app.domain.message import Message, parse_message
from app.domain.reply import mailto, reply_subject, send_email_command


def mail(
    to: str = "bpf@example.org", cc: str = "Rex <rex@example.com>, ann@example.org, BPF@example.org", key: str = "a/b@x"
) -> Message:
    return parse_message(
        f"From: Ann <ann@example.org>\nTo: {to}\nCc: {cc}\nMessage-ID: <{key}>\nSubject: [PATCH] a & b\n\nx".encode()
    )


def test_the_command_line() -> None:
    assert send_email_command(mail()) == (
        "git send-email \\\n  --in-reply-to=a/b@x \\\n  --to=ann@example.org \\\n  --cc=bpf@example.org \\\n"
        "  --cc=rex@example.com \\\n  /path/to/YOUR_REPLY"
    )


def test_nothing_of_a_mail_gets_out_of_its_quotes() -> None:
    command = send_email_command(mail(cc="$(reboot)@x, `x`@y, --exec=z@x, a';b@x", key="a';reboot;'@x"))
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["git", "send-email", "--in-reply-to=a';reboot;'@x"]
    assert all(word.startswith("--") for word in words[2:-1])
    assert "--cc=$(reboot)@x" in words
    assert not any("--exec" in word for word in words)


def test_mailto() -> None:
    url = urlsplit(mailto(mail()))
    assert (url.scheme, url.path) == ("mailto", "ann@example.org")
    assert parse_qs(url.query) == {
        "In-Reply-To": ["<a/b@x>"],
        "Cc": ["bpf@example.org,rex@example.com"],
        "Subject": ["Re: [PATCH] a & b"],
    }


def test_subjects() -> None:
    assert reply_subject("[PATCH] x") == "Re: [PATCH] x"
    assert reply_subject("RE: [PATCH] x") == "RE: [PATCH] x"
