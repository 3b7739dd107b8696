"""Bringing the schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

PROJECT = Path(__file__).resolve().parents[2]
MIGRATION_LOCK = 5_316_911
"""Any number, but always this one: pg_advisory_xact_lock lets one process migrate while the others wait."""


def upgrade(engine: Engine) -> None:
    """Run the missing migrations in one transaction; safe when several processes start at once."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = Config(PROJECT / "alembic.ini")
        config.set_main_option("script_location", str(PROJECT / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
