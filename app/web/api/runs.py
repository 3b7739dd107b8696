"""Runs and steps."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.db.models import RunState
from app.db.queries import runs as queries
from app.domain.outcome import Verdict
from app.web.api.schemas import Listing, RunLine, RunShape, StepShape
from app.web.api.shapes import found, listing
from app.web.parameters import Id, IdQuery, Paged, Read

router = APIRouter(tags=["runs"])


@router.get("/runs")
def list_runs(
    request: Request,
    session: Read,
    window: Paged,
    revision_id: IdQuery = None,
    state: Annotated[RunState | None, Query()] = None,
    verdict: Annotated[Verdict | None, Query()] = None,
    baseline: Annotated[bool | None, Query(description="true: only baselines; false: only runs of revisions")] = None,
) -> Listing[RunLine]:
    """List runs, the newest first."""
    wanted = queries.RunFilter(revision_id=revision_id, state=state, verdict=verdict, baseline=baseline)
    return listing(request, queries.list_runs(session, wanted, window), RunLine.model_validate)


@router.get("/runs/{run_id}")
def get_run(run_id: Id, session: Read) -> RunShape:
    """Return one run with its attempts and steps."""
    return RunShape.model_validate(found(queries.get_run(session, run_id), "run", run_id))


@router.get("/runs/{run_id}/steps")
def list_steps(run_id: Id, session: Read) -> list[StepShape]:
    """List the steps of a run, attempt by attempt."""
    run = found(queries.get_run(session, run_id), "run", run_id)
    return [StepShape.model_validate(step) for step in run.steps]


@router.get("/steps/{step_id}")
def get_step(step_id: Id, session: Read) -> StepShape:
    """Return one step."""
    return StepShape.model_validate(found(queries.get_step(session, step_id), "step", step_id))
