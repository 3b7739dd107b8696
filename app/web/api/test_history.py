"""How one test fell out lately, on unpatched trees and with patches."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.db.queries.tests import get_test
from app.services.test_history import InProfile, load_history
from app.web.api.schemas import Commit, TestName
from app.web.api.shapes import found
from app.web.parameters import Id, Now, Read

router = APIRouter(tags=["results"])


class OnBaseShape(BaseModel):
    """What a test did on one unpatched tree."""

    base_commit: Commit
    prerequisites: int = Field(description="patches that were applied to it first", examples=[0])
    failures: int = Field(examples=[1])
    runs: int = Field(examples=[6])
    last_run_id: int = Field(examples=[811])
    last_seen: datetime


class InProfileShape(BaseModel):
    """What a test did in one tree and profile, as a judge reads it: its newest sixty results.

    `failures` of `runs` say how often it fails by itself: the interval from `low` to `high` holds the rate in 95 of 100
    cases (E. B. Wilson's). `broken` counts bases that are left out because it was broken on them, not flaky, `older`
    results that are left out because there are newer ones; `bases` have both.
    """

    tree: str = Field(examples=["bpf-next"])
    profile: str = Field(examples=["bpf-quick"])
    ordinal: int = Field(description="which of several results that share the name, from 0", examples=[0])
    failures: int = Field(examples=[4])
    runs: int = Field(examples=[30])
    low: float = Field(examples=[0.0531])
    high: float = Field(examples=[0.2968])
    broken: int = Field(examples=[0])
    older: int = Field(examples=[0])
    words: str = Field(examples=["failed 4 of 30 runs of unpatched trees (5-30 %)"])
    bases: list[OnBaseShape] = Field(description="the one seen last first")


class TestHistoryShape(BaseModel):
    """What a test did since then."""

    __test__ = False  # pytest: not a test case

    test_id: int = Field(examples=[77])
    suite: str = Field(examples=["test_progs"])
    name: TestName
    since: datetime
    unpatched: list[InProfileShape]
    patched_failures: int = Field(description="in runs of revisions, whatever the reason", examples=[3])
    patched_runs: int = Field(examples=[40])
    ignored_by: list[int] = Field(description="entries in force of the list of tests to ignore", examples=[[3]])


@router.get("/tests/{test_id}/history")
def get_test_history(test_id: Id, session: Read, now: Now) -> TestHistoryShape:
    """Return how a test fell out in the last ninety days."""
    test = found(get_test(session, test_id), "test", test_id)
    history = load_history(session, test, now=now)
    return TestHistoryShape(
        test_id=test.id,
        suite=test.suite,
        name=test.name,
        since=history.since,
        unpatched=[_in_profile(one) for one in history.profiles],
        patched_failures=history.failed,
        patched_runs=history.ran,
        ignored_by=[one.id for one in history.ignored],
    )


def _in_profile(one: InProfile) -> InProfileShape:
    low, high = one.history.rate
    return InProfileShape(
        tree=one.tree,
        profile=one.profile,
        ordinal=one.ordinal,
        failures=one.history.failures,
        runs=one.history.runs,
        low=round(low, 4),
        high=round(high, 4),
        broken=one.history.broken,
        older=one.older,
        words=one.history.words,
        bases=[
            OnBaseShape(
                base_commit=base.commit,
                prerequisites=base.prerequisites,
                failures=base.failures,
                runs=len(base.seen),
                last_run_id=base.last.run_id,
                last_seen=base.last.when,
            )
            for base in one.bases
        ],
    )
