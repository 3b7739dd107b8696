"""Deciding on the page of a series what is one work; what it then shows; and where old addresses lead."""

import pytest
from sqlalchemy.orm import Session

from app.web.security import COOKIE
from tests.web.conftest import SAME_ORIGIN, Site
from tests.web.pages.shape import Shape, shape
from tests.web.works import Works, add_works

pytestmark = pytest.mark.anyio


async def send(site: Site, path: str, *, signed_in: bool = True, **fields: str) -> tuple[int, str]:
    """Send a form as a browser does; return the status and where it leads."""
    async with site.client() as client:
        if signed_in:
            client.cookies.set(COOKIE, site.bearer)
        said = {"Referer": "http://127.0.0.1:8000/x", "Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(path, data=fields, headers=SAME_ORIGIN | said)
    return answer.status_code, answer.headers.get("location", answer.text)


async def decide(site: Site, works: Works, message_id: str, **fields: str) -> str:
    status, location = await send(site, f"/revisions/{works.posting(message_id).id}/decisions", **fields)
    assert status == 303, location
    return location.partition("#")[0]


async def test_a_series_says_why_its_revisions_are_one_work(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}")
    assert "v4 follows v3 change-id · 5 of 6" in page.words
    assert "v1 the first v3 linked" in page.words
    assert "v3 linked with v2 Renamed after v2. by ann's laptop · 3 h ago" in page.words
    assert "v2 and what follows it split from v1 another design by ann's laptop · 2 d ago" in page.words
    assert "undone by ben's desk 1 h ago" in page.words
    assert page.values("action").count("/decisions/2/undo") == 1
    assert "/decisions/1/undo" not in page.values("action")
    assert any("6 linked by hand, 5 change-id, 4 link in the cover letter" in one for one in page.values("title"))


async def test_what_a_posting_declares_is_shown_with_what_is_known_of_it(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}")
    assert "needs v2 of bpf: Count dropped samples per ring elsewhere@example.org patch-id 5c5c5c" in page.words
    assert "supersedes v3 of bpf: Count dropped samples per ring" in page.words
    assert "https://lore.kernel.org/all/elsewhere@example.org/" in page.values("href")


async def test_linked_on_the_page_the_record_names_who_and_why(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    gone = works.series_of(works.theirs)
    location = await decide(own_site, works, works.ours[2], kind="link", to=f"/series/{gone}", note="Same idea <b>")
    page = await shape(own_site, location)
    assert "v3 linked with v1" in page.words
    assert "Same idea <b> by the tests" in page.words
    assert f"Series {max(gone, works.series_of(works.ours[0]) + 1)} became part of this one." in page.words
    assert "v1 resend belongs here by what follows it" in page.words


async def test_a_split_is_shown_on_both_sides_and_undone_from_either(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    old = works.series_of(works.ours[0])
    location = await decide(own_site, works, works.ours[1], kind="split", to="what stands there is not read")
    page = await shape(own_site, location)
    assert "v2 and what follows it split from v1 of bpf: Make it so" in page.words
    older = await shape(own_site, f"/series/{works.series_of(works.ours[0])}")
    assert "v2 of bpf: Make it so and what follows it split from v1" in older.words
    (action,) = (one for one in older.values("action") if one.endswith("/undo"))
    status, location = await send(own_site, action)
    assert status == 303
    assert works.series_of(works.ours[1]) == works.series_of(works.ours[0])
    assert "undone by the tests" in (await shape(own_site, location.partition("#")[0])).words
    async with own_site.client() as client:
        assert (await client.get(f"/series/{old}", follow_redirects=True)).status_code == 200


async def test_an_old_address_leads_to_where_the_revision_is(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    theirs, ours = works.series_of(works.theirs), works.series_of(works.ours[0])
    await decide(own_site, works, works.theirs, kind="link", to=works.ours[0])
    home = works.series_of(works.theirs)
    gone, label = (theirs, works.posting(works.theirs).label) if home == ours else (ours, "v3")
    asked = "v1" if gone == theirs else "v3"
    async with own_site.client() as client:
        for path, leads in (
            (f"/series/{gone}", f"/series/{home}"),
            (f"/series/{gone}?revision={asked}", f"/series/{home}?revision={label.replace(' ', '+')}"),
            (f"/series/{gone}/mbox", f"/series/{home}/mbox"),
        ):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (307, leads)
            assert (await client.get(leads)).status_code == 200
        assert (await client.get(f"/series/{home}?revision=v9")).status_code == 404
        assert (await client.get(f"/series/{home}?revision=%00")).status_code == 404
        assert (await client.get(f"/series/{gone + 100}")).status_code == 404


async def test_a_revision_that_was_moved_away_is_found_by_its_old_label(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    old = works.series_of(works.ours[1])
    await decide(own_site, works, works.ours[1], kind="move", note="not this at all")
    assert works.series_of(works.ours[0]) == old
    async with own_site.client() as client:
        answer = await client.get(f"/series/{old}?revision=v2")
    assert answer.headers["location"] == f"/series/{works.series_of(works.ours[1])}?revision=v2"


async def test_only_somebody_who_signed_in_decides(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    path = f"/revisions/{works.posting(works.ours[1]).id}/decisions"
    assert await send(own_site, path, signed_in=False, kind="split") == (303, "/sign-in?next=%2Fx")
    assert await send(own_site, "/decisions/1/undo", signed_in=False) == (303, "/sign-in?next=%2Fx")
    async with own_site.client() as client:
        client.cookies.set(COOKIE, own_site.bearer)
        assert (await client.post(path, data={"kind": "split"})).status_code == 403
    assert works.series_of(works.ours[1]) == works.series_of(works.ours[0])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose what to do"),
        ({"kind": "merge"}, "Choose what to do"),
        ({"kind": "link"}, "say what v2 of series"),
        ({"kind": "link", "to": "nonsense"}, "is not a Message-ID"),
        ({"kind": "move", "to": "m0@example.org"}, "is in one series with v1 already"),
        ({"kind": "split", "note": "x" * 1001}, "at most 1000 are kept"),
    ],
)
async def test_what_cannot_be_decided_is_said_on_a_page(
    own_site: Site, stored: Session, fields: dict[str, str], said: str
) -> None:
    works = add_works(stored)
    status, text = await send(own_site, f"/revisions/{works.posting(works.ours[1]).id}/decisions", **fields)
    assert status == 422
    assert said in Shape(text).words
    assert (await send(own_site, "/revisions/4711/decisions", kind="split"))[0] == 404
    assert (await send(own_site, "/decisions/4711/undo"))[0] == 404


async def test_the_first_revision_offers_no_split_and_a_lone_one_no_way_out(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    first = await shape(own_site, f"/series/{works.series_of(works.ours[0])}?revision=v1")
    assert first.values("value").count("split") == 0
    assert "empty: a new one" in first.words
    later = await shape(own_site, f"/series/{works.series_of(works.ours[0])}?revision=v2")
    assert later.values("value").count("split") == 1
    lone = await shape(own_site, f"/series/{works.series_of(works.theirs)}")
    assert "empty: a new one" not in lone.words
