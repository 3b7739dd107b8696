"""The queue as the page of workers sees it."""

from sqlalchemy.orm import Session

from app.db.queries import workers as queries
from app.db.queue import Priority, Task, enqueue


def test_entries_come_in_the_order_in_which_they_are_taken(session: Session) -> None:
    enqueue(session, Task.EXECUTE, pool="default", priority=Priority.RUN, run_id=1)
    enqueue(session, Task.JUDGE, pool="default", priority=Priority.JUDGE, run_id=2)

    entries = queries.queue_entries(session)

    assert [(one.task, one.args, one.status) for one in entries] == [
        ("judge", {"run_id": 2}, "todo"),
        ("execute", {"run_id": 1}, "todo"),
    ]
    assert entries[0].since is not None
    assert entries[0].since.tzinfo is not None
    assert queries.queue_counts(session) == {"execute": {"todo": 1}, "judge": {"todo": 1}}
