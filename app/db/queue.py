"""Putting work on the queue, in the caller's own transaction.

The queue is procrastinate's, in the same database: an entry exists exactly when the rows that it speaks of do.
"""

from enum import StrEnum

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy.orm import Session

_app = App(connector=SyncPsycopgConnector())


class Task(StrEnum):
    """The queue's tasks; `workers/tasks.py` answers to these names."""

    TRACK = "track"
    EXECUTE = "execute"
    JUDGE = "judge"
    PATCHES = "patches"
    MAIL = "mail"
    ATTEST = "attest"


class Priority:
    """Higher goes first: mail, then judging, then what is short, then baselines (runs wait for them), then runs.

    Single patches stand in line with the runs: before them other verdicts would wait, behind them the mails for ever.
    """

    MAIL = 40
    TRACK = 30
    JUDGE = 20
    ATTEST = 15
    BASELINE = 10
    RUN = 0
    PATCHES = 0


def enqueue(session: Session, task: Task, *, pool: str, priority: int, pause_s: int = 0, **args: int | str) -> None:
    """Add a queue entry, not to be taken before `pause_s` seconds have passed.

    Workers see it when the caller's transaction commits, and never if it does not.
    """
    connection = session.connection().connection.driver_connection
    pause = {"seconds": pause_s} if pause_s else None
    _app.configure_task(task, queue=pool, priority=priority, schedule_in=pause, connection=connection).defer(**args)
