"""patches: each patch of a judged series on its own: does it build, what does it warn of, what does it break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from app.config import ProfileSettings
from app.db.queries.logs import log_size, read_log, step_with_log
from app.domain.build_warnings import KERNEL_BEGINS
from app.domain.diff import parse_files
from app.domain.flake import USUAL_RUNS
from app.domain.message import parse_message, patch_mail
from app.domain.outcome import Outcome, Step, TestKey
from app.domain.patches import Finding
from app.domain.regression import observe
from app.domain.sentence import plural
from app.errors import InfrastructureError, PatchDoesNotApplyError
from app.services import execution, patches
from app.services.execution import Job
from app.services.judging import RunFacts
from app.services.patches import Heard, Trial
from app.services.precedents import Precedents, find_precedents
from app.services.records import BootKey
from workers.context import Context
from workers.ports import Base, Checkout, PatchAdvice, Steps
from workers.recorder import Recorder, StepRecord
from workers.steps.apply import base_tree
from workers.steps.first_bad import Begun, first_bad, subjects_of
from workers.steps.lives import Lives
from workers.steps.patch_builds import Built, Line, Whole, build_each, build_findings, warnings_of
from workers.steps.patch_tests import boot_each, passing_trouble, tests_of
from workers.steps.prober import Prober

log = structlog.get_logger(__name__)

MOST_TOLD = 3
MOST_LOG = 16_000_000
"""Bytes read of the log of the whole series' build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What trying the patches of a run has shown. `passed` are blamed tests that passed with the whole series now."""

    findings: tuple[Finding, ...] = ()
    passed: tuple[TestKey, ...] = ()


async def try_patches(context: Context, recorder: Recorder) -> Shown:
    """Try the patches of one run; what came of each is stored as it comes, what all of them show is returned.

    Where a blamed test passes after all nothing further is tried: the run is to be judged again.

    Raises:
        InfrastructureError: trouble of ours.
        FencedError: another attempt has taken over.
    """
    run_id = recorder.held.run_id
    with context.sessions() as session:
        heard, job = patches.hear(session, run_id), execution.load_job(session, run_id)
        whole = _whole(session, heard)
    profile = context.settings.profiles[job.profile]
    async with recorder.step(Step.PATCHES) as record:
        base = Base(commit=job.base_commit, reason=job.base_reason)
        async with context.trees.checkout(context.tree(job.tree), base) as checkout:
            line = await _line(checkout, job)
            async with context.stepping.over(checkout, profile, files=job.files) as steps:
                tried = _Tried(context=context, recorder=recorder, record=record, profile=profile, job=job)
                shown = await tried.all(steps, line, whole, heard)
        record.summary = _summary(line, list(tried.trials.values()), shown)
    return shown


def _whole(session: Session, heard: Heard) -> Whole:
    """Return how the run's own build went, with its log from where the patches' own begins."""
    step = step_with_log(session, heard.run.run_id, "build")
    text = ""
    if step is not None:
        size = log_size(session, step, "build") or 0
        data = b"".join(read_log(session, step, "build", max(0, size - MOST_LOG), size))
        _, begins, after = data.decode("utf-8", "replace").partition(KERNEL_BEGINS)
        text = begins + after
    return Whole(builds=heard.run.built, errors=heard.errors, log=text)


async def _line(checkout: Checkout, job: Job) -> Line:
    """Apply the series patch by patch: git-am(1) leaves out what the tree has already."""
    commits = [await base_tree(checkout, job)]
    mails = [patch_mail(parse_message(patch.raw)) for patch in job.patches]
    try:
        top = await checkout.am(mails)
        found = await checkout.below(top, commits[0])
        if len(found) != len(mails):
            await checkout.to(commits[0])
            found = tuple([await checkout.am([mail]) for mail in mails])
    except PatchDoesNotApplyError as error:
        raise InfrastructureError(f"run {job.run_id} applied before and does not here: {error}") from error
    diffs = tuple(parse_files(patch.diff) for patch in job.patches)
    return Line(patches=job.patches, diffs=diffs, commits=(*commits, *found))


