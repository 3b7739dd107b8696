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


def test_reply_to_is_answered_as_well_and_an_address_of_the_list_s_own_is_not() -> None:
    plain = b"From: Ann <ann@example.org>\nTo: bpf@example.org\nReply-To: Team <team@example.org>, ANN@example.org\n\nx"
    command = send_email_command(parse_message(plain))
    assert [line.strip(" \\") for line in command.splitlines()[2:-1]] == [
        "--to=ann@example.org",
        "--cc=bpf@example.org",
        "--cc=team@example.org",
    ]
    mangled = b"From: Ann via bpf <bpf@example.org>\nTo: rex@example.com\nCc: bpf@example.org\n"
    command = send_email_command(parse_message(mangled + b"Reply-To: Ann <ann@example.org>\n\nx"))
    assert "--to=ann@example.org" in command
    assert command.count("ann@example.org") == 1
    assert command.count("--cc=bpf@example.org") == 1


def test_what_is_no_address_is_left_out() -> None:
    command = send_email_command(mail(cc="a@b@x.org, Rex <rex@example.com>, @x, x@"))
    assert [line for line in command.splitlines() if "--cc" in line] == [
        "  --cc=bpf@example.org \\",
        "  --cc=rex@example.com \\",
    ]


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
