"""One PostgreSQL for the whole test session, one fresh migrated database for each test that asks for it."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.session import Sessions, make_engine, make_sessions

TEMPLATE = "reroll_template"
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
MEMORY = Path("/dev/shm")  # a database is made there in a hundredth of a second, on a disk in two tenths
ROOM = 1 << 30  # bytes; containers have 64 MB there, too little
_numbers = count(1)
# What a loaded machine is slow at has not failed: benchmarks say how long things take.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make golden`."""
    parser.addoption("--rewrite-golden", action="store_true", help="write what is said now into the golden files")


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests (`pytest.mark.anyio`) run on asyncio."""
    return "asyncio"


def _short_and_fast() -> Path:
    """Return the folder to keep the cluster below: in memory where there is room; a socket's path has to be short."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy else Path("/tmp")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Yield a running PostgreSQL with the migrated database `reroll_template`."""
    root = Path(tempfile.mkdtemp(prefix="rr-", dir=_short_and_fast()))
    root.chmod(0o711)  # as root the server runs as another user
    try:
        server = Cluster(root, options=FAST)
        with server.running():
            server.create_database(TEMPLATE)
            engine = make_engine(server.url(TEMPLATE))
            upgrade(engine)
            engine.dispose()
            yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def fresh_database(cluster: Cluster, template: str = TEMPLATE) -> Iterator[str]:
    """Yield the URL of a new database, a copy of a template to which nobody is connected; dropped afterwards."""
    name = f"test_{next(_numbers)}"
    creation = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")  # half the time of the default
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(creation.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield cluster.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """Yield the URL of a migrated database of the test's own."""
    with fresh_database(cluster) as url:
        yield url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """Yield an engine on the test's own database."""
    engine = make_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    """Return a factory of sessions, for tests that need several transactions."""
    return make_sessions(engine)


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    """Yield one open session; what should be seen by others has to be committed."""
    with sessions() as session:
        yield session


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Return settings that point at the test's own database and folders."""
    return Settings(database_url=database, state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the web application, in this process."""
    from app.main import create_app  # noqa: PLC0415 - most tests do without the web application

    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client,
    ):
        yield client