class _Tried:
    """What came of the patches of one run so far."""

    def __init__(
        self, *, context: Context, recorder: Recorder, record: StepRecord, profile: ProfileSettings, job: Job
    ) -> None:
        self._context = context
        self._recorder = recorder
        self._record = record
        self._profile = profile
        self._job = job
        self.trials: dict[int, Trial] = {}

    async def all(self, steps: Steps, line: Line, whole: Whole, heard: Heard) -> Shown:
        """Try everything, what may turn a verdict first."""
        built = await build_each(self._record, steps, line, whole)
        self._store([_trial(one) for one in built])
        findings = build_findings(line, built)
        warned = await warnings_of(self._record, steps, line, built, warn=self._profile.warnings)
        self._store([replace(self.trials[at], warnings=tuple(found)) for at, found in warned.items()])
        tested = await self._tests(steps, line, built, heard)
        if not tested.passed:
            await self._advice(steps, line, heard)
        return replace(tested, findings=(*findings, *tested.findings))

    async def _tests(self, steps: Steps, line: Line, built: Sequence[Built], heard: Heard) -> Shown:
        if heard.baseline is None or not heard.run.built or heard.lacking:
            return Shown()  # what fails without what it needs is nobody's doing
        prober = Prober(
            machine=self._context.machine,
            builder=self._context.builder,
            profile=self._profile,
            steps=steps,
            line=line,
            files=self._job.files,
            run=heard.run,
            baseline=heard.baseline,
            log=self._record.log("boots"),
            untouched=frozenset(one.position for one in built if one.outcome is Outcome.SKIP),
            unbuilt={one.position for one in built if one.outcome is Outcome.FAIL},
        )
        lives = await boot_each(prober, built) if self._profile.patches == "test" else {}
        self._store(
            [
                replace(self.trials[at], tests=tests_of(life, heard.baseline, self._job.files))
                for at, life in lives.items()
            ]
        )
        begun = await first_bad(prober, subjects_of(heard), lives)
        if begun.passed:
            self._keep(begun)
            return Shown(passed=begun.passed)
        if line.length < 2:
            return Shown()  # a single patch is the series
        known = self._known(lives, heard.baseline)
        flaky = {key for key, one in known.histories.items() if one.flaky and one.explains_failures(USUAL_RUNS)}
        others = flaky.union((one.key for one in heard.blamed), heard.gone, known.ignored)
        passing = await passing_trouble(
            prober, lives, but=frozenset(others), boots=heard.run.booted, histories=known.histories
        )
        return Shown(findings=(*begun.findings, *passing))

    def _keep(self, begun: Begun) -> None:
        """Store what the whole series' tests did, for the judge; where in a log that was is not kept."""
        for boot, results in enumerate(begun.whole, start=1):
            for one in results:
                self._record.result(BootKey(boot=boot), replace(one, log_start=None, log_end=None))

    def _known(self, lives: Mapping[int, Lives], baseline: RunFacts) -> Precedents:
        """Return what is known of the tests that fail in boots of single patches."""
        base, patched = observe([baseline.results]), observe(life.results for life in lives.values())
        with self._context.sessions() as session:
            return find_precedents(session, self._job.run_id, baseline=base, patched=patched)

    async def _advice(self, steps: Steps, line: Line, heard: Heard) -> None:
        """Ask the tree's scripts; advice that cannot be had is no trouble."""
        mails = [patch_mail(parse_message(patch.raw)) for patch in line.patches]
        try:
            advice = await steps.advice(line.commits[0], mails)
        except InfrastructureError as error:
            log.warning("no advice", run=self._job.run_id, error=str(error))
            return
        told = zip(line.patches, advice, strict=True)
        self._store(
            [
                replace(self.trials[at], advice=_advice(one, heard.addressed.get(patch.position, frozenset())))
                for at, (patch, one) in enumerate(told, start=1)
            ]
        )

    def _store(self, trials: Sequence[Trial]) -> None:
        self.trials |= {one.position: one for one in trials}
        self._recorder.write(lambda session: patches.store(session, self._recorder.held, trials))


def _trial(one: Built) -> Trial:
    return Trial(
        position=one.position,
        outcome=one.outcome,
        parts=one.parts,
        reason=one.reason,
        errors=one.errors,
        duration_s=one.duration_s,
    )


def _advice(one: PatchAdvice, addressed: frozenset[str]) -> dict[str, object]:
    missing = None if one.people is None else patches.not_addressed(one.people, addressed)
    return {"checkpatch": None if one.remarks is None else list(one.remarks), "missing": missing}


def _summary(line: Line, trials: Sequence[Trial], shown: Shown) -> str:
    """Say what came of all, in one line."""
    built = sum(one.outcome is Outcome.PASS for one in trials)
    failed = sum(one.outcome is Outcome.FAIL for one in trials)
    booted = sum(one.tests is not None for one in trials)
    warned = sum(len(one.warnings) for one in trials)
    said = [f"{plural(line.length, 'patch', 'patches')}: {built} build"]
    said += [f"{failed} not"] * bool(failed)
    said += [f"{booted} booted"] * bool(booted)
    said += [plural(warned, "new warning")] * bool(warned)
    told = [one.sentence for one in shown.findings[:MOST_TOLD]]
    told += [f"{one} passes with the series, too: to be judged again" for one in shown.passed[:MOST_TOLD]]
    return "; ".join([", ".join(said), *told])
