"""A mail server on loopback that delivers what it accepts into the demo's archive, and keeps every copy.

`python -m app.demo.smtp_server --port N --archive FOLDER --maildir FOLDER`
"""

import argparse
import asyncio
import mailbox
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.demo.archive import Archive
from app.demo.child import HOST, free_port, listening
from app.errors import RerollError

MAX_MAIL_BYTES = 5_000_000

log = structlog.get_logger()


class Handler:
    """Answers 250 only when the mail can be read on the archive and lies in the Maildir, once for each time it came."""

    def __init__(self, archive: Archive, maildir: Path) -> None:
        self._archive = archive
        self._maildir = mailbox.Maildir(maildir, create=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd
        """Deliver one mail (the name is aiosmtpd's)."""
        content = envelope.original_content or b""
        try:
            await asyncio.to_thread(self._archive.add, content)
        except RerollError:
            log.exception("not delivered")
            return "451 4.3.0 could not be put into the archive; try again later"
        trace = f"Return-Path: <{envelope.mail_from}>\r\nX-Delivered-To: {', '.join(envelope.rcpt_tos)}\r\n"
        self._maildir.add(trace.encode() + content)
        return "250 2.0.0 delivered"


@contextmanager
def delivering(archive_root: Path, maildir: Path, *, port: int = 0, name: str = "example") -> Iterator[int]:
    """Run the mail server as a child while the block runs; yields its port.

    Raises:
        InfrastructureError: it does not start; says what it printed.
    """
    chosen = port or free_port()
    argv = [sys.executable, "-m", __name__, "--port", str(chosen), "--archive", str(archive_root)]
    argv += ["--name", name, "--maildir", str(maildir)]
    with listening(argv, port=chosen, env=os.environ, log=archive_root / "smtp.log"):
        yield chosen


async def serve(port: int, handler: Handler) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=MAX_MAIL_BYTES, loop=loop), HOST, port
    )
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--name", default="example")
    parser.add_argument("--maildir", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    archive = Archive(chosen.archive, name=chosen.name)
    archive.make()
    asyncio.run(serve(chosen.port, Handler(archive, chosen.maildir)))


if __name__ == "__main__":
    main()
