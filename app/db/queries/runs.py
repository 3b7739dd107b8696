"""Runs: the one that speaks for a revision, lists of them, and one with all that it did."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH
from sqlalchemy.orm import Session, defer, joinedload, selectinload, with_expression

from app.db.models import Change, Revision, Run, RunState, Series, Step
from app.db.queries.paging import Page, Window, paginate
from app.domain.outcome import ChangeClass, Verdict

_OF_EACH_TEST = ("reasons", "weighed", "ran", "since")
_GIST = Run.evidence.op("-", return_type=JSONB)(cast(_OF_EACH_TEST, ARRAY(Text))).op("||", return_type=JSONB)(
    func.jsonb_build_object(
        "reasons", func.jsonb_path_query_array(Run.evidence, cast("$.reasons[*] ? (@.key == null)", JSONPATH))
    )
)
"""The evidence without what there is one of for each test that failed; of the reasons those that are about none."""
WITHOUT_EVIDENCE = (defer(Run.evidence), defer(Run.selection), defer(Run.files))
"""How a query loads many runs of which only the verdict is asked."""
IN_SHORT = (with_expression(Run.gist, _GIST), *WITHOUT_EVIDENCE)
"""How a query loads many runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRuns:
    """The runs of one revision, oldest first.

    `standing` is the run whose verdict counts, `active` the newest that is not done yet; either may be None.
    """

    runs: Sequence[Run] = ()

    @property
    def standing(self) -> Run | None:
        """The newest whole run with a verdict; trouble of ours never outranks a verdict, nor a part the whole."""
        judged = [run for run in self.runs if run.verdict is not None]
        return max(judged, key=_weight, default=None)

    @property
    def active(self) -> Run | None:
        """The newest run that is still to end."""
        return next((run for run in reversed(self.runs) if run.state is not RunState.DONE), None)

    @property
    def shown(self) -> Run | None:
        """The run that a page shows: the standing one, else the newest."""
        return self.standing or (self.runs[-1] if self.runs else None)


def _weight(run: Run) -> tuple[bool, bool, int]:
    return run.only is None, run.verdict is not Verdict.INCONCLUSIVE, run.id


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is narrowed to; None means anything, `baseline` True only runs without a revision."""

    revision_id: int | None = None
    state: RunState | None = None
    verdict: Verdict | None = None
    baseline: bool | None = None


def runs_of_revisions(session: Session, revision_ids: Sequence[int]) -> dict[int, RevisionRuns]:
    """Return the runs of each revision in one statement; every id asked for is there, without runs if it has none."""
    found: dict[int, list[Run]] = defaultdict(list)
    wanted = select(Run).where(Run.revision_id.in_(revision_ids)).order_by(Run.id)
    for run in session.scalars(wanted.options(*IN_SHORT)):
        found[run.revision_id or 0].append(run)
    return {revision: RevisionRuns(runs=found[revision]) for revision in revision_ids}


def change_counts(session: Session, run_ids: Sequence[int]) -> dict[int, dict[ChangeClass, int]]:
    """Count the changes of each run by class."""
    counts: dict[int, dict[ChangeClass, int]] = {run_id: {} for run_id in run_ids}
    counting = select(Change.run_id, Change.kind, func.count()).where(Change.run_id.in_(run_ids))
    for run_id, kind, number in session.execute(counting.group_by(Change.run_id, Change.kind)):
        counts[run_id][kind] = number
    return counts


def list_runs(session: Session, wanted: RunFilter, window: Window) -> Page[Run]:
    """Return runs with their revision and series, the newest first."""
    statement = select(Run).options(
        joinedload(Run.revision).joinedload(Revision.series), selectinload(Run.steps), *IN_SHORT
    )
    if wanted.revision_id is not None:
        statement = statement.where(Run.revision_id == wanted.revision_id)
    if wanted.state is not None:
        statement = statement.where(Run.state == wanted.state)
    if wanted.verdict is not None:
        statement = statement.where(Run.verdict == wanted.verdict)
    if wanted.baseline is not None:
        statement = statement.where(Run.revision_id.is_(None) if wanted.baseline else Run.revision_id.is_not(None))
    return paginate(session, statement.order_by(Run.id.desc()), window)


def get_run(session: Session, run_id: int) -> Run | None:
    """Return one run with its revision, series, attempts and steps, and its baseline."""
    return session.get(
        Run,
        run_id,
        options=(
            joinedload(Run.revision).joinedload(Revision.series),
            joinedload(Run.baseline),
            selectinload(Run.attempts),
            selectinload(Run.steps),
        ),
    )


def get_in_short(session: Session, run_id: int) -> Run | None:
    """Return one run with its steps, and the gist of its evidence: what those who follow it ask for each second."""
    return session.get(Run, run_id, options=(selectinload(Run.steps), *IN_SHORT))


def get_step(session: Session, step_id: int) -> Step | None:
    """Return one step."""
    return session.get(Step, step_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineUse:
    """A run that was judged against a baseline, and whose it is."""

    run: Run
    revision: Revision
    series: Series


def uses_of_baseline(session: Session, run_id: int, limit: int = 100) -> Sequence[BaselineUse]:
    """Return the runs that are judged against this baseline, the newest first."""
    using = (
        select(Run, Revision, Series)
        .join(Revision, Revision.id == Run.revision_id)
        .join(Series, Series.id == Revision.series_id)
        .where(Run.baseline_id == run_id)
        .options(*WITHOUT_EVIDENCE)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    return [BaselineUse(run=run, revision=revision, series=series) for run, revision, series in session.execute(using)]
