"""What tests of the web application share: an application on a database of its own, or one on the example for many."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.embedded import Cluster
from app.db.session import make_engine, make_sessions
from app.main import create_app
from app.services import tokens
from tests.conftest import fresh_database
from tests.example import Example, add_example
from tests.factories import NOW

ORIGIN = "http://127.0.0.1:8000"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The application on a database with the example; for tests that write nothing."""

    app: FastAPI
    example: Example
    bearer: str

    @asynccontextmanager
    async def client(self, *, raising: bool = True) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client in this process."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=raising)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    """A database with the example that others are copied from, and what is in it."""

    name: str
    example: Example
    bearer: str

    @contextmanager
    def site(self, cluster: Cluster) -> Iterator[Site]:
        """Yield the application on a copy."""
        with fresh_database(cluster, self.name) as url:
            app = create_app(Settings(database_url=url))
            app.state.now = lambda: NOW
            yield Site(app=app, example=self.example, bearer=self.bearer)
            app.state.engine.dispose()


@pytest.fixture(scope="session")
def filled(cluster: Cluster) -> Iterator[_Filled]:
    """Yield the example in a database, made once: it takes some hundred statements."""
    with fresh_database(cluster) as url:
        engine = make_engine(url)
        with make_sessions(engine)() as session:
            example = add_example(session)
            bearer = tokens.create(session, "the tests")
            session.commit()
            session.expunge_all()
        engine.dispose()
        yield _Filled(name=url.partition("?")[0].rpartition("/")[2], example=example, bearer=bearer)


@pytest.fixture(scope="session")
def site(cluster: Cluster, filled: _Filled) -> Iterator[Site]:
    """Yield the application on the example; shared, so that nothing may be written."""
    with filled.site(cluster) as site:
        yield site


@pytest.fixture
def own_site(cluster: Cluster, filled: _Filled) -> Iterator[Site]:
    """Yield the application on the example in a database of the test's own."""
    with filled.site(cluster) as site:
        yield site


@pytest.fixture
def stored(own_site: Site) -> Iterator[Session]:
    """Yield a session on the database of `own_site`."""
    with own_site.app.state.sessions() as session:
        yield session


@contextmanager
def serving(site: Site) -> Iterator[str]:
    """Serve a site by uvicorn on loopback; yield its address."""
    server = uvicorn.Server(uvicorn.Config(site.app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def served(site: Site) -> Iterator[str]:
    """Yield the address of `site`."""
    with serving(site) as address:
        yield address


@pytest.fixture
def own_served(own_site: Site) -> Iterator[str]:
    """Yield the address of `own_site`."""
    with serving(own_site) as address:
        yield address
