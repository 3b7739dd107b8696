"""A run that met trouble of ours is left to another host for a while, where there is one."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db.models import Attempt, CheckState, PatchCheck, Run, RunState
from app.services.elsewhere import LEAVE, left_to_others, patches_left_to_others
from tests import factories as make

TROUBLE = "trouble of ours: the disk of the cache is full"


def tried(session: Session, *, ending: str | None = TROUBLE, ago: timedelta = timedelta(seconds=15)) -> Run:
    run = make.add_run(session, make.add_revision(session, make.add_series(session)), state=RunState.QUEUED)
    attempt = session.get_one(Attempt, (run.id, 1))
    attempt.worker, attempt.ending = "full/17", ending
    attempt.finished_at = datetime.now(UTC) - ago if ending else None
    session.flush()
    return run


def waits(session: Session, run: Run, worker: str = "full/18") -> bool:
    left = left_to_others(session, run.id, worker=worker, pool="default")
    queued = session.execute(text("SELECT task_name, scheduled_at FROM procrastinate_jobs")).all()
    assert [(task, at is not None) for task, at in queued] == ([("execute", True)] if left else [])
    return left


@pytest.fixture
def other(session: Session) -> None:
    make.add_worker(session, "roomy/5", seen_at=datetime.now(UTC))


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("ending", [TROUBLE, None, "lost: the worker stopped answering"])
def test_the_host_that_failed_or_was_lost_leaves_the_run_to_another(session: Session, ending: str | None) -> None:
    assert waits(session, tried(session, ending=ending))


@pytest.mark.usefixtures("other")
def test_the_other_host_takes_it(session: Session) -> None:
    assert not waits(session, tried(session), "roomy/5")


@pytest.mark.usefixtures("other")
def test_not_for_ever(session: Session) -> None:
    assert not waits(session, tried(session, ago=LEAVE + timedelta(seconds=1)))


@pytest.mark.usefixtures("other")
def test_only_after_trouble(session: Session) -> None:
    assert not waits(session, tried(session, ending="done"))


@pytest.mark.parametrize(
    ("name", "pool", "ago"),
    [
        ("full/99", "default", timedelta(0)),
        ("roomy/5", "big", timedelta(0)),
        ("roomy/5", "default", timedelta(minutes=2)),
    ],
)
def test_nobody_waits_for_the_same_host_another_pool_or_the_dead(
    session: Session, name: str, pool: str, ago: timedelta
) -> None:
    make.add_worker(session, name, pool=pool, seen_at=datetime.now(UTC) - ago)
    assert not waits(session, tried(session))


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("state", CheckState)
def test_single_patches_are_left_to_another_host_as_well(session: Session, state: CheckState) -> None:
    run = tried(session)
    run.state = RunState.DONE
    session.add(PatchCheck(run_id=run.id, state=state, whole={}, findings=[]))
    session.flush()
    left = patches_left_to_others(session, run.id, worker="full/18", pool="default")
    assert left is (state is CheckState.OPEN)
    assert session.scalars(text("SELECT task_name FROM procrastinate_jobs")).all() == ["patches"] * left
    assert not patches_left_to_others(session, run.id, worker="roomy/5", pool="default")
