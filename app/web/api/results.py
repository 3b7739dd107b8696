"""Results of tests, and what changed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from app.db.models import Run
from app.db.queries import results as queries
from app.domain.outcome import ChangeClass, Outcome
from app.web.api.schemas import ChangeShape, Listing, ResultShape
from app.web.api.shapes import change_shape, found, listing, result_shape
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
