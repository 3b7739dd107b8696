"""Handing mails to a real SMTP server, and what is made of its answers."""

import asyncio
import time
from datetime import timedelta

import pytest

from app.config import MailSettings
from app.errors import InfrastructureError, SubmissionError
from tests.workers.mail_server import Behaviour, mail_server
from workers.adapters import smtp
from workers.adapters.smtp import SmtpMailer
from workers.ports import CutOffError

pytestmark = pytest.mark.anyio

MAIL = b"From: reroll@example.org\r\nSubject: Re: a\r\n\r\nFrom here\r\n.\r\n..two\r\nend\r\n"
TO = ("ann@example.org", "bpf@example.org")


def mailer(port: int, **values: object) -> SmtpMailer:
    return SmtpMailer(MailSettings(host="127.0.0.1", port=port, **({"timeout": timedelta(seconds=5)} | values)))


async def send(port: int) -> None:
    await mailer(port).send(MAIL, sender="reroll@example.org", recipients=TO)


async def test_a_mail_arrives_once_as_it_was_for_all_recipients() -> None:
    server = Behaviour()
    async with mail_server(server) as port:
        await send(port)

    assert server.taken == [("reroll@example.org", list(TO), MAIL)]


@pytest.mark.parametrize(
    ("server", "error", "said"),
    [
        (
            Behaviour(to_sender="550 5.7.1 no"),
            SubmissionError,
            "refuses the sender .*; it said: 550 5.7.1 no",
        ),
        (Behaviour(to_sender="451 later"), InfrastructureError, "refuses the sender .*: 451 later"),
        (Behaviour(to_recipient={TO[1]: "550 no such list"}), SubmissionError, "refuses bpf@.*: 550 no such list"),
        (Behaviour(to_recipient={TO[1]: "450 greylisted"}), InfrastructureError, "refuses bpf@.*: 450 greylisted"),
        (Behaviour(to_mail="554 5.7.1 spam"), SubmissionError, "refuses the mail; it said: 554 5.7.1 spam"),
        (Behaviour(to_mail="452 disk full"), InfrastructureError, "refuses the mail; it said: 452 disk full"),
        (Behaviour(to_mail="554 " + "x" * 400), SubmissionError, "it said: 554 x{296}$"),
    ],
)
async def test_a_refusal_is_for_good_or_for_now_and_nobody_gets_anything(
    server: Behaviour, error: type[Exception], said: str
) -> None:
    async with mail_server(server) as port:
        with pytest.raises(error, match=said) as raised:
            await send(port)

    assert raised.type is error
    assert server.taken == []


async def test_a_connection_that_breaks_before_the_answer_leaves_it_open() -> None:
    server = Behaviour(cut_off=True)
    async with mail_server(server) as port:
        with pytest.raises(CutOffError, match="broke off before it answered to the mail"):
            await send(port)

    assert len(server.taken) == 1


async def test_a_server_that_never_answers_to_the_mail_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "ANSWER_TO_DATA", timedelta(seconds=0.3))

    class Slow(Behaviour):
        async def handle_DATA(self, *args: object) -> str:  # noqa: N802
            await asyncio.sleep(1)
            return "250 OK"

    async with mail_server(Slow()) as port:
        with pytest.raises(CutOffError, match="broke off before it answered"):
            await send(port)
        await asyncio.sleep(1)


async def test_a_server_that_is_not_there_is_our_trouble() -> None:
    async with mail_server(Behaviour()) as port:
        pass

    with pytest.raises(InfrastructureError, match=rf"cannot reach the mail server 127.0.0.1:{port}: ") as raised:
        await send(port)
    assert raised.type is InfrastructureError


@pytest.mark.parametrize(
    "banner", [b"", b"554 go away\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220-never ends\r\n"]
)
async def test_what_is_no_mail_server_is_our_trouble(banner: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        await reader.read()
        writer.close()

    start = time.monotonic()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(InfrastructureError, match="cannot reach the mail server") as raised:
            await mailer(port, timeout=timedelta(seconds=0.5)).send(MAIL, sender="a@example.org", recipients=TO)
        await asyncio.sleep(0.05)

    assert raised.type is InfrastructureError
    assert time.monotonic() - start < 4
