"""The way out for mail: one SMTP server, one connection a mail, all recipients or none."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from aiosmtplib import SMTP, SMTPException, SMTPRecipientRefused, SMTPResponseException, SMTPSenderRefused

from app.config import MailSettings
from app.errors import InfrastructureError, SubmissionError
from workers.ports import CutOffError

ANSWER_TO_DATA = timedelta(minutes=10)
"""RFC 5321, 4.5.3.2.6: who waits less for the answer to a mail sends it twice (RFC 1047)."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_ANSWER = 300


class SmtpMailer:
    """Sends through one server; with STARTTLS where it offers that, on loopback without."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._where = f"{settings.host}:{settings.port}"

    async def send(self, mail: bytes, *, sender: str, recipients: Sequence[str]) -> None:
        """Hand one mail (lines ending in CRLF) to the server; `sender` and `recipients` are bare addresses.

        Raises:
            SubmissionError: refused for good (5xx); says what the server answered.
            CutOffError: the connection ended after the mail was on its way; whether it was taken is not known.
            InfrastructureError: not taken now (4xx, no connection).
        """
        client = SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            timeout=self._settings.timeout.total_seconds(),
            start_tls=False if self._settings.host in LOOPBACK else None,
        )
        try:
            await self._connect(client)
            await self._envelope(client, sender, recipients)
            await self._data(client, mail)
        finally:
            with suppress(SMTPException, OSError):
                await client.quit(timeout=1)
            client.close()

    async def _connect(self, client: SMTP) -> None:
        try:
            await client.connect()
        except (SMTPException, OSError) as error:
            raise InfrastructureError(f"cannot reach the mail server {self._where}: {_said(error)}") from error

    async def _envelope(self, client: SMTP, sender: str, recipients: Sequence[str]) -> None:
        """Name sender and recipients; when one of them is refused nothing is sent to the others."""
        try:
            await client.mail(sender)
            for recipient in recipients:
                await client.rcpt(recipient)
        except (SMTPSenderRefused, SMTPRecipientRefused) as error:
            who = error.recipient if isinstance(error, SMTPRecipientRefused) else f"the sender {sender}"
            raise _blame(error)(f"{self._where} refuses {who}; it said: {_said(error)}") from error
        except (SMTPException, OSError) as error:
            raise InfrastructureError(f"{self._where} broke off before the mail: {_said(error)}") from error

    async def _data(self, client: SMTP, mail: bytes) -> None:
        try:
            await client.data(mail, timeout=ANSWER_TO_DATA.total_seconds())
        except SMTPResponseException as error:
            raise _blame(error)(f"{self._where} refuses the mail; it said: {_said(error)}") from error
        except (SMTPException, OSError) as error:
            raise CutOffError(f"{self._where} broke off before it answered to the mail: {_said(error)}") from error


def _blame(error: SMTPResponseException) -> type[SubmissionError | InfrastructureError]:
    """Return whose fault an answer is: RFC 5321, 4.2.1: 5yz is for good, 4yz for now."""
    return SubmissionError if 500 <= error.code < 600 else InfrastructureError


def _said(error: Exception) -> str:
    """Return what the server (or the system) said, on one line, as text that may be shown and stored."""
    said = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    plain = "".join(one if one.isprintable() else " " for one in said)
    return " ".join(plain.split())[:MAX_ANSWER] or type(error).__name__
