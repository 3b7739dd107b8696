"""A mail among those it came with, and what is needed to answer it."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models import Message
from app.domain.message import split_mbox
from tests import factories as make
from tests.factories import NOW
from tests.web.conftest import Site
from tests.web.pages.shape import shape
from tests.web.pages.test_pages import statements

pytestmark = pytest.mark.anyio


def add(session: Session, subject: str, *, root: str, **values: Any) -> Message:
    """Insert a mail of the conversation below `root`."""
    mail = make.add_message(session, subject, **values)
    mail.root = root
    return mail


async def page(site: Site, path: str) -> str:
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200, path
    return answer.text


async def test_who_answered_whom_and_where_this_mail_is(own_site: Site, stored: Session) -> None:
    start = add(stored, "[PATCH] One", message_id="one@x", root="one@x")
    answer = add(stored, "Re: [PATCH] One", author=("Rex", "rex@x"), reply_to="one@x", root="one@x")
    other = add(stored, "Was: <b>One</b>", author=("Sue", "sue@x"), reply_to=answer.message_id, root="one@x")
    add(stored, "[PATCH] Elsewhere", message_id="two@x", root="two@x")
    stored.commit()
    text = await page(own_site, f"/messages/{answer.id}")
    section = text[text.index('aria-labelledby="overview"') : text.index('aria-labelledby="reply"')]
    assert "<small>3 mails</small>" in section
    rows = section.split("<li ")[1:]
    assert [row.split('"')[1] for row in rows] == ["deep-0", "deep-1 here", "deep-2"]
    assert f'<a href="/messages/{start.id}"><bdi>[PATCH] One</bdi></a>' in rows[0]
    assert '<b aria-current="page"><bdi>this answer</bdi></b>' in rows[1]
    assert f'<a href="/messages/{other.id}"><bdi>Was: &lt;b&gt;One&lt;/b&gt;</bdi></a>' in rows[2]
    assert "Elsewhere" not in section


async def test_a_long_thread_is_shown_around_the_mail(own_site: Site, stored: Session) -> None:
    mails = [add(stored, f"Mail {number}", root="long@x") for number in range(400)]
    stored.commit()
    found = await shape(own_site, f"/messages/{mails[300].id}")
    assert "225 mails before." in found.words
    assert "25 mails after." in found.words
    assert found.attributes.count(("aria-current", "page")) == 2  # the navigation's, and the mail's
    first = await shape(own_site, f"/messages/{mails[0].id}")
    assert "before." not in first.words
    with statements(own_site) as sent:
        await page(own_site, f"/messages/{mails[5].id}")
    assert len(sent) < 10


async def test_mboxes_of_a_mail_and_of_its_thread(own_site: Site, stored: Session) -> None:
    start = add(stored, "[PATCH] One", body="From here\n", message_id="one@x", root="one@x")
    add(stored, "Re: [PATCH] One", reply_to="one@x", root="one@x", sent_at=NOW)
    stored.commit()
    async with own_site.client() as client:
        alone = await client.get(f"/messages/{start.id}/mbox")
        whole = await client.get(f"/messages/{start.id}/thread.mbox")
        assert (await client.get("/messages/4711/mbox")).status_code == 404
        assert (await client.get("/messages/4711/thread.mbox")).status_code == 404
    assert split_mbox(alone.content) == (start.raw,)
    assert alone.headers["Content-Type"] == "application/mbox"
    assert "attachment" in alone.headers["Content-Disposition"]
    assert len(split_mbox(whole.content)) == 2


async def test_how_to_answer_is_said_in_three_ways(own_site: Site, stored: Session) -> None:
    mail = add(stored, "[PATCH] <i>One", author=("Ann", "ann@example.org"), message_id="a'<b@x", root="r@x")
    stored.commit()
    text = await page(own_site, f"/messages/{mail.id}")
    assert f'<a href="/messages/{mail.id}/mbox">mbox</a>' in text
    assert "--to=ann@example.org" in text
    assert 'href="mailto:ann@example.org?In-Reply-To=' in text
    assert "<i>One" not in text
