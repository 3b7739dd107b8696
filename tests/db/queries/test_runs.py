"""Which run speaks for a revision."""

import pytest
from sqlalchemy.orm import Session

from app.db.models import RunState
from app.db.queries import runs as queries
from app.db.queries import series as series_queries
from app.db.queries.paging import Window
from app.domain.outcome import Verdict
from tests import factories as make


def test_the_newest_whole_verdict_stands(session: Session) -> None:
    revision = make.add_revision(session, make.add_series(session))
    make.add_run(session, revision, verdict=Verdict.REGRESSED)
    newest = make.add_run(session, revision, verdict=Verdict.CLEAN)
    make.add_run(session, revision, verdict=Verdict.REGRESSED, only=["bpf_iter"])
    make.add_run(session, revision, verdict=Verdict.INCONCLUSIVE)
    active = make.add_run(session, revision, state=RunState.RUNNING)

    found = queries.runs_of_revisions(session, [revision.id])[revision.id]

    assert found.standing is newest
    assert found.shown is newest
    assert found.active is active


def test_without_a_verdict_the_newest_run_is_shown(session: Session) -> None:
    revision = make.add_revision(session, make.add_series(session))
    queued = make.add_run(session, revision, state=RunState.QUEUED)
    found = queries.runs_of_revisions(session, [revision.id, 4711])
    assert found[revision.id].standing is None
    assert found[revision.id].shown is queued
    assert found[4711].shown is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_filter_on_verdicts_agrees_with_what_stands(session: Session, verdict: Verdict) -> None:
    series = make.add_series(session)
    revision = make.add_revision(session, series)
    for one in (Verdict.DOES_NOT_BUILD, Verdict.REGRESSED, Verdict.INCONCLUSIVE):
        make.add_run(session, revision, verdict=one)
    standing = queries.runs_of_revisions(session, [revision.id])[revision.id].standing
    found = series_queries.list_series(session, series_queries.SeriesFilter(verdict=verdict), Window())
    assert standing is not None
    assert bool(found.items) is (standing.verdict is verdict)


def test_many_runs_come_without_what_there_is_one_of_for_each_test(session: Session) -> None:
    """Where thousands of tests failed, that is megabytes of each run on a list."""
    about = [{"text": f"t/{number} (regression)", "key": {"name": f"t/{number}"}} for number in range(3)]
    panic = {"text": "the machine panics", "key": None, "excerpt": "Oops"}
    evidence = {"applied": True, "apply": {"position": 2}, "events": [{"kind": "panic"}]}
    revision = make.add_revision(session, make.add_series(session))
    whole = evidence | {"reasons": [panic, *about], "weighed": about, "ran": ["t"]}
    make.add_run(session, revision, verdict=Verdict.REGRESSED, evidence=whole)
    make.add_run(session, revision, evidence={})
    session.commit()
    session.expunge_all()

    judged, empty = queries.runs_of_revisions(session, [revision.id])[revision.id].runs

    assert "evidence" not in judged.__dict__
    assert judged.told == evidence | {"reasons": [panic]}
    assert empty.told == {"reasons": []}
    assert judged.evidence == whole
