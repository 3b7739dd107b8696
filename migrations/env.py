"""Alembic's entry: the models' metadata, the settings' database, and a lock_timeout in every migration."""

from alembic import context
from sqlalchemy import text

from app.config import settings
from app.db.models import Base
from app.db.session import make_engine
from app.db.url import database_url

LOCK_TIMEOUT = "10s"


def run() -> None:
    """Migrate over the connection that the caller gave, else over one of the settings' database."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    with make_engine(database_url(settings())).begin() as own:
        migrate(own)


def migrate(connection) -> None:  # noqa: ANN001 - Alembic hands it over untyped
    """Run the migrations; give up rather than queue behind a long transaction and block everybody."""
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, include_object=ours)
    with context.begin_transaction():
        context.run_migrations()


def ours(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Leave the queue's tables to the queue."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


run()
