"""The web application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text

from app.config import Settings
from app.config import settings as settings_in_force
from app.db.session import make_engine, make_sessions
from app.db.url import database_url
from app.web import api, pages, problems
from app.web.pages.live import Looks
from app.web.parameters import Read
from app.web.render import STATIC
from app.web.security import BodyLimit, HeadLikeGet, SecurityHeaders

DESCRIPTION = """
Reroll takes patch series from a kernel mailing list, builds and boots each revision, runs the BPF selftests, and says
what changed. Reading is free; writing needs a bearer token, made by `reroll token create NAME`. Errors are problem
documents (RFC 9457).
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the web application on the database that the settings name; it opens no connection before it is asked."""
    settings = settings or settings_in_force()
    engine = make_engine(database_url(settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = FastAPI(
        title="Reroll",
        summary="What each revision of a patch series does to the BPF selftests",
        description=DESCRIPTION,
        version=version("reroll"),
        license_info={"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_name,
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.sessions = make_sessions(engine)
    app.state.looks = Looks()
    app.state.now = lambda: datetime.now(UTC)
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeadLikeGet)
    app.add_middleware(SecurityHeaders)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", healthz, include_in_schema=False, response_class=PlainTextResponse)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def healthz(session: Read) -> str:
    """Answer "ok" when the database answers."""
    session.execute(text("SELECT 1"))
    return "ok\n"


def _operation_name(route: APIRoute) -> str:
    return route.name
