"""The feed of a series, read as a feed reader reads it."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy.orm import Session

from app.db.models import Revision
from app.domain.outcome import Verdict
from tests import factories as make
from tests.factories import NOW
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
ATOM = "{http://www.w3.org/2005/Atom}"
ENTRY = {"id", "title", "updated", "author", "link", "category", "content"}


async def feed(site: Site, series_id: int) -> ET.Element:
    async with site.client() as client:
        answer = await client.get(f"/series/{series_id}/new.atom")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/atom+xml"
    return ET.fromstring(answer.content)


def entries(root: ET.Element) -> list[dict[str, str]]:
    return [
        {
            **{name: one.findtext(ATOM + name, "") for name in ("id", "title", "updated", "content")},
            "link": one.find(ATOM + "link").get("href"),
            "by": one.findtext(f"{ATOM}author/{ATOM}name"),
            "what": one.find(ATOM + "category").get("term"),
        }
        for one in root.findall(ATOM + "entry")
    ]


async def test_what_rfc_4287_asks_of_a_feed(site: Site) -> None:
    root = await feed(site, site.example.series.id)
    assert root.tag == ATOM + "feed"
    assert [one.tag.removeprefix(ATOM) for one in root][:6] == ["id", "title", "updated", "author", "link", "link"]
    links = {one.get("rel"): one.get("href") for one in root.findall(ATOM + "link")}
    assert links == {
        rel: f"http://127.0.0.1:8000/series/1{end}" for rel, end in (("self", "/new.atom"), ("alternate", ""))
    }
    for one in root.findall(ATOM + "entry"):
        assert {child.tag.removeprefix(ATOM) for child in one} == ENTRY
        assert len(one) == len(ENTRY)
    times = [one.text for one in root.iter(ATOM + "updated")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one) for one in times)
    assert times[0] == times[1]
    assert times[1:] == sorted(times[1:], reverse=True)
    ids = [one.text for one in root.iter(ATOM + "id")]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("urn:uuid:") for one in ids)


async def test_revisions_comments_and_verdicts_are_in_it(site: Site) -> None:
    found = entries(await feed(site, site.example.series.id))
    kinds = [one["what"] for one in found]
    assert (kinds.count("revision"), kinds.count("verdict"), kinds.count("comment")) == (4, 4, 5)
    verdict = next(one for one in found if one["title"] == "v4 is clean")
    assert verdict["by"] == "Reroll"
    assert verdict["link"] == f"http://127.0.0.1:8000/runs/{site.example.runs[3].id}"
    revision = next(one for one in found if one["title"].startswith("v3: "))
    assert "  1/4 bpf: Count dropped samples per ring\n" in revision["content"]
    async with site.client() as client:
        for one in found:
            assert (await client.get(one["link"])).status_code == 200


async def test_ids_and_times_stay_when_more_comes(own_site: Site, stored: Session) -> None:
    series = own_site.example.series.id
    before = {one["id"]: one["updated"] for one in entries(await feed(own_site, series))}
    revision = stored.get_one(Revision, own_site.example.revisions[3].id)
    make.add_comment(stored, revision, "More.\n", sent_at=NOW + timedelta(days=9000))
    stored.commit()
    root = await feed(own_site, series)
    after = {one["id"]: one["updated"] for one in entries(root)}
    assert before.items() < after.items()
    assert len(after) == len(before) + 1
    assert datetime.fromisoformat(root.findtext(ATOM + "updated")) <= datetime.now(UTC)


async def test_nothing_of_a_mail_is_markup(own_site: Site, stored: Session) -> None:
    revision = stored.get_one(Revision, own_site.example.revisions[3].id)
    text = "</content>&lt;]]><script>\x0c\x1b[1m \ufffe\u202e end"
    make.add_comment(stored, revision, text, author=('<b>"R"', "not an address"), sent_at=NOW + timedelta(hours=1))
    stored.commit()
    root = await feed(own_site, own_site.example.series.id)
    newest = root.find(ATOM + "entry")
    said = newest.findtext(ATOM + "content")
    assert said == "</content>&lt;]]><script>⟨U+000C⟩⟨U+001B⟩[1m \ufffd⟨U+202E⟩ end"
    assert newest.findtext(f"{ATOM}author/{ATOM}name") == '<b>"R"'
    assert newest.find(f"{ATOM}author/{ATOM}email") is None


async def test_a_feed_is_bounded(own_site: Site, stored: Session) -> None:
    revision = stored.get_one(Revision, own_site.example.revisions[3].id)
    for number in range(110):
        make.add_comment(stored, revision, "x" * 20_000, sent_at=NOW + timedelta(minutes=number))
    stored.commit()
    root = await feed(own_site, own_site.example.series.id)
    assert len(root.findall(ATOM + "entry")) == 100
    assert root.find(ATOM + "entry").findtext(ATOM + "content").endswith("x\n\n[10,000 characters more]")


async def test_a_series_that_is_not_there_and_one_with_nothing_but_a_revision(own_site: Site, stored: Session) -> None:
    series = make.add_series(stored)
    make.add_revision(stored, series, "v1", posted_at=NOW - timedelta(days=100))
    stored.commit()
    root = await feed(own_site, series.id)
    assert [one["what"] for one in entries(root)] == ["revision"]
    async with own_site.client() as client:
        assert (await client.get("/series/4711/new.atom")).status_code == 404
        assert f'href="/series/{series.id}/new.atom"' in (await client.get(f"/series/{series.id}")).text
    assert Verdict.CLEAN not in ET.tostring(root, encoding="unicode")
