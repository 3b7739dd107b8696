"""Review over REST: what is asked for, who says it is addressed, and what was dropped."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Comment, Mark
from tests import factories as make
from tests.example import ASKED
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


def headers(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.bearer}"}


async def test_remarks_tell_where_they_were_made_and_where_they_are_now(site: Site) -> None:
    v3, v4 = site.example.revisions[2:]
    async with site.client() as client:
        found = (await client.get(f"/api/v1/revisions/{v4.id}/remarks")).json()
    carried, own = [one for one in found if one["text"] == ASKED]
    assert (carried["made_at"]["revision"], own["made_at"]["revision"]) == ("v3", "v4")
    assert carried["now_at"] == {
        "revision": "v4", "patch_id": site.example.patch.id, "patch": 1, "path": "kernel/bpf/ringcount.c", "line": 48,
        "removed": False,
    }  # fmt: skip
    assert carried["author"] == {"name": "Rita Reviewer", "email": "rita@example.org"}
    assert (carried["standing"], carried["open"], carried["why"], carried["mark"]) == ("open", True, "open", None)
    async with site.client() as client:
        earlier = (await client.get(f"/api/v1/revisions/{v3.id}/remarks")).json()
    assert [one["now_at"]["revision"] for one in earlier] == ["v3"]


async def test_somebody_marks_a_comment_and_takes_it_back(own_site: Site, stored: Session) -> None:
    comment = stored.scalars(select(Comment.id).where(Comment.revision_id == own_site.example.revisions[2].id)).first()
    path = f"/api/v1/comments/{comment}/mark"
    async with own_site.client() as client:
        put = await client.put(path, json={"says": "addressed"}, headers=headers(own_site))
        again = await client.put(path, json={"says": "addressed"}, headers=headers(own_site))
        found = (await client.get(f"/api/v1/revisions/{own_site.example.revisions[3].id}/remarks")).json()
        taken = await client.delete(path, headers=headers(own_site))
        twice = await client.delete(path, headers=headers(own_site))
        history = (await client.get(f"/api/v1/comments/{comment}/marks")).json()
    assert put.status_code == 200, put.text
    assert again.json() == put.json()
    (marked,) = [one for one in found if one["comment_id"] == comment]
    assert (marked["open"], marked["why"], marked["mark"]["marked_by"]) == (
        False,
        "addressed: says the tests",
        "the tests",
    )
    assert taken.json()["says"] == "withdrawn"
    assert (twice.status_code, twice.headers["content-type"]) == (422, "application/problem+json")
    assert [one["says"] for one in history] == ["withdrawn", "addressed"]


@pytest.mark.parametrize("body", [{"says": "withdrawn"}, {"says": "x"}, {}, [], None])
async def test_a_mark_that_makes_no_sense_is_refused(own_site: Site, stored: Session, body: object) -> None:
    async with own_site.client() as client:
        answer = await client.put("/api/v1/comments/1/mark", json=body, headers=headers(own_site))
    assert answer.status_code == 422
    assert stored.scalars(select(Mark)).all() == []


async def test_marking_needs_a_token_and_a_comment(own_site: Site) -> None:
    async with own_site.client() as client:
        assert (await client.put("/api/v1/comments/1/mark", json={"says": "open"})).status_code == 401
        assert (await client.delete("/api/v1/comments/1/mark")).status_code == 401
        answer = await client.put("/api/v1/comments/4711/mark", json={"says": "open"}, headers=headers(own_site))
        assert answer.status_code == 404
        assert (await client.get("/api/v1/comments/4711/marks")).status_code == 404
        assert (await client.get("/api/v1/revisions/4711/remarks")).status_code == 404
        assert (await client.get("/api/v1/revisions/4711/trailers")).status_code == 404


async def test_trailers_with_who_gave_them_and_those_that_were_dropped(own_site: Site, stored: Session) -> None:
    v3, v4 = own_site.example.revisions[2:]
    patch = make.patches_of(stored, v3)[1]
    text = "Reviewed-by: Nora Named <nora@example.org>"
    comment = make.add_comment(stored, v3, f"{text}\n", patch=patch)
    stored.commit()
    async with own_site.client() as client:
        third = (await client.get(f"/api/v1/revisions/{v3.id}/trailers")).json()
        fourth = (await client.get(f"/api/v1/revisions/{v4.id}/trailers")).json()
    (given,) = [one for one in third["given"] if one["name"] == "Reviewed-by"]
    assert (given["agrees"], given["patch"], given["sender"]["name"]) == (False, 2, "Rita Reviewer")
    (acked,) = [one for one in third["given"] if one["name"] == "Acked-by"]
    assert (acked["agrees"], acked["patch"]) == (True, None)
    dropped = [(one["trailer"], one["patch"], one["given_in"], one["changed"]) for one in fourth["dropped"]]
    assert (text, 2, "v3", False) in dropped
    assert [one for one in dropped if one[0].startswith("Acked-by")] == [
        ("Acked-by: Max Maintainer <max@example.org>", number, "v3", False) for number in (1, 2, 3, 4)
    ]
    assert {one["comment_id"] for one in fourth["dropped"]} >= {comment.id}


async def test_what_a_bot_says_comes_with_its_comment(own_site: Site, stored: Session) -> None:
    comment = stored.scalars(select(Comment).where(Comment.bot.is_not(None))).first()
    assert comment is not None
    comment.bot_report = {"bot": "bpf-ci", "status": "failed", "jobs": ["veristat"]}
    stored.commit()
    async with own_site.client() as client:
        answer = (await client.get(f"/api/v1/comments/{comment.id}")).json()
    assert answer["bot_report"]["jobs"] == ["veristat"]
