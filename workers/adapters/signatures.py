"""All signatures of a mail, checked: DKIM with keys from DNS, developers' own with those of a folder."""

import asyncio
import time
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.resolver

from app.config import AttestationSettings
from app.domain.attestation import Check, Scheme, Signature
from app.domain.message import parse_message
from workers.adapters.dkim_check import NoDnsError, check_dkim
from workers.adapters.patatt_check import check_patatt

MAX_HEADERS = 64 * 1024
"""Bytes of all headers: the libraries put folded lines together one by one, which takes the square of it."""
MAX_MAIL = 8 << 20
DNS_S = 5.0
"""For one question, all servers and tries together."""
SILENT_AFTER = 3
SILENT_FOR_S = 300.0
MOST_KEYS = 2000


class Signatures:
    """Checks mails by the settings; what DNS answered is remembered while the process lives."""

    def __init__(self, settings: AttestationSettings) -> None:
        self._dkim = settings.dkim
        self._keyring = str(settings.keyring) if settings.keyring else None
        self._dns = Dns()

    async def check(self, raw: bytes) -> tuple[Signature, ...]:
        """Return the signatures of a mail with what checking each gave; never raises, whatever the mail holds."""
        return await asyncio.to_thread(self._check, raw)

    def _check(self, raw: bytes) -> tuple[Signature, ...]:
        head, _, _ = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        lowered = b"\n" + head.lower()
        by_domain = self._dkim and b"\ndkim-signature:" in lowered
        by_developer = b"\nx-developer-signature:" in lowered
        if not (by_domain or by_developer):
            return ()
        if len(head) > MAX_HEADERS or len(raw) > MAX_MAIL:
            scheme = Scheme.PATATT if by_developer else Scheme.DKIM
            return (Signature(scheme=scheme, signer="", result=Check.FAIL, by_author=False, reason="too large a mail"),)
        author = parse_message(raw).sender.email
        found = check_patatt(raw, author=author, keyring=self._keyring) if by_developer else []
        return (*found, *(check_dkim(raw, author=author, resolve=self._dns.txt) if by_domain else ()))


@dataclass(slots=True)
class Dns:
    """Asks DNS for TXT records, each once; where nothing answers it is not asked again for a while."""

    known: dict[str, bytes | None] = field(default_factory=dict)
    failures: int = 0
    silent_until: float = 0.0

    def txt(self, name: str) -> bytes | None:
        """Return the first TXT record of a name, its strings joined (RFC 6376, 3.6.2.2); None where there is none.

        Raises:
            NoDnsError: no server gives an answer.
        """
        if name not in self.known:
            wanted = _name(name)
            if wanted is None:
                return None
            if time.monotonic() < self.silent_until:
                raise NoDnsError("it did not answer a while ago")
            try:
                answer = _ask(wanted)
            except NoDnsError as error:
                # A domain whose servers are broken says nothing of ours.
                self.failures += not isinstance(error.__cause__, dns.resolver.NoNameservers)
                if self.failures >= SILENT_AFTER:
                    self.failures, self.silent_until = 0, time.monotonic() + SILENT_FOR_S
                raise
            if len(self.known) >= MOST_KEYS:
                self.known.clear()
            self.failures, self.known[name] = 0, answer
        return self.known[name]


def _name(name: str) -> dns.name.Name | None:
    try:
        return dns.name.from_text(name)
    except dns.exception.DNSException:  # `a..b`, a label longer than 63 characters
        return None


def _ask(name: dns.name.Name) -> bytes | None:
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=DNS_S, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    except dns.exception.DNSException as error:
        raise NoDnsError(type(error).__name__) from error
    except OSError as error:
        raise NoDnsError(str(error)) from error
    return next((b"".join(record.strings) for record in answer), None)
