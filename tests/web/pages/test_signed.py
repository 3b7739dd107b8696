"""Marks of signatures beside patches, and each signature with its mail."""

import pytest
from sqlalchemy import select

from app.db.models import Message
from app.domain.attestation import Check, Scheme, Signature
from app.services import attestation
from tests import factories as make
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio


async def test_patches_are_marked_by_what_says_most_of_their_author(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}?revision=v4")
    assert "cover letter signed" in page.words
    titles = page.values("title")
    assert "patatt ann@example.org: pass (openpgp)" in titles
    assert "DKIM example.org: pass" in titles
    altered = "the body was altered after it was signed, as by a list that adds a footer"
    assert f"DKIM example.org: fail ({altered})" in titles
    assert not [title for title in titles if "key not known" in title or "not checked" in title]


async def test_a_mail_lists_each_signature_with_its_reason(own_site: Site, stored) -> None:
    patches = make.patches_of(stored, own_site.example.revisions[3])
    broken, unknown, nobody = (patch.message_pk for patch in patches[1:4])
    page = await shape(own_site, f"/messages/{broken}")
    assert "Signed DKIM fail example.org · the body was altered after it was signed" in page.words
    assert "DKIM not checked relay.example, not the author's · no DNS: LifetimeTimeout" in page.words
    assert (
        "Signed patatt key not known ann@example.org · ed25519" in (await shape(own_site, f"/messages/{unknown}")).words
    )
    assert "Signed by nobody" in (await shape(own_site, f"/messages/{nobody}")).words
    assert "Signed DKIM fail example.org" in (await shape(own_site, f"/patches/{patches[1].id}")).words


async def test_a_mail_that_was_not_checked_says_nothing(own_site: Site, stored) -> None:
    older = make.patches_of(stored, own_site.example.revisions[0])[0]
    assert "Signed " not in (await shape(own_site, f"/messages/{older.message_pk}")).words.replace("Signed-off", "")


async def test_what_a_header_names_does_not_become_markup(own_site: Site, stored) -> None:
    message = stored.scalars(select(Message).limit(1)).one()
    hostile = Signature(
        scheme=Scheme.PATATT, signer='"><script>x', result=Check.FAIL, by_author=True, reason="\u202e<b>\x00"
    )
    attestation.store(stored, message.id, [hostile])
    stored.commit()
    page = await shape(own_site, f"/messages/{message.id}")
    assert '"><script>x' in page.words
