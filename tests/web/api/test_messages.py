"""Mails over REST, with their signatures."""

import pytest

from app.domain.attestation import Check, Scheme, Signature
from app.services import attestation
from tests.factories import add_message, add_thread
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
BROKEN = Signature(
    scheme=Scheme.DKIM, signer="example.org", result=Check.FAIL, by_author=True, reason="the body was altered"
)


async def test_a_mail_with_its_signatures(own_site: Site, stored) -> None:
    signed = add_message(stored, "[PATCH] bpf: Frob", body="Frob it.", message_id="signed@example.org")
    plain = add_message(stored, "[PATCH] bpf: Plain", message_id="plain@example.org")
    attestation.store(stored, signed.id, [BROKEN])
    stored.commit()
    async with own_site.client() as client:
        one = (await client.get(f"/api/v1/messages/{signed.id}")).json()
        other = (await client.get(f"/api/v1/messages/{plain.id}")).json()
        found = (await client.get("/api/v1/messages?message_id=https://lore.kernel.org/bpf/signed@example.org/")).json()
        none = await client.get("/api/v1/messages/999999")
        nonsense = await client.get("/api/v1/messages?message_id=nonsense")
    assert (one["message_id"], one["body"], one["kind"]) == ("signed@example.org", "Frob it.", "comment")
    assert one["signatures"] == [
        {
            "scheme": "DKIM",
            "signer": "example.org",
            "result": "fail",
            "by_author": True,
            "reason": "the body was altered",
        }
    ]
    assert other["signatures"] is None, "not checked yet"
    assert [item["id"] for item in found["items"]] == [signed.id]
    assert "body" not in found["items"][0]
    assert none.status_code == 404
    assert nonsense.status_code == 422


async def test_the_mails_of_a_thread_come_with_their_signatures(own_site: Site, stored) -> None:
    thread = add_thread(stored)
    for number in range(5):
        mail = add_message(stored, f"mail {number}", thread=thread)
        attestation.store(stored, mail.id, [])
    stored.commit()
    async with own_site.client() as client:
        found = (await client.get(f"/api/v1/messages?thread_id={thread.id}&limit=3")).json()
    assert found["total"] == 5
    assert [item["signatures"] for item in found["items"]] == [[], [], []]
    assert found["next"] == f"/api/v1/messages?thread_id={thread.id}&limit=3&page=2"
