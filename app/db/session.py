"""The engine and its sessions."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]

# A server that went silent (its power, the network) is an error within half a minute: a worker's event loop waits for
# it, and with it all that has a limit of time. The names are libpq's.
SILENCE = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def make_engine(url: str) -> Engine:
    """Return an engine for a `postgresql://` URL; times are UTC, and a lost server is found before a query is sent."""
    driver = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(driver, pool_pre_ping=True, connect_args={"options": "-c timezone=UTC", **SILENCE})


def make_sessions(engine: Engine) -> Sessions:
    """Return a factory of sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)
