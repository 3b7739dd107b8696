"""Migrations against a real PostgreSQL."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.migrate import PROJECT, upgrade
from app.db.models import Base
from tests import factories as make


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
    with engine.begin() as connection:
        moved(connection, "base", down=True)
        left = inspect(connection).get_table_names()
    assert left == ["alembic_version"]
    upgrade(engine)
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())


OLD, NEW = "0011", "0012"
RESULTS = (
    "SELECT run_id, attempt, boot, on_base, test_id, ordinal, outcome, message, detail, aggregate, duration_s,"
    " log_start, log_end FROM results ORDER BY run_id, boot, test_id, ordinal, on_base"
)
A_RUN = (
    "INSERT INTO runs (revision_id, tree, base_commit, base_reason, profile, files, inputs_key, pool, state, evidence,"
    " newest_attempt, toolchain, selection, requested_by) VALUES (:revision, 'bpf', 'abc', 'said', 'bpf-quick', '{}',"
    " :key, 'default', 'done', '{}', 1, '{}', '[]', 'tests') RETURNING id"
)
A_RESULT = (
    "INSERT INTO results (run_id, attempt, boot, on_base, test_id, ordinal, outcome, message, detail, aggregate,"
    " duration_s, log_start, log_end) VALUES (:run, 1, :boot, :on_base, :test, :ordinal, :outcome, :message, :detail,"
    " false, :took, :start, :end)"
)


def moved(connection: Connection, to: str, *, down: bool = False) -> None:
    """Migrate up or down over a connection, in its transaction."""
    config = Config(PROJECT / "alembic.ini")
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    config.attributes["connection"] = connection
    (command.downgrade if down else command.upgrade)(config, to)


def results_of_before(connection: Connection) -> tuple[int, int]:
    """Insert a baseline and a run of a revision with results as they were stored before; return the runs' ids."""
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        revision = make.add_revision(session, make.add_series(session)).id
        session.commit()
    add = connection.execute
    baseline, run = (
        add(text(A_RUN), {"revision": whose, "key": str(whose)}).scalar_one() for whose in (None, revision)
    )
    tests = [
        add(
            text("INSERT INTO tests (suite, name) VALUES ('test_progs', :name) RETURNING id"), {"name": name}
        ).scalar_one()
        for name in ("a", "b/x")
    ]
    plain = {
        "boot": 0,
        "on_base": False,
        "ordinal": 0,
        "outcome": "pass",
        "message": None,
        "detail": None,
        "took": None,
    }
    plain |= {"start": 0, "end": 40}
    failed = {"outcome": "fail", "message": "sum is 12", "detail": "log\n" * 900, "took": 0.2, "start": 40, "end": 99}
    add(
        text(A_RESULT),
        [
            plain | {"run": baseline, "test": tests[0]},
            plain | {"run": baseline, "test": tests[1], "outcome": "skip", "start": None, "end": None},
            plain | {"run": run, "test": tests[0]} | failed,
            plain | {"run": run, "test": tests[0]} | failed | {"ordinal": 1, "outcome": "error"},
            plain | {"run": run, "test": tests[0], "boot": 1},
            plain | {"run": run, "test": tests[0], "boot": 1, "on_base": True},
        ],
    )
    return baseline, run


def test_results_are_carried_over_and_back(engine: Engine) -> None:
    with engine.begin() as connection:
        moved(connection, OLD, down=True)
        baseline, run = results_of_before(connection)
        before = connection.execute(text(RESULTS)).all()
        assert len(before) == 6

        moved(connection, NEW)
        after = connection.execute(text(RESULTS)).all()
        of_base = {row.test_id: (row.on_base, row.outcome, row.log_end) for row in after if row.run_id == baseline}
        assert list(of_base.values()) == [(True, "pass", 40), (True, "skip", None)]
        assert [row for row in after if row.run_id == run] == [row for row in before if row.run_id == run]

        moved(connection, OLD, down=True)
        assert connection.execute(text(RESULTS)).all() == before


def test_old_attempts_are_refused_before_and_after(engine: Engine) -> None:
    with engine.begin() as connection:
        moved(connection, OLD, down=True)
        _, run = results_of_before(connection)
        moved(connection, NEW)
        connection.execute(text("UPDATE runs SET newest_attempt = 2"))
        refuse_late(connection, run)
        moved(connection, OLD, down=True)
        refuse_late(connection, run)


def refuse_late(connection: Connection, run: int) -> None:
    """Check that the database refuses a result of the first attempt."""
    late = "INSERT INTO results (run_id, attempt, boot, on_base, test_id, ordinal, outcome, aggregate)"
    late += " SELECT :run, 1, 3, false, min(id), 0, 'pass', false FROM tests"
    with pytest.raises(DBAPIError, match="has been replaced"), connection.begin_nested():
        connection.execute(text(late), {"run": run})


def test_what_a_place_beyond_an_integer_was(engine: Engine) -> None:
    with engine.begin() as connection:
        moved(connection, OLD, down=True)
        results_of_before(connection)
        connection.execute(text("UPDATE results SET log_end = 1::bigint << 40 WHERE log_end = 99 AND outcome = 'fail'"))
        moved(connection, NEW)
        places = connection.execute(text("SELECT log_start, log_end FROM results WHERE outcome = 'fail'")).all()
        assert [tuple(place) for place in places] == [(None, None)]
