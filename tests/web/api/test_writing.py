"""What may be written over the API, and by whom."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import Run, RunState, Thread, ThreadState
from app.db.queries.workers import queue_counts
from app.services import tokens
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
REFERENCE = {"reference": "https://lore.kernel.org/bpf/20260501-new-v1-0@example.org/T/#u"}


def headers(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.bearer}"}


async def test_tracking_inserts_a_thread_and_its_queue_entry(own_site: Site, stored: Session) -> None:
    async with own_site.client() as client:
        answer = await client.post("/api/v1/threads", json=REFERENCE, headers=headers(own_site))
    assert answer.status_code == 202
    thread = stored.get_one(Thread, answer.json()["id"])
    assert answer.headers["location"] == f"/api/v1/threads/{thread.id}"
    assert (thread.message_id, thread.state) == ("20260501-new-v1-0@example.org", ThreadState.QUEUED)
    assert thread.requested_by == "the tests"
    assert queue_counts(stored)["track"] == {"todo": 2}  # one is the example's


async def test_what_is_no_message_id_is_said_so_and_nothing_is_stored(own_site: Site, stored: Session) -> None:
    before = stored.scalar(select(func.count()).select_from(Thread))
    async with own_site.client() as client:
        answer = await client.post("/api/v1/threads", json={"reference": "not one"}, headers=headers(own_site))
    assert answer.status_code == 422
    assert "is not a Message-ID" in answer.json()["detail"]
    assert stored.scalar(select(func.count()).select_from(Thread)) == before


async def test_a_revision_is_run_again_as_often_as_asked(own_site: Site, stored: Session) -> None:
    revision = own_site.example.revisions[3].id
    async with own_site.client() as client:
        answer = await client.post(
            f"/api/v1/revisions/{revision}/runs", json={"times": 3, "profile": "bpf-quick"}, headers=headers(own_site)
        )
    assert answer.status_code == 202, answer.text
    runs = [stored.get_one(Run, one["id"]) for one in answer.json()]
    assert len(runs) == 3
    assert {(run.revision_id, run.state, run.requested_by) for run in runs} == {
        (revision, RunState.QUEUED, "the tests")
    }


@pytest.mark.parametrize(
    "body", [{"times": 0}, {"times": 11}, {"profile": "../x"}, {"times": "x"}, {"only_fail": True}, [], "x"]
)
async def test_a_rerun_that_makes_no_sense_is_refused(own_site: Site, body: object) -> None:
    path = f"/api/v1/revisions/{own_site.example.revisions[3].id}/runs"
    async with own_site.client() as client:
        answer = await client.post(path, json=body, headers=headers(own_site))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


async def test_a_rerun_without_a_body_is_a_whole_one(own_site: Site, stored: Session) -> None:
    async with own_site.client() as client:
        answer = await client.post(
            f"/api/v1/revisions/{own_site.example.revisions[3].id}/runs", headers=headers(own_site)
        )
    assert answer.status_code == 202, answer.text
    (run,) = answer.json()
    assert stored.get_one(Run, run["id"]).only is None


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (b"{bad", "", "JSON decode error at character 1"),
        (b"[]", "", "Input should be a valid dictionary"),
        (b"{}", "/reference", "Field required"),
        (b'{"reference": "a@b", "x/y~z": 1}', "/x~1y~0z", "Extra inputs are not permitted"),
    ],
)
async def test_what_is_wrong_in_a_body_is_pointed_at(own_site: Site, body: bytes, pointer: str, said: str) -> None:
    sent = headers(own_site) | {"Content-Type": "application/json"}
    async with own_site.client() as client:
        answer = await client.post("/api/v1/threads", content=body, headers=sent)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["in"], error["pointer"]) == ("body", pointer)
    assert error["detail"].startswith(said)


async def test_a_revision_that_is_not_there_cannot_be_run(own_site: Site) -> None:
    async with own_site.client() as client:
        answer = await client.post("/api/v1/revisions/4711/runs", json={}, headers=headers(own_site))
    assert answer.status_code == 404


async def test_half_a_character_in_the_body_is_refused(own_site: Site) -> None:
    path = f"/api/v1/revisions/{own_site.example.revisions[3].id}/runs"
    sent = headers(own_site) | {"Content-Type": "application/json"}
    async with own_site.client() as client:
        assert (await client.post(path, content=b'{"profile": "\\ud800"}', headers=sent)).status_code == 422
        answer = await client.post("/api/v1/threads", content=b'{"reference": "\\ud800@example.org"}', headers=sent)
    assert answer.status_code in {202, 422}


@pytest.mark.parametrize("sent", [None, "Bearer nonsense", "Bearer ", "Basic YTpi", "Bearer ä"])
async def test_writing_without_a_good_token_is_refused_before_the_body_is_looked_at(
    site: Site, sent: str | None
) -> None:
    given = {} if sent is None else {"Authorization": sent.encode("utf-8")}
    async with site.client() as client:
        for path in ("/api/v1/threads", "/api/v1/revisions/1/runs"):
            answer = await client.post(path, content=b"{", headers=given)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_revoked_token_writes_nothing(own_site: Site, stored: Session) -> None:
    tokens.revoke(stored, "the tests")
    stored.commit()
    async with own_site.client() as client:
        answer = await client.post("/api/v1/threads", json=REFERENCE, headers=headers(own_site))
    assert answer.status_code == 401


async def test_a_cookie_is_no_token_for_the_api(own_site: Site) -> None:
    async with own_site.client() as client:
        client.cookies.set("reroll_token", own_site.bearer)
        answer = await client.post("/api/v1/threads", json=REFERENCE)
    assert answer.status_code == 401
