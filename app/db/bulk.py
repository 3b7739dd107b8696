"""Many rows at once: ids taken from the table's sequence in advance, rows sent by COPY."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Table, bindparam, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session

Row = Mapping[str, Any]


def take_ids(session: Session, model: type[DeclarativeBase], count: int) -> list[int]:
    """Return as many new ids of a table, ascending; each is given once, whatever becomes of the transaction."""
    if not count:
        return []
    # The sequence is looked up once: OFFSET keeps the planner from doing so for every id.
    statement = text(
        "SELECT nextval(sequence.name) FROM generate_series(1, :count),"
        " (SELECT pg_get_serial_sequence(:table, 'id')::regclass AS name OFFSET 0) AS sequence"
    )
    return list(session.scalars(statement, {"table": model.__tablename__, "count": count}))


def copy_rows(session: Session, model: type[DeclarativeBase], rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns, in the session's transaction; COPY does without a statement a row."""
    if not rows:
        return
    table = model.__table__
    assert isinstance(table, Table)
    columns = list(rows[0])
    as_json = {name for name in columns if isinstance(table.c[name].type, JSONB)}
    session.flush()
    driver = session.connection().connection.driver_connection
    assert driver is not None
    names = ", ".join(f'"{name}"' for name in columns)
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([_plain(row[name], name in as_json) for name in columns])


def update_rows(session: Session, model: type[DeclarativeBase], rows: Sequence[Row]) -> None:
    """Change rows, all with the same columns, each named by its `id`."""
    if not rows:
        return
    table = model.__table__
    assert isinstance(table, Table)
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
    statement = update(table).where(table.c.id == bindparam("the_id")).values(values)
    session.connection().execute(statement, [_named(row) for row in rows])


def _named(row: Row) -> dict[str, Any]:
    return {("the_id" if name == "id" else f"new_{name}"): value for name, value in row.items()}


def _plain(value: object, as_json: bool) -> object:
    if as_json and value is not None:
        return Jsonb(value)
    return value.value if isinstance(value, Enum) else value


def distinct(rows: Iterable[Row], stored: Mapping[int, Row]) -> list[Row]:
    """Return the rows that differ from what is stored under their `id` in any of their columns."""
    return [row for row in rows if any(stored[row["id"]][name] != value for name, value in row.items())]
