"""What the demo shows while it runs: every run with its steps, read from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.db.models import Report, ReportState, Run, RunState, Step, Thread
from app.db.queries.patch_trials import open_checks
from app.domain.outcome import Outcome, Verdict
from app.domain.outcome import Step as StepName

STEPS = (StepName.APPLY, StepName.BUILD, StepName.BOOT, StepName.SELFTESTS, StepName.JUDGE, StepName.PATCHES)
STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.ERROR: "red",
    Outcome.MISS: "yellow",
    Outcome.SKIP: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step: `seconds` so far or in all, `outcome` None while it runs."""

    name: StepName
    outcome: Outcome | None
    seconds: float
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run: its label (`base` for the baseline), steps of its newest attempts by name, and what came of it.

    `trying`: its patches are still to be tried one by one; the mail comes after that.
    """

    run_id: int
    label: str
    state: RunState
    verdict: Verdict | None
    sentence: str
    steps: dict[StepName, StepView]
    mail: ReportState | None
    mail_id: str | None
    mail_text: str
    seconds: float
    trying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of it at one moment; `thread_error` says what went wrong with the fetching, if anything did."""

    runs: tuple[RunView, ...]
    thread_state: str
    thread_error: str | None

    @property
    def finished(self) -> bool:
        """Whether every run has ended and every mail is out."""
        return bool(self.runs) and all(
            one.state is RunState.DONE and not one.trying and one.mail not in {ReportState.QUEUED, ReportState.SENDING}
            for one in self.runs
        )


def snapshot(session: Session) -> Snapshot:
    """Read the state of everything."""
    thread = session.scalars(select(Thread).order_by(Thread.id)).first()
    runs = session.scalars(select(Run).options(joinedload(Run.revision)).order_by(Run.id)).unique().all()
    steps: dict[int, dict[StepName, StepView]] = {run.id: {} for run in runs}
    for step in session.scalars(select(Step).order_by(Step.id)):
        steps[step.run_id][step.name] = _step_view(step)
    reports = {one.run_id: one for one in session.scalars(select(Report))}
    trying = open_checks(session, [run.id for run in runs])
    views = [_run_view(run, steps[run.id], reports.get(run.id), trying=run.id in trying) for run in runs]
    views.sort(key=lambda one: (one.label != "base", one.label))
    return Snapshot(
        runs=tuple(views),
        thread_state=thread.state if thread else "",
        thread_error=thread.error if thread else None,
    )


def _step_view(step: Step) -> StepView:
    end = step.finished_at or datetime.now(UTC)
    seconds = (end - step.started_at).total_seconds()
    return StepView(name=step.name, outcome=step.outcome, seconds=seconds, summary=step.summary or "")


def _run_view(run: Run, steps: dict[StepName, StepView], report: Report | None, *, trying: bool) -> RunView:
    return RunView(
        run_id=run.id,
        label=run.revision.label if run.revision else "base",
        state=run.state,
        verdict=run.verdict,
        sentence=run.sentence or "",
        steps=steps,
        mail=report.state if report else None,
        mail_id=report.message_id if report else None,
        mail_text=report.body if report else "",
        seconds=sum(one.seconds for one in steps.values()),
        trying=trying,
    )


def live_table(now: Snapshot, elapsed_s: float) -> Table:
    """Return the table that is shown while it runs."""
    table = Table(title=f"{elapsed_s:.0f} s", title_justify="right", expand=True)
    table.add_column("", no_wrap=True)
    for name in STEPS:
        table.add_column(name, no_wrap=True)
    table.add_column("what is running, what came of it", ratio=1)
    for run in now.runs:
        cells = [_cell(run.steps.get(name)) for name in STEPS]
        table.add_row(run.label, *cells, _said(run))
    return table


def _cell(step: StepView | None) -> Text:
    if step is None:
        return Text("·", style="dim")
    if step.outcome is None:
        return Text(f"… {step.seconds:.0f} s", style="bold cyan")
    return Text(f"{step.outcome} {step.seconds:.0f} s", style=STYLES[step.outcome])


def _said(run: RunView) -> Text:
    if run.state is RunState.DONE and (run.sentence or run.verdict):
        style = "green" if run.verdict in {None, Verdict.CLEAN} else "red"
        return Text(run.sentence, style=style)
    running = next((one for one in run.steps.values() if one.outcome is None), None)
    if running:
        return Text(f"{running.name} is running")
    if run.state is RunState.WAITING:
        return Text("waits for the baseline", style="dim")
    return Text("queued" if run.state is RunState.QUEUED else "", style="dim")


def final_table(now: Snapshot) -> Table:
    """Return the table at the end: revisions and verdicts."""
    table = Table(title="Revisions and verdicts", title_justify="left", expand=True)
    for name in ("revision", "verdict", "mail", "time"):
        table.add_column(name, no_wrap=True)
    table.add_column("in a sentence", ratio=1)
    for run in now.runs:
        if run.label != "base":
            style = "green" if run.verdict is Verdict.CLEAN else "red"
            verdict = Text(run.verdict or "none", style=style)
            table.add_row(run.label, verdict, run.mail or "none", f"{run.seconds:.0f} s", run.sentence)
    return table


def news(before: Snapshot | None, now: Snapshot) -> Sequence[str]:
    """Return a line for each step and run that ended since `before`: what a log file shows instead of a live table."""
    old = {run.run_id: run for run in before.runs} if before else {}
    lines = []
    for run in now.runs:
        was = old.get(run.run_id)
        for step in run.steps.values():
            seen = was.steps.get(step.name) if was else None
            if seen is None or (seen.outcome is None) != (step.outcome is None):
                ended = f"{step.outcome} after {step.seconds:.1f} s: {step.summary}" if step.outcome else "started"
                lines.append(f"{run.label:5} {step.name:10} {ended}")
        if run.state is RunState.DONE and (was is None or was.state is not RunState.DONE):
            lines.append(f"{run.label:5} {'done':10} {run.verdict or ''} {run.sentence}")
    return lines
