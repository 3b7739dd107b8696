"""Deciding over REST which postings are one series, and addresses of series that are no more."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import Decision
from tests.web.conftest import Site
from tests.web.works import add_works

pytestmark = pytest.mark.anyio


def headers(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.bearer}"}


async def post(site: Site, **body: Any) -> Any:
    async with site.client() as client:
        answer = await client.post("/api/v1/decisions", json=body, headers=headers(site))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/decisions/{answer.json()['id']}"
    return answer.json()


async def got(site: Site, path: str, **params: Any) -> Any:
    async with site.client() as client:
        answer = await client.get(f"/api/v1{path}", params=params, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_link_joins_two_series_and_old_addresses_lead_on(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    gone, home = works.series_of(works.theirs), works.series_of(works.ours[0])
    made = await post(own_site, kind="link", posting=works.theirs, to=works.ours[0], note="He took over.")
    assert (made["kind"], made["message_id"], made["to"]) == ("link", works.theirs, works.ours[0])
    assert (made["decided_by"], made["note"], made["undone_by"]) == ("the tests", "He took over.", None)
    assert made["series_id"] == made["other_series_id"]
    gone, home = (gone, home) if made["series_id"] == home else (home, gone)
    async with own_site.client() as client:
        answer = await client.get(f"/api/v1/series/{gone}?x=1")
        assert (answer.status_code, answer.headers["location"]) == (307, f"/api/v1/series/{home}?x=1")
    series = await got(own_site, f"/series/{gone}")
    assert (series["id"], len(series["revisions"])) == (home, 4)
    assert await got(own_site, f"/decisions/{made['id']}") == made


async def test_a_split_and_what_the_revisions_say_of_their_links(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    made = await post(own_site, kind="split", posting=f"https://lore.kernel.org/bpf/{works.ours[1]}/")
    assert (made["to"], made["parted_from"]) == (None, works.ours[0])
    assert made["series_id"] == works.series_of(works.ours[2]) != made["other_series_id"]
    revision = await got(own_site, f"/revisions/{works.posting(works.ours[2]).id}")
    assert (revision["link_to"], revision["link_reason"]) == ("v2", "same author and like title")
    assert revision["link_strength"] == 2
    assert revision["supersedes"] == []


async def test_a_move_by_the_number_of_a_series_and_its_undoing(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    home = works.series_of(works.theirs)
    made = await post(own_site, kind="move", posting=works.ours[1], to=str(home))
    assert works.series_of(works.ours[1]) == home != works.series_of(works.ours[0])
    async with own_site.client() as client:
        for _ in range(2):  # undone is undone
            answer = await client.delete(f"/api/v1/decisions/{made['id']}", headers=headers(own_site))
            assert answer.status_code == 200
            assert answer.json()["undone_by"] == "the tests"
            assert works.series_of(works.ours[1]) == works.series_of(works.ours[0]) != home
        missing = await client.delete("/api/v1/decisions/4711", headers=headers(own_site))
        assert missing.status_code == 404
    assert (await got(own_site, f"/decisions/{made['id']}"))["undone_at"] == answer.json()["undone_at"]


async def test_decisions_are_listed_by_series_and_by_whether_they_count(own_site: Site, stored: Session) -> None:
    works = add_works(stored)
    first = await post(own_site, kind="split", posting=works.ours[2])
    second = await post(own_site, kind="link", posting=works.theirs, to=works.ours[0])

    async def ids(**params: Any) -> list[int]:
        return [one["id"] for one in (await got(own_site, "/decisions", **params))["items"]]

    assert await ids(series_id=works.series_of(works.ours[2])) == [first["id"]]
    assert await ids(series_id=works.series_of(works.ours[0])) == [second["id"], first["id"]]  # it was parted from it
    async with own_site.client() as client:
        await client.delete(f"/api/v1/decisions/{first['id']}", headers=headers(own_site))
    assert first["id"] not in await ids(in_force=True)
    assert first["id"] in await ids(in_force=False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "split", "posting": "nobody@example.org"}, "is no mail of a series that is stored here"),
        ({"kind": "split", "posting": "not one"}, "is not a Message-ID"),
        ({"kind": "link", "posting": "m0@example.org"}, "say what v1 of series"),
        ({"kind": "move", "posting": "m0@example.org", "to": "999999"}, "there is no series 999999"),
        ({"kind": "merge", "posting": "m0@example.org"}, "/kind"),
        ({"kind": "split", "posting": "m3@example.org", "note": "x" * 1001}, "/note"),
        ({"kind": "split"}, "/posting"),
        ([], "the request is not right"),
    ],
)
async def test_what_cannot_be_decided_is_a_problem_and_nothing_is_stored(
    own_site: Site, stored: Session, body: object, said: str
) -> None:
    add_works(stored)
    before = stored.scalar(select(func.count(Decision.id)))
    async with own_site.client() as client:
        answer = await client.post("/api/v1/decisions", json=body, headers=headers(own_site))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said.lower() in answer.json()["detail"].lower()
    stored.rollback()
    assert stored.scalar(select(func.count(Decision.id))) == before


async def test_nobody_decides_without_a_token(site: Site) -> None:
    async with site.client() as client:
        for method, path in (("POST", "/api/v1/decisions"), ("DELETE", "/api/v1/decisions/1")):
            answer = await client.request(method, path)
            assert answer.status_code == 401
            client.cookies.set("reroll_token", site.bearer)
            assert (await client.request(method, path)).status_code == 401


async def test_the_document_shows_how_to_decide(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    request = document["components"]["schemas"]["DecisionRequest"]
    assert {one["kind"] for one in request["examples"]} == {"link", "split", "move"}
    assert "401" in document["paths"]["/api/v1/decisions/{decision_id}"]["delete"]["responses"]
    assert "307" in document["paths"]["/api/v1/series/{series_id}"]["get"]["responses"]
