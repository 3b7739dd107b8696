"""The demo's mail server accepts a mail only when it can be read on the archive, and counts each copy."""

import gzip
import mailbox
import smtplib
from pathlib import Path

import httpx
import pytest

from app.demo.archive import Archive
from app.demo.smtp_server import delivering
from app.domain.message import parse_message, split_mbox
from tests.mails import mail


def test_an_accepted_mail_can_be_read_on_the_archive(tmp_path: Path) -> None:
    with Archive(tmp_path / "inbox").serving() as archive:
        archive.add(mail("cover@example.org", "[PATCH 0/1] a"))
        with delivering(tmp_path / "inbox", tmp_path / "maildir") as port, smtplib.SMTP("127.0.0.1", port) as client:
            reply = mail("reply@example.org", "Re: [PATCH 0/1] a", "Grüße\n", reply_to="cover@example.org")
            client.sendmail("reroll@example.org", ["ann@example.org", "bpf@example.org"], reply)

            answer = httpx.get(f"{archive.origin}/cover@example.org/t.mbox.gz")

    found = [parse_message(each) for each in split_mbox(gzip.decompress(answer.content))]
    assert {each.message_id for each in found} == {"cover@example.org", "reply@example.org"}
    (kept,) = mailbox.Maildir(tmp_path / "maildir")
    assert kept["Message-ID"] == "<reply@example.org>"
    assert kept["Return-Path"] == "<reroll@example.org>"
    assert kept["X-Delivered-To"] == "ann@example.org, bpf@example.org"
    assert "Gr" in kept.get_payload()


def test_a_mail_sent_twice_is_twice_in_the_maildir_and_once_in_the_archive(tmp_path: Path) -> None:
    with Archive(tmp_path / "inbox").serving() as archive:
        with delivering(tmp_path / "inbox", tmp_path / "maildir") as port, smtplib.SMTP("127.0.0.1", port) as client:
            for _ in range(2):
                client.sendmail("reroll@example.org", ["ann@example.org"], mail("twice@example.org", "Re: a"))

        answer = httpx.get(f"{archive.origin}/twice@example.org/t.mbox.gz")

    assert len(split_mbox(gzip.decompress(answer.content))) == 1
    assert len(mailbox.Maildir(tmp_path / "maildir")) == 2


def test_what_cannot_be_delivered_is_not_accepted(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    Archive(inbox).make()
    with delivering(inbox, tmp_path / "maildir") as port, smtplib.SMTP("127.0.0.1", port) as client:
        (inbox / "example" / "git" / "0.git").rename(tmp_path / "gone")

        with pytest.raises(smtplib.SMTPDataError, match="451"):
            client.sendmail("reroll@example.org", ["ann@example.org"], mail("lost@example.org", "Re: a"))

    assert len(mailbox.Maildir(tmp_path / "maildir")) == 0
