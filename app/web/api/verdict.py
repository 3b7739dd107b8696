"""The verdict with its evidence, as one document."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.db.models import Change, PatchCheck, Result, Run, Step
from app.db.queries import logs as log_queries
from app.db.queries import results as queries
from app.db.queries.runs import change_counts
from app.db.queries.verdicts import Judged, get_judged
from app.domain.outcome import ChangeClass, TestKey
from app.domain.test_output import log_name
from app.web.api.schemas import PrerequisiteShape
from app.web.api.shapes import found
from app.web.api.verdict_schemas import (
    BaselinePart,
    BasePart,
    EventPart,
    ObservationPart,
    PatchesPart,
    ReasonPart,
    RevisionPart,
    SelectedPart,
    Side,
    SincePart,
    StepPart,
    TestPart,
    TestShape,
    VerdictDocument,
)
from app.web.parameters import Id, Read

router = APIRouter(tags=["results"])
SAME = ("revision_id", "baseline_id", "verdict", "sentence", "base_commit", "profile", "only", "toolchain")
EXCUSED = (ChangeClass.FLAKY, ChangeClass.IGNORED)

Stored = Mapping[str, Any]


@router.get("/runs/{run_id}/verdict")
def get_verdict_of_run(run_id: Id, session: Read) -> VerdictDocument:
    """Return what one run says of its revision, with everything that it rests on."""
    return verdict_of(session, run_id)


def verdict_of(session: Session, run_id: int) -> VerdictDocument:
    """Return the document of a run.

    Raises:
        NotFoundError: there is no such run.
    """
    judged = found(get_judged(session, run_id), "run", run_id)
    run, stored = judged.run, judged.run.evidence
    changes = queries.list_changes(session, [run.id])
    logs = _Logs(session, judged.steps)
    tests = _Tests(session, run, logs)
    return VerdictDocument(
        run_id=run.id,
        url=f"/runs/{run.id}",
        revision=_revision(run),
        base=_base(run),
        **{name: getattr(run, name) for name in SAME},
        accelerator=stored.get("accelerator"),
        config=logs.named("config"),
        selection=_selected(run.selection),
        not_built=_selected(stored.get("not_built", ())),
        steps=_steps(judged, run, logs),
        baseline=_baseline(judged, logs),
        counts=change_counts(session, [run.id])[run.id],
        reasons=[_reason(one) for one in stored.get("reasons", ())],
        blamed=tests.parts(one for one in changes if one.kind.blamed),
        excused=tests.parts(one for one in changes if one.kind in EXCUSED),
        disappeared=[_test(one) for one in changes if one.kind is ChangeClass.DISAPPEARED],
        not_run=[_test(one) for one in changes if one.kind is ChangeClass.NOT_RUN],
        events=[EventPart.model_validate(one) for one in stored.get("events", ())],
        refusal=stored.get("apply"),
        build_errors=stored.get("build", {}).get("errors", []),
        since=_since(judged),
        patches=_patches(judged.patches),
    )


class _Logs:
    """Addresses of the logs of some steps."""

    def __init__(self, session: Session, steps: Sequence[Step]) -> None:
        self._steps = {step.id: step for step in steps}
        self._names: dict[int, list[str]] = defaultdict(list)
        for line in log_queries.list_logs(session, list(self._steps)):
            self._names[line.step_id].append(line.name)

    def of(self, step: Step) -> list[str]:
        """Return those of one step."""
        return [_log_url(step.id, name) for name in self._names[step.id]]

    def of_boot(self, result: Result) -> str | None:
        """Return that of the boot that a result is of."""
        name = log_name(result.boot, on_base=result.on_base)
        for step in self._steps.values():
            if (step.run_id, step.attempt) == (result.run_id, result.attempt) and name in self._names[step.id]:
                return _log_url(step.id, name)
        return None

    def named(self, name: str) -> str | None:
        """Return the first of that name: the run's own, else its baseline's."""
        return next((_log_url(step, name) for step, names in self._names.items() if name in names), None)


class _Tests:
    """Tests of a run with what their classes rest on."""

    def __init__(self, session: Session, run: Run, logs: _Logs) -> None:
        self._session, self._run, self._logs = session, run, logs
        self._weighed = {_key(one["key"]): one for one in run.evidence.get("weighed", ())}
        reasons = run.evidence.get("reasons", ())
        self._excerpts = {_key(one["key"]): one.get("excerpt") or "" for one in reasons if one.get("key")}

    def parts(self, changes: Iterable[Change]) -> list[TestPart]:
        """Return these tests, each with the results that the judge saw."""
        wanted = list(changes)
        refs = [(one.test_id, one.ordinal) for one in wanted]
        runs = (self._run, *([self._run.baseline] if self._run.baseline is not None else []))
        results = [one for run in runs for one in queries.results_of_tests(self._session, run.id, refs, details=False)]
        seen: dict[tuple[int, int], list[Result]] = defaultdict(list)
        for one in results:
            seen[one.test_id, one.ordinal].append(one)
        return [self._part(change, seen[change.test_id, change.ordinal]) for change in wanted]

    def _part(self, change: Change, results: Sequence[Result]) -> TestPart:
        key = TestKey(suite=change.test.suite, name=change.test.name, ordinal=change.ordinal)
        weighed = self._weighed.get(key, {})
        observations = [self._observation(one) for one in results if self._counted(one, change)]
        failed = [one for one in observations if one.side is Side.PATCHED and one.outcome.failed]
        return TestPart.model_validate(
            {
                **_test(change).model_dump(),
                "test_id": change.test_id,
                "class": change.kind,
                "reason": change.reason,
                "message": change.message,
                "excerpt": self._excerpts.get(key, ""),
                "confirmed": len(failed) > 1,
                "observations": observations,
                "history": weighed.get("history"),
                "ignored": weighed.get("ignore"),
            }
        )

    def _counted(self, result: Result, change: Change) -> bool:
        """Tell whether the judge saw this result: of the attempt that counts, or of the judge's own boots."""
        if result.boot:
            return result.run_id == change.run_id and result.attempt == change.attempt
        run = self._run if result.run_id == self._run.id else self._run.baseline
        return run is not None and result.attempt == run.results_attempt

    def _observation(self, result: Result) -> ObservationPart:
        of_base = result.on_base or result.run_id != self._run.id
        return ObservationPart(
            run_id=result.run_id,
            attempt=result.attempt,
            boot=result.boot,
            side=Side.BASE if of_base else Side.PATCHED,
            outcome=result.outcome,
            message=result.message,
            log=self._logs.of_boot(result),
            log_start=result.log_start,
            log_end=result.log_end,
        )


