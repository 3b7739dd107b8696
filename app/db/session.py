"""The engine and its sessions."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]


def make_engine(url: str) -> Engine:
    """Return an engine for a `postgresql://` URL; times are UTC, and a lost server is found before a query is sent."""
    driver = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(driver, pool_pre_ping=True, connect_args={"options": "-c timezone=UTC"})


def make_sessions(engine: Engine) -> Sessions:
    """Return a factory of sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)
