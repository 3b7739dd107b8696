"""Who may press a button, and what browsers are told."""

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models import Run, Thread
from app.services import tokens
from app.web.pages.signing_in import own_path
from app.web.security import COOKIE
from tests.web.conftest import ORIGIN, SAME_ORIGIN, Site

pytestmark = pytest.mark.anyio


async def sign_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/sign-in", data={"token": token, "next": "/series/1"}, headers=SAME_ORIGIN)


async def test_signing_in_keeps_the_token_where_scripts_and_other_sites_cannot_use_it(own_site: Site) -> None:
    async with own_site.client() as client:
        answer = await sign_in(client, own_site.bearer)
        assert (answer.status_code, answer.headers["location"]) == (303, "/series/1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "Signed in as the tests" in (await client.get("/sign-in")).text
        assert own_site.bearer not in (await client.get("/sign-in")).text


async def test_a_wrong_token_signs_nobody_in(own_site: Site) -> None:
    async with own_site.client() as client:
        answer = await sign_in(client, "reroll_wrong")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not known or was revoked" in answer.text


async def test_over_https_the_cookie_stays_there(own_site: Site) -> None:
    transport = httpx.ASGITransport(own_site.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://reroll.example.org") as client:
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = await client.post("/sign-in", data={"token": own_site.bearer}, headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_button_without_a_sign_in_leads_to_the_sign_in_and_back(own_site: Site, stored: Session) -> None:
    before = stored.scalar(select(func.count()).select_from(Run))
    headers = SAME_ORIGIN | {"Referer": f"{ORIGIN}/series/1?revision=v3"}
    async with own_site.client() as client:
        answer = await client.post("/revisions/1/runs", data={"times": "1"}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fseries%2F1%3Frevision%3Dv3")
    assert stored.scalar(select(func.count()).select_from(Run)) == before


async def test_buttons_of_somebody_signed_in(own_site: Site, stored: Session) -> None:
    revision = own_site.example.revisions[3].id
    async with own_site.client() as client:
        await sign_in(client, own_site.bearer)
        answer = await client.post(
            f"/revisions/{revision}/runs", data={"only_failed": "0", "times": "2"}, headers=SAME_ORIGIN
        )
        assert answer.status_code == 303
        run = stored.get_one(Run, int(answer.headers["location"].rpartition("/")[2]))
        assert (run.revision_id, run.requested_by) == (revision, "the tests")
        answer = await client.post("/threads", data={"reference": "new@example.org"}, headers=SAME_ORIGIN)
        thread = stored.get_one(Thread, int(answer.headers["location"].rpartition("/")[2]))
        assert thread.message_id == "new@example.org"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
    ],
)
async def test_forms_of_other_sites_do_nothing_even_with_the_cookie(
    own_site: Site, stored: Session, headers: dict[str, str]
) -> None:
    before = stored.scalar(select(func.count()).select_from(Thread))
    async with own_site.client() as client:
        await sign_in(client, own_site.bearer)
        for path, data in (
            ("/threads", {"reference": "x@example.org"}),
            ("/sign-in", {"token": own_site.bearer}),
            ("/sign-out", {"a": "b"}),
        ):
            answer = await client.post(path, data=data, headers=headers)
            assert answer.status_code == 403, path
    assert stored.scalar(select(func.count()).select_from(Thread)) == before


async def test_an_old_browser_may_say_its_origin_instead(own_site: Site) -> None:
    async with own_site.client() as client:
        answer = await client.post("/sign-in", data={"token": own_site.bearer}, headers={"Origin": ORIGIN})
    assert answer.status_code == 303


async def test_signing_out_forgets_and_a_revoked_token_is_no_sign_in(own_site: Site, stored: Session) -> None:
    async with own_site.client() as client:
        await sign_in(client, own_site.bearer)
        answer = await client.post(
            "/sign-out", headers=SAME_ORIGIN | {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 303
        assert COOKIE not in client.cookies
        await sign_in(client, own_site.bearer)
        tokens.revoke(stored, "the tests")
        stored.commit()
        answer = await client.post("/threads", data={"reference": "x@example.org"}, headers=SAME_ORIGIN)
        assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("times", ["0", "11", "x", "", "-1", "٣", "1" * 400])
async def test_a_form_with_nonsense_is_refused(own_site: Site, times: str) -> None:
    async with own_site.client() as client:
        await sign_in(client, own_site.bearer)
        answer = await client.post("/revisions/1/runs", data={"times": times}, headers=SAME_ORIGIN)
    assert answer.status_code == 422
    assert "1 to 10 times" in answer.text


async def test_only_small_plain_forms_are_read(own_site: Site) -> None:
    many = "&".join(f"a{number}=1" for number in range(60))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with own_site.client() as client:
        assert (await client.post("/sign-in", content=many, headers=SAME_ORIGIN | kind)).status_code == 422
        assert (await client.post("/sign-in", json={}, headers=SAME_ORIGIN)).status_code == 415
        nul = await client.post("/sign-in", content="token=%00%ff", headers=SAME_ORIGIN | kind)
        assert nul.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example.org",
        "//evil.example.org",
        "/\\evil.example.org",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/" + "a" * 3000,
        "/\tx",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(path: str) -> None:
    assert own_path(path) == "/"


def test_our_own_paths_are_kept() -> None:
    assert own_path("/series/1?revision=v3") == "/series/1?revision=v3"


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/series", "/nothing", "/static/css/reroll.css", "/messages/1/raw", "/api/v1/nothing"]
)
async def test_every_answer_carries_the_headers_that_bind_browsers(site: Site, path: str) -> None:
    async with site.client() as client:
        headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/series", "/api/v1/nothing", "/series/1/mbox"])
async def test_head_is_get_without_the_content(site: Site, path: str) -> None:
    async with site.client() as client:
        head, get = await client.head(path), await client.get(path)
    assert head.status_code == get.status_code
    assert head.headers == get.headers
    assert head.content == b""
    assert get.content


async def test_a_range_is_nothing_to_head(site: Site) -> None:
    async with site.client() as client:
        head = await client.head("/series/1/mbox", headers={"range": "bytes=0-9"})
    assert head.status_code == 200
