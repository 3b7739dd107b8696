"""The first verdict of a run, kept with it while its other tests run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.db.models import Revision, Run
from app.domain.console import ConsoleEvent
from app.domain.counted import counted
from app.domain.first_verdict import first_verdict
from app.domain.outcome import Outcome, TestResult
from app.domain.regression import compare, observe
from app.domain.suites import origin
from app.domain.verdict import Case, StepOutcome
from app.services import attempts, judging
from app.services.attempts import Claim
from app.services.ignoring import ignored_now
from app.services.records import clean_json

PASSED = tuple(StepOutcome(step=step, outcome=Outcome.PASS) for step in judging.EXECUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a run has shown when the `first` of its tests (spelled) are through, and those that are `still` to come."""

    first: frozenset[str]
    still: tuple[str, ...]
    results: tuple[TestResult, ...]
    console: tuple[ConsoleEvent, ...]


def say_first(session: Session, held: Claim, so_far: SoFar) -> None:
    """Keep with a run what can be said of it so far; nothing where its baseline has no results yet.

    Raises:
        FencedError: this attempt has been replaced.
    """
    run = session.get_one(Run, held.run_id)
    baseline = None if run.baseline_id is None else session.get_one(Run, run.baseline_id)
    if baseline is None or baseline.results_attempt is None:
        return
    said = first_verdict(_case(session, run, baseline, so_far), still=so_far.still)
    if said is not None:
        now = datetime.now(UTC)
        # Locked no sooner: the results that come in meanwhile wait for it.
        run = attempts.locked_run(session, held)
        took = (now - (run.started_at or now)).total_seconds()
        run.evidence = run.evidence | {
            "first_verdict": clean_json(
                {"sentence": said, "at": now.isoformat(), "seconds": round(took, 1), "attempt": held.attempt}
            )
        }


def _case(session: Session, run: Run, baseline: Run, so_far: SoFar) -> Case:
    base = judging.facts_of(session, baseline, so_far.first)
    patched = observe([counted(_through(so_far), run.files)])
    failing = [key for key, seen in patched.items() if seen.failing]
    changes = compare(
        observe([base.results]),
        patched,
        baseline_complete=base.complete,
        patched_complete=True,
        not_built=(base.not_built, {}),
        ignored=ignored_now(session, failing, tree=run.tree, profile=run.profile),
    )
    return Case(
        label=session.get_one(Revision, run.revision_id).label,
        run=PASSED,
        baseline=base.steps,
        changes=changes,
        console=so_far.console,
        baseline_console=base.console,
        first=any(one["applied"] for one in baseline.evidence.get("first", ())),
        lacking=judging.lacking_in(baseline),
    )


def _through(so_far: SoFar) -> Sequence[TestResult]:
    return [one for one in so_far.results if origin(one.suite, one.name) in so_far.first]