def _log_url(step_id: int, name: str) -> str:
    return f"/api/v1/steps/{step_id}/logs/{name}"


def _key(stored: Stored) -> TestKey:
    return TestKey(suite=stored["suite"], name=stored["name"], ordinal=stored["ordinal"])


def _test(change: Change) -> TestShape:
    return TestShape(suite=change.test.suite, name=change.test.name, ordinal=change.ordinal)


def _revision(run: Run) -> RevisionPart | None:
    one = run.revision
    if one is None:
        return None
    return RevisionPart(id=one.id, series_id=one.series_id, label=one.label, title=one.title, root_id=one.root_id)


def _base(run: Run) -> BasePart:
    first = [PrerequisiteShape.model_validate(one) for one in run.applied_first]
    return BasePart(tree=run.tree, commit=run.base_commit, reason=run.base_reason, applied_first=first)


def _selected(stored: Iterable[Stored]) -> list[SelectedPart]:
    return [SelectedPart(test=one["test"], reason=one.get("reason") or "") for one in stored]


def _steps(judged: Judged, run: Run, logs: _Logs) -> list[StepPart]:
    return [
        StepPart(step=one.name, outcome=one.outcome, summary=one.summary, logs=logs.of(one))
        for one in judged.steps_of(run)
    ]


def _baseline(judged: Judged, logs: _Logs) -> BaselinePart | None:
    run, baseline = judged.run, judged.run.baseline
    if baseline is None:
        return None
    return BaselinePart(
        run_id=baseline.id,
        url=f"/api/v1/runs/{baseline.id}",
        finished_at=baseline.finished_at,
        same_toolchain=run.toolchain == baseline.toolchain,
        same_selection=run.inputs_key == baseline.inputs_key,
        steps=_steps(judged, baseline, logs),
    )


def _reason(one: Stored) -> ReasonPart:
    test = TestShape(**one["key"]) if one.get("key") else None
    return ReasonPart(text=one.get("text") or "", test=test, excerpt=one.get("excerpt") or "")


def _since(judged: Judged) -> SincePart | None:
    stored, before = judged.run.evidence, judged.before
    since, label = stored.get("since"), stored.get("previous")
    if not since or not label:
        return None
    lists = {
        which: [TestShape(**one) for one in since.get(which, ())]
        for which in ("fixed", "broken", "still_broken", "unknown")
    }
    here = (judged.run.tree, judged.run.base_commit)
    same = None if before is None else (before.tree, before.base_commit) == here
    return SincePart(
        label=label, run_id=before.id if before else None, same_base=same, **lists, caveats=since.get("caveats", [])
    )


def _patches(check: PatchCheck | None) -> PatchesPart | None:
    if check is None:
        return None
    return PatchesPart(state=check.state, findings=check.findings, trouble=check.trouble)
