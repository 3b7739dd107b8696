"""What new mails are read with is found by indexes, however much is stored."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from app.domain.message import split_mbox
from app.services.ingest import ingest
from tests.mails import mail

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "thread"
SMALL = {"decisions", "inboxes"}
"""Of these there are as many as people have made."""


TABLES = "relkind = 'r' AND relnamespace = 'public'::regnamespace"


def scans(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the nodes of a plan that read a table or an index of it."""
    if "Index Name" in plan or plan["Node Type"] == "Seq Scan":
        yield plan
    for part in plan.get("Plans", ()):
        yield from scans(part)


def read_whole(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the tables and indexes that a statement has to read from end to end, if it may use any index."""
    ((told,),) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).all()
    (plan,) = told if isinstance(told, list) else json.loads(told)
    found = [one for one in scans(plan["Plan"]) if "Index Cond" not in one]
    return [
        str(one.get("Relation Name", one.get("Index Name"))) for one in found if one.get("Relation Name") not in SMALL
    ]


def test_nothing_is_read_from_end_to_end(sessions):
    with sessions.begin() as session:
        ingest(session, [mail("stray@x", "Re: [PATCH] Of another list", reply_to="absent@x")], thread_id=None)
    for version in (1, 2, 3):
        with sessions.begin() as session:
            ingest(session, split_mbox((EXAMPLE / f"v{version}.mbox").read_bytes()), thread_id=None)
    asked = []

    def note(_connection, _cursor, statement, parameters, *_):
        if statement.lstrip().startswith("SELECT"):
            asked.append((statement, parameters))

    with sessions.begin() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        ingest(session, split_mbox((EXAMPLE / "v4.mbox").read_bytes()), thread_id=None)
        event.remove(connection, "before_cursor_execute", note)
        # The planner takes a table for as full as this says: a million rows a page.
        connection.exec_driver_sql(f"UPDATE pg_class SET reltuples = 1e6, relpages = 1 WHERE {TABLES}")
        whole = {
            statement: found for statement, params in asked if (found := read_whole(connection, statement, params))
        }
        session.rollback()
    assert len(asked) > 15
    assert whole == {}
