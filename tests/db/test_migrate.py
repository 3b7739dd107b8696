"""Migrations against a real PostgreSQL."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from app.db.migrate import PROJECT, upgrade
from app.db.models import Base


def test_the_migrated_database_has_every_table_of_the_models(engine: Engine) -> None:
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())


def test_the_migrations_say_what_the_models_say(engine: Engine) -> None:
    ours = set(Base.metadata.tables)

    def of_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
        return kind != "table" or name in ours

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": of_ours})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    upgrade(engine)


def test_down_to_nothing_and_up_again(engine: Engine) -> None:
    config = Config(PROJECT / "alembic.ini")
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        left = inspect(connection).get_table_names()
    assert left == ["alembic_version"]
    upgrade(engine)
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
