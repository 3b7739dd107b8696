"""Runs: the list, one with all that it did, and asking for another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from app.db.models import Attempt, Change, Report, Result, Run, RunState, Test
from app.db.queries import logs as log_queries
from app.db.queries import results as result_queries
from app.db.queries import runs as queries
from app.db.queries.artifacts import list_artifacts
from app.db.queries.paging import Window
from app.db.queries.reports import report_of_run
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.errors import NotFoundError, SubmissionError
from app.report.reproduce import Recipe
from app.services.reproducing import load_recipe
from app.services.rerun import rerun
from app.web.again import Again, again
from app.web.downloads import Download, downloads
from app.web.evidence import Evidence, Named, named, read_evidence, read_histories
from app.web.forms import Fields
from app.web.pages.lists import Pager, pager
from app.web.pages.run_parts import StepRow, step_rows
from app.web.pages.run_patches import TriedPatches, tried_patches
from app.web.parameters import Config, Id, OrAny, Read, Words, Write, settings_of
from app.web.profile_words import profile_words
from app.web.render import render
from app.web.security import SignedIn
from app.web.words import (
    VERDICT_TONES,
    Chip,
    Statement,
    Tone,
    broken_base,
    class_chip,
    counted_class,
    outcome_chip,
    run_chips,
    split_sentence,
)

router = APIRouter(include_in_schema=False)
PER_PAGE = 50
RESULTS_PER_PAGE = 50
LONGEST_REASON = 600
EXCERPTS = 40
"""Changes whose failing excerpt is shown; the others are in the table of results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """The page of all runs."""

    rows: Sequence[tuple[Run, Sequence[Chip]]]
    pager: Pager
    state: RunState | None
    verdict: Verdict | None
    kind: str
    verdicts: Sequence[Verdict] = tuple(Verdict)
    states: Sequence[RunState] = tuple(RunState)
    title: str = "Runs"
    place: str = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A test that changed, and what each boot of it showed; `history` says what it did on unpatched trees before."""

    change: Change
    chip: Chip
    results: Sequence[Result]
    history: str

    @property
    def told(self) -> list[str]:
        """What there is to say of it: figures, history, and each boot of it alone."""
        change, reason = self.change, (self.change.reason or "")[:LONGEST_REASON]
        sides = f"base {change.base or 'absent'}, patched {change.patched or 'absent'}"
        again = [f"{'base' if one.on_base else 'patched'} {one.outcome}" for one in self.results if one.boot]
        parts = [reason, self.history, "" if "patched" in reason else sides]
        return [part for part in (*parts, f"alone again: {', '.join(again)}" if again else "") if part]

    @property
    def telling(self) -> Result | None:
        """The result whose text explains the failure: the first that failed on the patched tree."""
        return next((one for one in self.results if one.outcome.failed and not one.on_base), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What the table of results is narrowed to."""

    outcome: Outcome | None
    kind: ChangeClass | None
    suite: str
    name: str

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.outcome or self.kind or self.suite or self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run; without a revision a baseline."""

    run: Run
    chips: Sequence[Chip]
    steps: Sequence[StepRow]
    attempts: Sequence[Attempt]
    evidence: Evidence
    selection: Sequence[Named]
    changes: Sequence[ChangeRow]
    counts: Sequence[tuple[ChangeClass, str]]
    tally: Sequence[tuple[Chip, int]]
    results: Sequence[tuple[Result, Chip]]
    pager: Pager
    narrowed: Narrowed
    suites: Sequence[str]
    uses: Sequence[queries.BaselineUse]
    report: Report | None
    downloads: Sequence[Download]
    recipe: Recipe | None
    statement: Statement | None
    tried: TriedPatches | None = None
    outcomes: Sequence[Outcome] = tuple(Outcome)
    kinds: Sequence[ChangeClass] = tuple(ChangeClass)
    place: str = "runs"

    @property
    def title(self) -> str:
        """The run and whose it is."""
        revision = self.run.revision
        return f"Run {self.run.id}: {revision.series.title} {revision.label}" if revision else f"Baseline {self.run.id}"

    @property
    def profile(self) -> Sequence[tuple[str, str]]:
        """What the profile said that it was executed with."""
        return profile_words(self.run.evidence.get("profile"))

    @property
    def shown(self) -> frozenset[str]:
        """What the tests that changed printed, shown with them."""
        return frozenset(row.telling.detail for row in self.changes if row.telling and row.telling.detail)

    def again(self, test: Test) -> Again | None:
        """How a test is seen again; None where no kernel was built."""
        return again(self.recipe, test)

    @property
    def live(self) -> bool:
        """Whether there is more to come."""
        return self.run.state is not RunState.DONE or (self.tried is not None and self.tried.open)

    @property
    def timed(self) -> bool:
        """Whether the suites of these results tell how long a test took."""
        return any(result.duration_s is not None for result, _ in self.results)

    @property
    def tried_again(self) -> bool:
        """Whether there is something to tell of the attempts: one that failed, or several of one kind."""
        kinds = [attempt.kind for attempt in self.attempts]
        return len(set(kinds)) < len(kinds) or any(one.ending not in {None, "done"} for one in self.attempts)


@router.get("/runs")
def list_runs(
    request: Request,
    session: Read,
    state: Annotated[RunState | None, OrAny, Query()] = None,
    verdict: Annotated[Verdict | None, OrAny, Query()] = None,
    kind: Annotated[str, Query(pattern="^(revision|baseline)?$")] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show all runs, the newest first."""
    wanted = queries.RunFilter(
        state=state,
        verdict=verdict,
        baseline={"revision": False, "baseline": True}.get(kind),
    )
    found = queries.list_runs(session, wanted, Window(page=page, limit=PER_PAGE))
    counts = queries.change_counts(session, [run.id for run in found.items])
    rows = [
        (run, run_chips(run, counts[run.id], patches=run.revision.total if run.revision else None))
        for run in found.items
    ]
    context = RunList(rows=rows, pager=pager(request, found), state=wanted.state, verdict=wanted.verdict, kind=kind)
    return render(request, "runs/list.html", context)


