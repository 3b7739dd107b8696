"""What tests printed, checks of the verifier's log, outputs of two runs compared; programs and their cost."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Result
from app.db.queries.outputs import output_place, read_output
from app.db.queries.programs import list_programs
from app.db.queries.runs import get_run
from app.domain.output_diff import PartDiff, diff_outputs
from app.domain.test_output import parts
from app.domain.verifier_log import find_checks
from app.domain.veristat import ProgramChange, compare_programs
from app.errors import SubmissionError
from app.services.test_outputs import find_test_of_run, pair_of
from app.web.api.output_schemas import (
    BootShape,
    CheckShape,
    DiffLineShape,
    FigureShape,
    OutputDiffShape,
    PartDiffShape,
    PartShape,
    ProgramChangeShape,
    ProgramShape,
    TestOfRunShape,
)
from app.web.api.shapes import found
from app.web.parameters import BIGGEST_ID, Id, Read

router = APIRouter(tags=["results"])
MOST_LINES = 20_000
OtherRun = Annotated[int | None, Query(alias="with", ge=1, le=BIGGEST_ID, description="the run to compare with")]


class BootQuery(BaseModel):
    """Which boot of a test."""

    ordinal: int = Field(default=0, ge=0, le=100_000, description="which of several results that share the name")
    boot: int = Field(default=0, ge=0, le=1000)
    side: Literal["patched", "base"] = "patched"


class DiffQuery(BaseModel):
    """How two outputs are compared."""

    ordinal: int = Field(default=0, ge=0, le=100_000)
    with_run: int | None = Field(
        default=None, alias="with", ge=1, le=BIGGEST_ID, description="the run to compare with; without it the base"
    )
    context: int = Field(default=3, ge=0, le=100_000, description="lines around those that differ")
    exact: bool = Field(default=False, description="fold nothing")


@router.get("/runs/{run_id}/tests/{suite}/{test:path}")
def get_test_of_run(
    run_id: Id, suite: str, test: str, session: Read, asked: Annotated[BootQuery, Query()]
) -> TestOfRunShape:
    """Return why a test of a run failed: each check of the verifier's log that did not hold, and all it printed."""
    of_run = find_test_of_run(session, run_id, suite, test, asked.ordinal)
    result = of_run.boot(asked.boot, on_base=asked.side == "base")
    output = read_output(session, result)
    return TestOfRunShape(
        run_id=run_id,
        suite=suite,
        name=test,
        ordinal=of_run.ordinal,
        boots=[_boot(session, one) for one in of_run.boots],
        boot=result.boot,
        on_base=result.on_base,
        outcome=result.outcome,
        checks=[CheckShape.model_validate(one) for one in find_checks(output.lines)] if result.outcome.failed else [],
        parts=[PartShape(kind=one.kind, title=one.title, lines=list(one.lines)) for one in parts(output.lines)],
        output=list(output.lines[:MOST_LINES]),
        left_out=output.left_out + sum(len(line) + 1 for line in output.lines[MOST_LINES:]),
    )


@router.get("/runs/{run_id}/output-diffs/{suite}/{test:path}")
def get_output_diff(
    run_id: Id, suite: str, test: str, session: Read, asked: Annotated[DiffQuery, Query()]
) -> OutputDiffShape:
    """Compare what a test printed in two runs, part by part, with what merely moved folded away."""
    of_run = find_test_of_run(session, run_id, suite, test, asked.ordinal)
    with_run = asked.with_run or of_run.run.baseline_id
    if with_run is None:
        raise SubmissionError("A baseline has no base of its own to compare with: name a run in `with`.")
    pair = pair_of(session, of_run, with_run)
    compared = diff_outputs(
        pair.left.lines,
        pair.right.lines,
        again=pair.again.lines if pair.again else None,
        context=asked.context,
        exact=asked.exact,
    )
    left, right = pair.left.result, pair.right.result
    return OutputDiffShape(
        left=_boot(session, left),
        right=_boot(session, right),
        left_run_id=left.run_id,
        right_run_id=right.run_id,
        parts=[_part(one) for one in compared],
    )


@router.get("/runs/{run_id}/programs")
def list_programs_of_run(run_id: Id, session: Read, with_run: OtherRun = None) -> list[ProgramChangeShape]:
    """List the programs of a run with verdict and cost; `with` another run, what changed, worst first."""
    after = list_programs(session, found(get_run(session, run_id), "run", run_id).id)
    if with_run is None:
        return [_program(one, alone=True) for one in compare_programs(after, after)]
    before = list_programs(session, found(get_run(session, with_run), "run", with_run).id)
    return [_program(one, alone=False) for one in compare_programs(before, after)]


def _boot(session: Session, result: Result) -> BootShape:
    place = output_place(session, result)
    return BootShape(
        boot=result.boot,
        on_base=result.on_base,
        outcome=result.outcome,
        message=result.message,
        log=None if place is None else f"/api/v1/steps/{place.step_id}/logs/{place.name}",
        log_start=None if place is None else place.start,
        log_end=None if place is None else place.end,
    )


def _part(one: PartDiff) -> PartDiffShape:
    diff = one.diff
    return PartDiffShape(
        kind=one.kind,
        title=one.title,
        number=one.number,
        left=one.left,
        right=one.right,
        same=one.same,
        restless=one.restless,
        removed=diff.removed,
        added=diff.added,
        moved=diff.moved,
        left_out=diff.left_out,
        figures=[FigureShape.model_validate(figure) for figure in diff.figures],
        lines=[DiffLineShape.model_validate(line) for line in diff.lines],
    )


def _program(one: ProgramChange, *, alone: bool) -> ProgramChangeShape:
    return ProgramChangeShape(
        name=one.name,
        before=None if alone or one.before is None else ProgramShape.model_validate(one.before),
        after=None if one.after is None else ProgramShape.model_validate(one.after),
        change=None if alone else one.weight.words,
        insns_growth=None if alone else one.insns,
        states_growth=None if alone else one.states,
    )
