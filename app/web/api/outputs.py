"""What tests printed, checks of the verifier's log, outputs of two runs compared; programs and their cost."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Result, Run
from app.db.queries.outputs import MOST_BYTES, LogPlace, output_places, read_output
from app.db.queries.paging import Page
from app.db.queries.programs import list_programs
from app.domain.output_diff import PartDiff, diff_outputs
from app.domain.test_output import parts
from app.domain.verifier_log import VerifierCheck, find_checks
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
from app.web.api.schemas import Listing
from app.web.api.shapes import found, listing
from app.web.parameters import BIGGEST_ID, Id, Paged, Read

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
        boots=_boots(session, of_run.boots),
        boot=result.boot,
        on_base=result.on_base,
        outcome=result.outcome,
        checks=_checks(find_checks(output.lines)) if result.outcome.failed else [],
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
        left=_boot(left, pair.left.place),
        right=_boot(right, pair.right.place),
        left_run_id=left.run_id,
        right_run_id=right.run_id,
        parts=[_part(one) for one in compared],
    )


@router.get("/runs/{run_id}/programs")
def list_programs_of_run(
    run_id: Id, request: Request, session: Read, window: Paged, with_run: OtherRun = None
) -> Listing[ProgramChangeShape]:
    """List the programs of a run with their cost, the costliest first; `with` another run what changed, worst first."""
    after = list_programs(session, found(session.get(Run, run_id), "run", run_id).id)
    before = (
        after if with_run is None else list_programs(session, found(session.get(Run, with_run), "run", with_run).id)
    )
    changes = compare_programs(before, after)
    shown = changes[window.offset : window.offset + window.limit]
    page = Page(items=shown, total=len(changes), window=window)
    return listing(request, page, lambda one: _program(one, alone=with_run is None))


def _checks(checks: Sequence[VerifierCheck]) -> list[CheckShape]:
    """Give the logs as long as together they are no longer than an output: fifty checks may have searched the same."""
    shapes, room = [], MOST_BYTES
    for check in checks:
        shape = CheckShape.model_validate(check)
        size = sum(map(len, shape.log))
        if size > room:
            shape = shape.model_copy(update={"log": [], "left_out": len(shape.log)})
        else:
            room -= size
        shapes.append(shape)
    return shapes


def _boots(session: Session, results: Sequence[Result]) -> list[BootShape]:
    return [_boot(one, place) for one, place in zip(results, output_places(session, results), strict=True)]


def _boot(result: Result, place: LogPlace | None) -> BootShape:
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
