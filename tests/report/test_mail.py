"""The mail around a report: what mail readers, git and public-inbox make of its bytes."""

import email
import email.policy
import gzip
import html
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.archive import Archive
from app.domain.message import parse_message, split_mbox
from app.report import mail
from app.report.mail import Letter, letter_bytes, references, reply_subject, usable_address, usable_message_id
from tests.mails import mail as invented

LETTER = Letter(
    message_id="20261122.812.abc@reroll.example.org",
    in_reply_to="cover@example.org",
    references=("before@example.org", "cover@example.org"),
    sender="Reroll <reroll@example.org>",
    recipients=("ann@example.org", "bpf@example.org"),
    subject="Re: [PATCH bpf-next v3 0/8] bpf: Count dropped samples",
    body="v3 is clean.\n\nFrom here on\n.\n",
    date=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
)


def read(data: bytes) -> EmailMessage:
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(data: bytes) -> str:
    return str(read(data).get_content()).replace("\r\n", "\n")


def test_a_plain_report_is_plain() -> None:
    assert letter_bytes(LETTER) == (
        b"From: Reroll <reroll@example.org>\r\n"
        b"To: ann@example.org,\r\n bpf@example.org\r\n"
        b"Subject: Re: [PATCH bpf-next v3 0/8] bpf: Count dropped samples\r\n"
        b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
        b"Message-ID: <20261122.812.abc@reroll.example.org>\r\n"
        b"In-Reply-To: <cover@example.org>\r\n"
        b"References: <before@example.org>\r\n <cover@example.org>\r\n"
        b"Auto-Submitted: auto-replied\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"v3 is clean.\r\n\r\nFrom here on\r\n.\r\n"
    )


def test_the_same_report_gives_the_same_bytes() -> None:
    assert letter_bytes(LETTER) == letter_bytes(replace(LETTER))


@pytest.mark.parametrize(
    "body", ["Grüße, 変更\n", "x" * 5000 + "\n", "a\tb  \n\n=3D\n", "no newline at the end", "-- \nReroll\n"]
)
def test_any_text_arrives_as_it_was_in_lines_that_smtp_carries(body: str) -> None:
    data = letter_bytes(replace(LETTER, body=body))

    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert text_of(data).rstrip("\n") == body.rstrip("\n")


def test_long_message_ids_stay_whole() -> None:
    long = [f"{letter * 120}@example.org" for letter in "abcd"]
    data = letter_bytes(replace(LETTER, message_id=long[0], in_reply_to=long[3], references=long[1:3]))

    assert f"Message-ID: <{long[0]}>\r\n".encode() in data
    assert f"In-Reply-To: <{long[3]}>\r\n".encode() in data
    assert f"References: <{long[1]}>\r\n <{long[2]}>\r\n <{long[3]}>\r\n".encode() in data


@pytest.mark.parametrize(
    "subject",
    [
        "a\r\nBcc: everyone@example.org",
        "a\nX-Evil: 1",
        "a\r\n\r\nbody",
        "=?utf-8?q?a=0D=0ABcc:_everyone@example.org?=",
        "a\x00b\x1bc\u2028d\udc80",
        "long " * 300,
        "ü" * 300,
        "\N{SNOWMAN}" * 100 + " x" * 100,
        "",
    ],
)
def test_a_subject_cannot_become_another_header(subject: str) -> None:
    data = letter_bytes(replace(LETTER, subject=reply_subject(subject), sender=f"{subject[:8]} <reroll@example.org>"))
    found = read(data)

    assert [name for name in found if name not in ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To")] == [
        "References",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ]
    assert len(found.keys()) == 11
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert text_of(data) == LETTER.body
    assert not any(line.lower().startswith((b"bcc", b"x-evil")) for line in data.split(b"\r\n"))


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("[PATCH 0/8] a", "Re: [PATCH 0/8] a"),
        ("Re: [PATCH 0/8] a", "Re: [PATCH 0/8] a"),
        ("RE: a", "RE: a"),
        ("Revert: a", "Re: Revert: a"),
        (" a\t b\n", "Re: a b"),
    ],
)
def test_a_subject_gets_one_re(subject: str, reply: str) -> None:
    assert reply_subject(subject) == reply


