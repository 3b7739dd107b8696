"""Errors: problem documents for programs, pages for people, never a 500 for what somebody sent."""

import pytest
from sqlalchemy.exc import OperationalError

from app.errors import InfrastructureError
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
PROBLEM = "application/problem+json"


async def test_nothing_there(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/api/v1/runs/4711")
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no run 4711",
        "instance": "/api/v1/runs/4711",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2", 404),
        ("DELETE", "/api/v1/series", 405),
        ("GET", "/api/v1/series?page=0", 422),
        ("GET", "/api/v1/series?limit=501", 422),
        ("GET", "/api/v1/runs/1/results?outcome=great", 422),
        ("GET", "/api/v1/runs/abc", 404),
    ],
)
async def test_each_error_is_a_problem_document(site: Site, method: str, path: str, status: int) -> None:
    async with site.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document["status"] == status
    assert document["detail"]
    if status == 405:
        assert answer.headers["allow"] == "GET"


async def test_a_wrong_parameter_is_named(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/api/v1/series?page=x")).json()
    (error,) = document["errors"]
    assert (error["in"], error["parameter"]) == ("query", "page")
    assert "page: " in document["detail"]


HUGE = "9" * 4000
HOSTILE = ("%00", "a%00b", "%ff%fe", HUGE, "-1", "0", str(2**63), "1e9", "%F0%9F%92%A5", "'; --", "a" * 5000)
PATHS = (
    "/api/v1/runs/{}",
    "/api/v1/steps/1/logs/{}",
    "/api/v1/series?q={}",
    "/api/v1/series?tag={}",
    "/api/v1/series?page={}",
    "/api/v1/runs/1/results?name={}",
    "/api/v1/runs/1/results?suite={}",
    "/api/v1/revisions?series_id={}",
    "/series/{}",
    "/series/1?revision={}",
    "/?q={}",
    "/?author={}",
    "/?verdict={}",
    "/?page={}",
    "/runs?kind={}",
    "/runs/2?name={}",
    "/runs/2?suite={}",
    "/runs/2?class={}",
    "/runs/{}/events",
    "/tests?name={}",
    "/patches/{}",
    "/sign-in?next={}",
    "/messages/{}/raw",
    "/static/{}",
    "/{}",
)


@pytest.mark.parametrize("path", PATHS)
async def test_no_value_breaks_an_endpoint(site: Site, path: str) -> None:
    async with site.client() as client:
        for value in HOSTILE:
            answer = await client.get(path.format(value))
            assert answer.status_code in {200, 404, 422}, (path, value[:50])
            kind = PROBLEM if path.startswith("/api") else "text/html"
            if answer.status_code >= 400:
                assert answer.headers["content-type"].startswith(kind), (path, value[:50])


async def test_errors_of_pages_are_pages(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/series/4711")
    assert answer.status_code == 404
    assert "there is no series 4711" in answer.text
    assert "<h1>Not found</h1>" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RuntimeError("secret"), 500, "a fault of ours"),
        (OperationalError("SELECT secret", {}, Exception("gone")), 503, "The database does not answer"),
        (InfrastructureError("the disk is full"), 503, "the disk is full"),
    ],
)
async def test_trouble_of_ours_tells_no_internals(own_site: Site, error: Exception, status: int, said: str) -> None:
    def broken() -> None:
        raise error

    for path in ("/api/v1/broken", "/broken"):
        own_site.app.add_api_route(path, broken)
    async with own_site.client(raising=False) as client:
        for path, kind in (("/api/v1/broken", PROBLEM), ("/broken", "text/html")):
            answer = await client.get(path)
            assert answer.status_code == status
            assert answer.headers["content-type"].startswith(kind)
            assert said in answer.text
            assert "secret" not in answer.text
            assert ("retry-after" in answer.headers) is (status == 503)


async def test_a_body_too_large_is_refused(own_site: Site) -> None:
    async with own_site.client() as client:
        answer = await client.post("/api/v1/threads", content=b"x" * 200_000)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == PROBLEM
