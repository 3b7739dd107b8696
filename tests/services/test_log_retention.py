"""Logs that are kept no longer: which go, which stay."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.config import ArtifactSettings
from app.db.models import LogChunk, RunState
from app.domain.outcome import Step as StepName
from app.services import log_retention
from app.services.log_retention import clear_logs
from tests import factories as make

NOW = datetime(2027, 1, 1, tzinfo=UTC)
KEEP = ArtifactSettings(keep_logs=timedelta(days=30))


def run_with_logs(session, days, **values):
    """Insert a run that ended so many days ago, with a console and a configuration."""
    run = make.add_run(session, started=NOW - timedelta(days=days, hours=1), **values)
    run.finished_at = NOW - timedelta(days=days)
    step = make.add_step(session, run, StepName.BOOT)
    for name in ("console", "config"):
        make.add_log(session, step, name, b"x" * 2500)
    return run, step


def left(session):
    return sorted(set(session.execute(select(LogChunk.step_id, LogChunk.name)).all()))


def test_what_is_old_goes_and_the_configuration_stays(session):
    _, old = run_with_logs(session, 31)
    _, young = run_with_logs(session, 29)
    assert clear_logs(session, KEEP, NOW) == 1
    assert left(session) == [(old.id, "config"), (young.id, "config"), (young.id, "console")]
    assert clear_logs(session, KEEP, NOW) == 0


@pytest.mark.parametrize(("days", "state"), [(29, RunState.DONE), (31, RunState.WAITING)])
def test_a_baselines_logs_stay_while_a_run_compared_with_it_keeps_its_own(session, days, state):
    baseline, step = run_with_logs(session, 90)
    revision = make.add_revision(session, make.add_series(session))
    user, own = run_with_logs(session, days, revision=revision, baseline_id=baseline.id, state=state)
    assert clear_logs(session, KEEP, NOW) == 0
    user.state, user.finished_at = RunState.DONE, NOW - timedelta(days=31)
    session.flush()
    assert clear_logs(session, KEEP, NOW) == 2
    assert left(session) == [(step.id, "config"), (own.id, "config")]


def test_some_at_a_time(session, monkeypatch):
    monkeypatch.setattr(log_retention, "AT_ONCE", 2)
    for _ in range(3):
        run_with_logs(session, 31)
    assert [clear_logs(session, KEEP, NOW) for _ in range(3)] == [2, 1, 0]
