"""Which baseline a run is compared with: one for all, made again where it is of no use or too old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import ProfileSettings, Settings
from app.db.models import Revision, Run, RunState
from app.errors import SubmissionError
from app.services.rerun import rerun
from app.services.runs import BaseChoice, add_run
from tests import factories as make

AGE = timedelta(days=7)
BASE = BaseChoice(tree="bpf-next", commit=make.BASE, reason="the cover letter's base-commit line")


@pytest.fixture
def weekly(settings: Settings) -> Settings:
    return settings.model_copy(update={"profiles": {"bpf-quick": ProfileSettings(baseline_age=AGE)}})


def asked(session: Session, settings: Settings, revision: Revision) -> Run:
    return add_run(
        session, settings, revision=revision, base=BASE, files=["kernel/bpf/a.c"], profile="bpf-quick", by="tests"
    )


def ended(session: Session, run: Run, ago: timedelta, **evidence: Any) -> None:
    baseline = session.get_one(Run, run.baseline_id)
    baseline.state, baseline.results_attempt = RunState.DONE, 1
    baseline.finished_at = datetime.now(UTC) - ago
    baseline.evidence = {"built": True, "booted": True, **evidence}
    session.flush()


def revision_of(session: Session) -> Revision:
    return make.add_revision(session, make.add_series(session))


def test_runs_share_a_baseline_until_it_is_too_old(session: Session, weekly: Settings) -> None:
    revision = revision_of(session)
    first = asked(session, weekly, revision)
    assert asked(session, weekly, revision).baseline_id == first.baseline_id
    ended(session, first, AGE - timedelta(minutes=1))
    assert asked(session, weekly, revision).baseline_id == first.baseline_id

    ended(session, first, AGE + timedelta(minutes=1))
    later = asked(session, weekly, revision)
    assert later.baseline_id != first.baseline_id
    old, new = session.get_one(Run, first.baseline_id), session.get_one(Run, later.baseline_id)
    assert (old.replaced_by_id, new.state, new.inputs_key) == (new.id, RunState.QUEUED, old.inputs_key)
    assert asked(session, weekly, revision).baseline_id == new.id


def test_an_old_baseline_that_is_still_being_made_is_waited_for(session: Session, weekly: Settings) -> None:
    revision = revision_of(session)
    first = asked(session, weekly, revision)
    session.get_one(Run, first.baseline_id).created_at = datetime.now(UTC) - 9 * AGE
    assert asked(session, weekly, revision).baseline_id == first.baseline_id


@pytest.mark.parametrize("broken", ["built", "booted"])
def test_a_baseline_of_no_use_is_made_again(session: Session, weekly: Settings, broken: str) -> None:
    revision = revision_of(session)
    first = asked(session, weekly, revision)
    ended(session, first, timedelta(0), **{broken: False})
    assert asked(session, weekly, revision).baseline_id != first.baseline_id


def test_a_run_of_what_failed_is_compared_with_the_baseline_of_now(session: Session, weekly: Settings) -> None:
    revision = revision_of(session)
    whole = asked(session, weekly, revision)
    whole.state, whole.results_attempt, whole.newest_attempt = RunState.DONE, 1, 1
    make.add_results(session, whole, {"ringbuf": make.Outcome.FAIL})
    ended(session, whole, 2 * AGE)
    [again] = rerun(session, weekly, revision_id=revision.id, only_failed=True, requested_by="tests")
    assert (again.only, again.inputs_key) == (["ringbuf"], whole.inputs_key)
    assert again.baseline_id == session.scalar(select(Run.id).where(Run.revision_id.is_(None)).order_by(Run.id.desc()))
    assert again.baseline_id != whole.baseline_id


def test_what_was_made_with_a_profile_that_is_gone_cannot_be_repeated_in_part(
    session: Session, weekly: Settings
) -> None:
    revision = revision_of(session)
    whole = asked(session, weekly, revision)
    whole.state, whole.results_attempt, whole.newest_attempt = RunState.DONE, 1, 1
    whole.profile = "bpf-gone"
    make.add_results(session, whole, {"ringbuf": make.Outcome.FAIL})
    with pytest.raises(SubmissionError, match=r"bpf-gone.*gone"):
        rerun(session, weekly, revision_id=revision.id, only_failed=True, profile="bpf-quick", requested_by="tests")
