"""A real SMTP server in the test's own loop, which can be told to misbehave at any point."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Behaviour:
    """What it answers (None: it takes the mail), and what it took; `cut_off` breaks off before the answer to a mail."""

    to_sender: str | None = None
    to_recipient: dict[str, str] = field(default_factory=dict)
    to_mail: str | None = None
    cut_off: bool = False
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    seen: int = 0

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.to_recipient:
            return self.to_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.seen += 1
        if not self.to_mail:
            self.taken.append((envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b""))
        if self.cut_off:
            assert server.transport is not None
            server.transport.abort()
        return self.to_mail or "250 OK"


@asynccontextmanager
async def mail_server(behaviour: Behaviour) -> AsyncIterator[int]:
    """Yield the port of a server that behaves like that."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(behaviour, hostname="localhost", loop=loop, enable_SMTPUTF8=False), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.sleep(0)