@router.get("/runs/{run_id}")
def show_run(
    run_id: Id,
    request: Request,
    session: Read,
    outcome: Annotated[Outcome | None, OrAny, Query()] = None,
    class_: Annotated[ChangeClass | None, OrAny, Query(alias="class")] = None,
    name: Annotated[Words, Query()] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show one run: what changed, its steps, every result."""
    run = queries.get_run(session, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id}")
    narrowed = Narrowed(
        outcome=outcome,
        kind=class_,
        suite=request.query_params.get("suite", "").replace("\x00", "")[:100],
        name=name,
    )
    return render(request, "runs/show.html", _run_page(request, session, run, narrowed, page))


def _run_page(request: Request, session: Session, run: Run, narrowed: Narrowed, page: int) -> RunPage:
    wanted = result_queries.ResultFilter(
        suite=narrowed.suite or None,
        outcome=narrowed.outcome,
        kind=narrowed.kind,
        name=narrowed.name or None,
        leaves=True,
        failed_first=True,
    )
    found = result_queries.list_results(session, run.id, wanted, Window(page=page, limit=RESULTS_PER_PAGE))
    counts = queries.change_counts(session, [run.id])[run.id]
    tally = result_queries.tally(session, run.id)
    evidence = read_evidence(run.evidence)
    return RunPage(
        run=run,
        chips=run_chips(run, counts, patches=run.revision.total if run.revision else None),
        steps=step_rows(run.steps, log_queries.list_logs(session, [step.id for step in run.steps])),
        attempts=run.attempts,
        evidence=evidence,
        selection=named(run.selection),
        changes=_changes(session, run),
        counts=[(kind, counted_class(kind, counts[kind])) for kind in result_queries.GRAVITY if counts.get(kind)],
        tally=[(outcome_chip(outcome), tally[outcome]) for outcome in Outcome if tally.get(outcome)],
        results=[(result, outcome_chip(result.outcome)) for result in found.items],
        pager=pager(request, found),
        narrowed=narrowed,
        suites=result_queries.suites(session, run.id),
        uses=queries.uses_of_baseline(session, run.id) if run.revision_id is None else [],
        report=report_of_run(session, run.id),
        tried=tried_patches(session, run),
        downloads=downloads(list_artifacts(session, run.id), settings_of(request).artifacts),
        recipe=load_recipe(session, settings_of(request), run, run.revision),
        statement=split_sentence(run.sentence, VERDICT_TONES[run.verdict] if run.verdict else Tone.WARN)
        if run.sentence
        else broken_base(run),
    )


def _changes(session: Session, run: Run) -> list[ChangeRow]:
    hidden = {ChangeClass.PRE_EXISTING, ChangeClass.NOT_RUN, ChangeClass.NEW_PASS}
    changes = result_queries.list_changes(session, [run.id], EXCERPTS, without=hidden)
    refs = [(one.test_id, one.ordinal) for one in changes]
    results = result_queries.results_of_tests(session, run.id, refs)
    histories = read_histories(run.evidence)
    return [
        ChangeRow(
            change=change,
            chip=class_chip(change.kind),
            results=[one for one in results if (one.test_id, one.ordinal) == (change.test_id, change.ordinal)],
            history=histories.get((change.test.suite, change.test.name, change.ordinal), "")
            if change.kind.blamed
            else "",
        )
        for change in changes
    ]


@router.post("/revisions/{revision_id}/runs")
def rerun_revision(
    revision_id: Id, session: Write, settings: Config, token: SignedIn, fields: Fields
) -> RedirectResponse:
    """Run a revision again and go to the new run."""
    times = fields.get("times", "1")
    if not times.isascii() or not times.isdigit() or not 1 <= int(times[:3]) <= 10:
        raise SubmissionError("A revision can be run again 1 to 10 times at once.")
    runs = rerun(
        session,
        settings,
        revision_id=revision_id,
        only_failed=fields.get("only_failed") == "1",
        profile=fields.get("profile") or None,
        times=int(times),
        requested_by=token.name,
    )
    return RedirectResponse(f"/runs/{runs[0].id}", 303)
