"""Both kinds of signatures together, and DNS: a server of our own on loopback, and none."""

import socket
import threading
import time
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from app.config import AttestationSettings
from app.domain.attestation import Check, Scheme
from tests.workers.adapters.test_dkim_check import PLAIN, RECORD
from tests.workers.adapters.test_dkim_check import signed as signed_by_domain
from tests.workers.adapters.test_patatt_check import signed as signed_by_developer
from workers.adapters import signatures
from workers.adapters.dkim_check import NoDnsError
from workers.adapters.signatures import Dns, Signatures

pytestmark = pytest.mark.anyio
LONG = b"v=DKIM1; k=rsa; p=" + b"A" * 400


class Server:
    """Answers TXT questions: `long.*` with a record of two strings, `none.*` not at all, `broken.*` with SERVFAIL."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    def serve(self) -> None:
        while True:
            data, peer = self.socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text()
            self.asked.append(name)
            answer = dns.message.make_response(query)
            if name.startswith("broken."):
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif name.startswith("none."):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                text = LONG if name.startswith("long.") else RECORD
                parts = " ".join(f'"{text[at : at + 250].decode()}"' for at in range(0, len(text), 250))
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", parts))
            self.socket.sendto(answer.to_wire(), peer)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield server
    server.socket.sendto(b"", ("127.0.0.1", server.port))
    thread.join(5)
    server.socket.close()


async def test_a_mail_signed_by_both(server: Server) -> None:
    raw = signed_by_domain(signed_by_developer().replace(b"\n", b"\r\n"))
    found = await Signatures(AttestationSettings()).check(raw)
    assert [(one.scheme, one.result) for one in found] == [(Scheme.PATATT, Check.NO_KEY), (Scheme.DKIM, Check.PASS)]
    assert server.asked == ["sel._domainkey.example.org."]


async def test_dns_is_not_asked_where_that_is_not_wanted(server: Server) -> None:
    assert await Signatures(AttestationSettings(dkim=False)).check(signed_by_domain()) == ()
    assert server.asked == []


async def test_a_mail_that_nobody_signed_costs_nothing(server: Server) -> None:
    assert await Signatures(AttestationSettings()).check(PLAIN) == ()


async def test_headers_that_would_take_long_are_not_read() -> None:
    raw = b"DKIM-Signature: a\n" + b" \n" * 200_000 + PLAIN
    begin = time.monotonic()
    (found,) = await Signatures(AttestationSettings()).check(raw)
    assert (found.result, found.reason) == (Check.FAIL, "too large a mail")
    assert time.monotonic() - begin < 1


def test_records_are_joined_remembered_and_may_be_absent(server: Server) -> None:
    asking = Dns()
    assert asking.txt("long.example.org") == LONG
    assert asking.txt("long.example.org") == LONG
    assert asking.txt("none.example.org") is None
    assert server.asked == ["long.example.org.", "none.example.org."]


@pytest.mark.parametrize("name", ["a..example.org", f"{'a' * 64}.example.org", "." * 300])
def test_a_name_that_cannot_be_has_no_record(server: Server, name: str) -> None:
    assert Dns().txt(name) is None
    assert server.asked == []


def test_a_domain_that_is_broken_says_nothing_of_ours(server: Server) -> None:
    asking = Dns()
    for number in range(5):
        with pytest.raises(NoDnsError, match="NoNameservers"):
            asking.txt(f"broken.{number}.example.org")
    assert asking.txt("example.org") == RECORD


def test_where_nothing_answers_it_is_soon_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def silent(name: object, *_rest: object, **_more: object) -> None:
        asked.append(name)
        raise dns.resolver.LifetimeTimeout(timeout=5, errors=[])

    monkeypatch.setattr(dns.resolver, "resolve", silent)
    asking = Dns()
    for number in range(10):
        with pytest.raises(NoDnsError):
            asking.txt(f"{number}.example.org")
    assert len(asked) == signatures.SILENT_AFTER
    asking.silent_until = time.monotonic() - 1
    with pytest.raises(NoDnsError):
        asking.txt("again.example.org")
    assert len(asked) == signatures.SILENT_AFTER + 1
