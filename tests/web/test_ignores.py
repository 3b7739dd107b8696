"""Tests to ignore, over REST and on their page: entered, listed, expired, ended."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models import Ignore
from app.web.security import COOKIE
from tests import factories as make
from tests.factories import NOW
from tests.web.conftest import SAME_ORIGIN, Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio

ENTRY = {"pattern": "lru_*", "reason": "needs an NMI", "owner": "ann@example.org"}
SOON = (NOW + timedelta(days=30)).isoformat()


async def call(site: Site, method: str, path: str, *, token: bool = True, **body: Any) -> tuple[int, Any]:
    async with site.client() as client:
        headers = {"Authorization": f"Bearer {site.bearer}"} if token else {}
        answer = await client.request(method, f"/api/v1/ignores{path}", headers=headers, json=body or None)
    return answer.status_code, answer.json()


async def test_entered_listed_and_ended_over_rest(own_site: Site) -> None:
    status, made = await call(own_site, "POST", "", **ENTRY, tree="bpf-next", expires_at=SOON)
    assert status == 201
    assert (made["pattern"], made["tree"], made["suite"], made["profile"]) == ("lru_*", "bpf-next", None, None)
    assert (made["created_by"], made["in_force"], made["ended_by"]) == ("the tests", True, None)
    assert (await call(own_site, "GET", f"/{made['id']}"))[1] == made
    assert made in (await call(own_site, "GET", "?in_force=true"))[1]["items"]

    _, ended = await call(own_site, "DELETE", f"/{made['id']}")
    assert (ended["ended_by"], ended["in_force"]) == ("the tests", False)
    assert (await call(own_site, "DELETE", f"/{made['id']}"))[1] == ended
    assert ended not in (await call(own_site, "GET", "?in_force=true"))[1]["items"]
    assert (await call(own_site, "GET", "?in_force=false"))[1]["items"] == [ended]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pattern": "*"}, "names no test"),
        ({"reason": "  "}, "the reason has 0 characters"),
        ({"expires_at": NOW.isoformat()}, "within 180 days"),
        ({"expires_at": (NOW + timedelta(days=181)).isoformat()}, "within 180 days"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_reason(site: Site, change: dict[str, str], said: str) -> None:
    status, problem = await call(site, "POST", "", **(ENTRY | {"expires_at": SOON} | change))
    assert status == 422
    assert said in problem["detail"]


async def test_writing_needs_a_token(site: Site) -> None:
    assert (await call(site, "POST", "", token=False, **ENTRY, expires_at=SOON))[0] == 401
    assert (await call(site, "DELETE", "/1", token=False))[0] == 401
    assert (await call(site, "DELETE", "/4711"))[0] == 404


async def test_the_page_shows_who_what_why_and_what_is_over(own_site: Site, stored: Session) -> None:
    stored.get_one(Ignore, 1).expires_at = NOW - timedelta(days=1)
    stored.commit()
    async with own_site.client() as client:
        client.cookies.set(COOKIE, own_site.bearer)
        said = {"Content-Type": "application/x-www-form-urlencoded", "Referer": "http://127.0.0.1:8000/ignores"}
        fields = {"pattern": "xdp_*", "reason": "<b>slow", "owner": "Ann", "expires": "2026-05-01"}
        answer = await client.post("/ignores", data=fields, headers=SAME_ORIGIN | said)
        assert (answer.status_code, answer.headers["location"]) == (303, "/ignores#ignore-2")
        page = await shape(own_site, "/ignores?pattern=lru_lock")
        assert "1 entry in force." in page.words
        assert (
            "expired send_signal* needs an NMI, which TCG has not seen to by ann@example.org until 13 Apr"
            " 9 d agoby ann's laptop" in page.words
        )
        assert "ignored xdp_* <b>slow seen to by Ann until 1 May just nowby the tests" in page.words
        assert "lru_lock" in page.values("value")
        assert page.values("action").count("/ignores/2/end") == 1
        assert "/ignores/1/end" not in page.values("action")

        bad = await client.post("/ignores", data=fields | {"expires": "soon"}, headers=SAME_ORIGIN | said)
        assert bad.status_code == 422
        assert "until which day" in bad.text
        ended = await client.post("/ignores/2/end", headers=SAME_ORIGIN | said)
        assert ended.status_code == 303
    page = await shape(own_site, "/ignores")
    assert "No failure is ignored." in page.words
    assert "ended by the tests" in page.words


async def test_what_a_form_sends_is_bounded_as_over_rest(own_site: Site) -> None:
    fields = {"pattern": "xdp_*", "reason": "slow", "owner": "Ann", "expires": "2026-05-01", "suite": "x" * 101}
    async with own_site.client() as client:
        client.cookies.set(COOKIE, own_site.bearer)
        answer = await client.post("/ignores", data=fields, headers=SAME_ORIGIN)
    assert answer.status_code == 422
    assert "the suite has 101 characters; it may have 100" in answer.text


async def test_what_counts_stands_before_what_is_over(own_site: Site, stored: Session) -> None:
    ended = {"ended_by": "ann", "ended_at": NOW}
    make.add_ignore(stored, "over_long", expires_at=NOW + timedelta(days=170), **ended)
    make.add_ignore(stored, "soon", expires_at=NOW + timedelta(days=1))
    stored.commit()
    page = await shape(own_site, "/ignores")
    assert page.words.index("soon") < page.words.index("over_long")
    _, listed = await call(own_site, "GET", "")
    assert [one["pattern"] for one in listed["items"]] == ["send_signal*", "soon", "over_long"]