def test_references_end_with_the_parent_and_stay_bounded() -> None:
    assert references(["a@x", "b@x"], "c@x") == ("a@x", "b@x", "c@x")
    assert references(["a@x", "c@x", "b@x", "a@x"], "c@x") == ("a@x", "b@x", "c@x")
    many = references([f"{number}@x" for number in range(500)], "p@x")
    assert (len(many), many[0], many[-2:]) == (mail.MAX_REFERENCES, "0@x", ("499@x", "p@x"))
    assert references(["a b@x", "<c@x>", "d\r\n@x", "e@x"], "p@x") == ("e@x", "p@x")


def test_a_parent_that_cannot_be_named_is_left_out() -> None:
    found = read(letter_bytes(replace(LETTER, in_reply_to="a b\r\nBcc: c@x")))

    assert found["In-Reply-To"] is None
    assert found["References"] is None


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("ann@example.org", True),
        ("a.n+n=tag@ex-ample.org", True),
        ("", False),
        ("ann", False),
        ("ann@example.org, everyone@example.org", False),
        ("ann@example.org\r\nBcc: x@y", False),
        ("a..n@example.org", False),
        ("ann@[127.0.0.1]", False),
        ('"a b"@example.org', False),
        ("änn@example.org", False),
        ("-ann@-example.org", False),
        (f"{'a' * 65}@example.org", False),
    ],
)
def test_only_sound_addresses_are_mailed_to(address: str, usable: bool) -> None:
    assert usable_address(address) is usable


def test_only_sound_message_ids_are_answered() -> None:
    assert usable_message_id("20260414132421.63409-1-ann@example.org")
    assert not any(usable_message_id(bad) for bad in ("", "a b@x", "a\n@x", "<a@x>", "ä@x", "a" * 901))


def test_git_and_public_inbox_read_it_as_it_was_meant(tmp_path: Path) -> None:
    subject = "Re: [PATCH] bpf: Grüße " + "und mehr " * 12
    letter = replace(LETTER, body="v3 regresses: «Grüße»\nFrom here\n", subject=subject)
    with Archive(tmp_path).serving() as archive:
        archive.add(invented("cover@example.org", "[PATCH] bpf"), letter_bytes(letter))

        answer = httpx.get(f"{archive.origin}/cover@example.org/t.mbox.gz")
        page = html.unescape(httpx.get(f"{archive.origin}/{letter.message_id}/").text)

    found = {one.message_id: one for one in map(parse_message, split_mbox(gzip.decompress(answer.content)))}
    assert found[letter.message_id].body == letter.body
    assert found[letter.message_id].subject == letter.subject.strip()
    assert found[letter.message_id].in_reply_to == "cover@example.org"
    assert "v3 regresses: «Grüße»\nFrom here" in page


ANYTHING = st.text(max_size=300)


@settings(max_examples=100, deadline=None)
@given(subject=ANYTHING, body=ANYTHING, parent=ANYTHING, above=st.lists(ANYTHING, max_size=5))
def test_whatever_a_mail_said_the_reply_has_these_headers_and_this_text(
    subject: str, body: str, parent: str, above: list[str]
) -> None:
    letter = replace(LETTER, subject=reply_subject(subject), body=body, in_reply_to=parent, references=above)

    data = letter_bytes(letter)

    head, _, rest = data.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    threading = ["In-Reply-To", "References"] if usable_message_id(parent) else []
    assert names == [
        *("From", "To", "Subject", "Date", "Message-ID"),
        *threading,
        *("Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    ]
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert not set(rest.replace(b"\r\n", b"")) & {10, 13}
    decoded = email.message_from_bytes(data).get_payload(decode=True)
    assert isinstance(decoded, bytes)
    expected = body.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    assert decoded.replace(b"\r\n", b"\n") == expected.encode("utf-8", "replace")
