"""Results of tests, what changed, and the verdict with its evidence."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Run
from app.db.queries import results as queries
from app.db.queries.runs import change_counts, get_run
from app.domain.outcome import ChangeClass, Outcome
from app.web.api.schemas import ChangeShape, Listing, ResultShape, VerdictShape
from app.web.api.shapes import blamed_shapes, change_shape, found, listing, result_shape
from app.web.parameters import Id, Paged, Read, Words

router = APIRouter(tags=["results"])


class ResultQuery(BaseModel):
    """What results are narrowed to."""

    suite: Words | None = Field(default=None, examples=["test_progs"])
    outcome: Outcome | None = None
    class_: ChangeClass | None = Field(default=None, alias="class")
    name: Words | None = Field(default=None, description="a glob; without * or ? any place", examples=["bpf_iter/*"])
    confirming: bool = Field(default=False, description="also the results of the judge's confirming boots")
    leaves: bool = Field(default=False, description="leave out what only sums up subtests")


@router.get("/runs/{run_id}/results")
def list_results(
    run_id: Id, request: Request, session: Read, window: Paged, wanted: Annotated[ResultQuery, Query()]
) -> Listing[ResultShape]:
    """List the results of a run by suite and name."""
    found(session.get(Run, run_id), "run", run_id)
    narrowed = queries.ResultFilter(
        suite=wanted.suite,
        outcome=wanted.outcome,
        kind=wanted.class_,
        name=wanted.name,
        boot=None if wanted.confirming else 0,
        leaves=wanted.leaves,
    )
    return listing(request, queries.list_results(session, run_id, narrowed, window), result_shape)


@router.get("/runs/{run_id}/changes")
def list_changes(
    run_id: Id,
    request: Request,
    session: Read,
    window: Paged,
    class_: Annotated[ChangeClass | None, Query(alias="class")] = None,
) -> Listing[ChangeShape]:
    """List what changed in a run against its baseline; what did not change is not listed."""
    found(session.get(Run, run_id), "run", run_id)
    return listing(request, queries.page_changes(session, run_id, class_, window), change_shape)


@router.get("/runs/{run_id}/verdict")
def get_verdict_of_run(run_id: Id, session: Read) -> VerdictShape:
    """Return what one run says of its revision, with the evidence."""
    return verdict_of(session, found(get_run(session, run_id), "run", run_id))


def verdict_of(session: Session, run: Run) -> VerdictShape:
    """Return the verdict of a run with every result that it rests on."""
    blamed = [change for change in queries.list_changes(session, [run.id]) if change.kind.blamed]
    tests = [(change.test_id, change.ordinal) for change in blamed]
    results = list(queries.results_of_tests(session, run.id, tests))
    if run.baseline_id is not None:
        results += queries.results_of_tests(session, run.baseline_id, tests)
    return VerdictShape(
        revision_id=run.revision_id,
        run_id=run.id,
        baseline_id=run.baseline_id,
        verdict=run.verdict,
        sentence=run.sentence,
        base_commit=run.base_commit,
        counts=change_counts(session, [run.id])[run.id],
        blamed=blamed_shapes(blamed, results),
        evidence=run.evidence,
    )
