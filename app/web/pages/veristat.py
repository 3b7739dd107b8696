"""What the verifier spends on each program: of one run, against its base or any other run, worst first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from app.db.models import Run
from app.db.queries.outputs import runs_of_series
from app.db.queries.programs import has_costs, has_programs, list_programs, run_with_programs
from app.domain.veristat import ProgramChange, Weight, compare_programs
from app.web.pages.run_tests import Against
from app.web.parameters import BIGGEST_ID, Id, Read
from app.web.render import render

router = APIRouter(include_in_schema=False)
MOST_ROWS = 500
TONES = {
    Weight.REFUSED: "fail",
    Weight.NEW_REFUSED: "fail",
    Weight.GREW: "warn",
    Weight.GONE: "warn",
    Weight.SHRANK: "pass",
    Weight.ACCEPTED: "pass",
    Weight.NEW: "new",
    Weight.SAME: "skip",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VeristatPage:
    """The programs of a run, compared with those of `with_run` where that is given; `with_words` says what that is.

    `counts` says how many programs of each weight there are, without those that cost the same: they are the last rows.
    """

    run: Run
    with_run: int | None
    with_words: str
    rows: Sequence[ProgramChange]
    programs: int
    refused: int
    counts: Sequence[tuple[Weight, int]]
    left_out: int
    against: Sequence[Against]
    place: str = "runs"

    @property
    def title(self) -> str:
        """What it is of."""
        return f"Programs of run {self.run.id}" + (f" against run {self.with_run}" if self.with_run else "")

    @property
    def worst(self) -> str:
        """The tone of the gravest."""
        return TONES[self.counts[0][0]] if self.counts else "pass"

    def tone(self, weight: Weight) -> str:
        """How a weight is coloured."""
        return TONES[weight]


@router.get("/runs/{run_id}/veristat")
def show_veristat(
    run_id: Id,
    request: Request,
    session: Read,
    with_run: Annotated[int | None, Query(alias="with", ge=1, le=BIGGEST_ID)] = None,
) -> HTMLResponse:
    """Show what the verifier spends on the programs of a run, against its base unless another run is named."""
    run = run_with_programs(session, run_id)
    if with_run is None and run.baseline_id is not None and has_programs(session, run.baseline_id):
        with_run = run.baseline_id
    after = list_programs(session, run_id)
    before = after if with_run is None else list_programs(session, run_with_programs(session, with_run).id)
    changes = compare_programs(before, after)
    counted = Counter(one.weight for one in changes)
    against = _against(session, run, with_run)
    page = VeristatPage(
        run=run,
        with_run=with_run,
        with_words=next((one.words for one in against if one.here), f"run {with_run}"),
        rows=changes[:MOST_ROWS],
        programs=len(after),
        refused=sum(not one.accepted for one in after),
        counts=[(weight, counted[weight]) for weight in Weight if counted[weight] and weight is not Weight.SAME],
        left_out=max(len(changes) - MOST_ROWS, 0),
        against=against,
    )
    return render(request, "runs/veristat.html", page)


def _against(session: Session, run: Run, with_run: int | None) -> list[Against]:
    runs = [(run_id, f"{label} (run {run_id})") for run_id, label in runs_of_series(session, run, has_costs())]
    if run.baseline_id is not None:
        runs.insert(0, (run.baseline_id, f"the base (run {run.baseline_id})"))
    return [Against(words=words, href=f"?with={run_id}", here=run_id == with_run) for run_id, words in runs]
