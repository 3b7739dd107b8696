"""What the judge reads of a run, its baseline and the revision before, and where the verdict is kept."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, undefer

from app.db.models import Change, Result, Run, RunState, Step, Test
from app.domain import regression
from app.domain.console import ConsoleEvent
from app.domain.counted import counted
from app.domain.outcome import ChangeClass, Outcome, TestResult, Verdict
from app.domain.outcome import Step as StepName
from app.domain.regression import NotBuilt, Observations, compare_revisions
from app.domain.suites import origin
from app.domain.text import storable
from app.domain.verdict import Judgement, StepOutcome
from app.services import attempts
from app.services.attempts import Claim
from app.services.between import Before, before
from app.services.precedents import weighed
from app.services.records import clean_json
from app.services.runs import renew

EXECUTED = (StepName.APPLY, StepName.BUILD, StepName.BOOT, StepName.SELFTESTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One side of a comparison: how its steps ended, its results, what its kernel complained of.

    `not_built` are the tests that could not be built, each with the reason; none of `results` is theirs, though pages
    show them as skipped. What the tree does not have is none of them: that is what the patches made of it, and of the
    base's tree that it is new.
    """

    run_id: int
    steps: tuple[StepOutcome, ...]
    results: tuple[TestResult, ...]
    console: tuple[ConsoleEvent, ...]
    built: bool
    booted: bool
    complete: bool
    image: str | None
    toolchain: dict[str, str]
    ran: tuple[str, ...]
    not_built: NotBuilt


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """All that is judged; `before` is the revision before, where it was judged by its tests.

    `first` says that prerequisites were applied to run and baseline; `lacking` are those that could not be, and why.
    """

    label: str
    only: tuple[str, ...] | None
    run: RunFacts
    baseline: RunFacts | None
    before: Before | None
    first: bool
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The judgement and the changes it rests on."""

    judgement: Judgement
    changes: tuple[regression.Change, ...]
    since: regression.RevisionComparison | None
    before: Before | None

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return self.judgement.verdict


def hear(session: Session, run_id: int) -> Hearing:
    """Read both sides of a run that has executed."""
    run = session.get_one(Run, run_id, options=[joinedload(Run.revision), joinedload(Run.baseline)])
    assert run.revision is not None
    only = None if run.only is None else tuple(run.only)
    baseline = None
    if run.baseline is not None and run.baseline.results_attempt is not None:
        baseline = facts_of(session, run.baseline, only)
    return Hearing(
        label=run.revision.label,
        only=only,
        run=facts_of(session, run, None),
        baseline=baseline,
        before=before(session, run, run.revision),
        first=any(one["applied"] for one in run.evidence.get("first", ())),
        lacking=lacking_in(run),
    )


def lacking_in(run: Run) -> tuple[str, ...]:
    """Return what a run that has executed would have needed and did not get, as a Case has it."""
    first = run.evidence.get("first", ())
    return tuple(f"{one['called']}, which {one['problem']}" for one in first if one["problem"])


def renewed(session: Session, held: Claim) -> bool:
    """Tell whether run and baseline differ in toolchain; both are queued again then, and this attempt is over.

    A compiler that was upgraded in between must not be held against the series.
    """
    run = attempts.locked_run(session, held)
    baseline = None if run.baseline_id is None else session.get_one(Run, run.baseline_id)
    if baseline is None or not run.toolchain or not baseline.toolchain or run.toolchain == baseline.toolchain:
        return False
    attempts.close(session, held, "the baseline was made with another toolchain; both run again")
    renew(session, run, baseline)
    return True


def facts_of(session: Session, run: Run, only: Collection[str] | None) -> RunFacts:
    """Return what a run that has executed has shown; with `only` these tests (app.domain.suites) alone."""
    evidence = run.evidence
    not_built = {one["test"]: one["reason"] for one in evidence.get("not_built", ()) if not one.get("absent")}
    ran = (one for one in _results(session, run, only) if origin(one.suite, one.name) not in not_built)
    return RunFacts(
        run_id=run.id,
        steps=_steps(session, run),
        results=tuple(counted(ran, run.files)),
        console=tuple(ConsoleEvent.stored(one) for one in evidence.get("events", ())),
        built=bool(evidence.get("built")),
        booted=bool(evidence.get("booted")),
        complete=bool(evidence.get("complete")),
        image=evidence.get("image"),
        toolchain=run.toolchain,
        ran=tuple(evidence.get("ran", ())),
        not_built=not_built,
    )


def _steps(session: Session, run: Run) -> tuple[StepOutcome, ...]:
    """Return how each executed step ended; a step that was not come to is SKIP."""
    rows = session.scalars(select(Step).where(Step.run_id == run.id, Step.attempt == run.results_attempt))
    found = {row.name: row for row in rows}
    outcomes = []
    for name in EXECUTED:
        row = found.get(name)
        if row is None or row.outcome is None:
            outcomes.append(StepOutcome(step=name, outcome=Outcome.SKIP))
        else:
            reason = reason_of(name, row.summary or "", row.detail)
            outcomes.append(StepOutcome(step=name, outcome=row.outcome, reason=reason, excerpt=_excerpt(row.detail)))
    return tuple(outcomes)


def reason_of(name: StepName, summary: str, detail: dict[str, Any]) -> str:
    """Return why a step failed, to follow a colon: the patch first, where one is answerable."""
    if name is StepName.APPLY and "position" in detail:
        return f"patch {detail['position']} ({detail['title']}); git said: {detail['git_said']}"
    errors = detail.get("errors") or []
    if name is StepName.BUILD and errors:
        first = errors[0]
        place = ":".join(str(part) for part in (first["file"], first["line"]) if part is not None)
        said = f"{place}: {first['message']}" if place else first["message"]
        if first["patch"] is None:
            return said
        return f"patch {first['patch']} ({first['patch_title']}), {said}"
    return summary


def _excerpt(detail: dict[str, Any]) -> str:
    if detail.get("hunk"):
        return str(detail["hunk"])
    for key in ("errors", "events"):
        if detail.get(key):
            return str(detail[key][0]["excerpt"])
    return ""


def _results(session: Session, run: Run, only: Collection[str] | None) -> Iterable[TestResult]:
    rows = session.scalars(
        select(Result)
        .where(Result.run_id == run.id, Result.attempt == run.results_attempt, Result.boot == 0)
        .options(joinedload(Result.test), undefer(Result.detail))
    )
    for row in rows:
        if only is None or origin(row.test.suite, row.test.name) in only:
            yield TestResult(
                suite=row.test.suite,
                name=row.test.name,
                ordinal=row.ordinal,
                outcome=row.outcome,
                parent=row.test.parent,
                aggregate=row.aggregate,
                message=row.message,
                detail=row.detail,
                duration_s=row.duration_s,
            )


def since_previous(hearing: Hearing, changes: Sequence[regression.Change]) -> regression.RevisionComparison | None:
    """Compare with the revision before, where it was judged by its tests."""
    return compare_revisions(hearing.before.changes, changes) if hearing.before else None


def store(session: Session, held: Claim, ruling: Ruling) -> None:
    """Store the verdict and its changes, and end the run.

    Raises:
        FencedError: another judge has taken over.
    """
    run = attempts.locked_run(session, held)
    told = [one for one in ruling.changes if one.cls is not ChangeClass.UNCHANGED]
    ids = _ids(session, told)
    session.add_all(_row(run.id, held.attempt, ids[one.key.suite, one.key.name], one) for one in told)
    judgement = ruling.judgement
    run.verdict = judgement.verdict
    run.sentence = clean_json(judgement.sentence)
    run.evidence = run.evidence | clean_json(
        {
            "counts": asdict(judgement.counts),
            "reasons": [asdict(one) for one in judgement.reasons],
            "previous": ruling.before.label if ruling.before else None,
            "previous_run": ruling.before.run_id if ruling.before else None,
            "since": _since(ruling),
            "weighed": weighed(told),
        }
    )
    run.state = RunState.DONE
    run.finished_at = datetime.now(UTC)
    attempts.close(session, held, "done")
    session.flush()


def _since(ruling: Ruling) -> dict[str, Any] | None:
    if ruling.since is None or ruling.before is None:
        return None
    return asdict(ruling.since) | {"caveats": list(ruling.before.caveats)}


def _ids(session: Session, changes: Sequence[regression.Change]) -> dict[tuple[str, str], int]:
    names = {one.key.name for one in changes}
    rows = session.execute(select(Test.suite, Test.name, Test.id).where(Test.name.in_(names)))
    return {(suite, name): id_ for suite, name, id_ in rows}


def _row(run_id: int, attempt: int, test_id: int, one: regression.Change) -> Change:
    return Change(
        run_id=run_id,
        attempt=attempt,
        test_id=test_id,
        ordinal=one.key.ordinal,
        kind=one.cls,
        base=_worst(one.baseline),
        patched=_worst(one.patched),
        reason=one.reason,
        message=None if one.message is None else storable(one.message),
    )


def _worst(seen: Observations) -> Outcome | None:
    failures = [outcome for outcome in seen.outcomes if outcome.failed]
    return failures[0] if failures else next(iter(seen.outcomes), None)
