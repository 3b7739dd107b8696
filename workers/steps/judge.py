"""judge: confirm what looks like the series' doing, then compare and rule."""

from collections.abc import Sequence

from app.config import ProfileSettings
from app.domain.outcome import Outcome, Step, TestKey, TestResult
from app.domain.regression import ABSENT, Change, Observations, candidates, compare, observe, top_level
from app.domain.verdict import Case
from app.domain.verdict import judge as rule
from app.errors import BuildFailedError, InfrastructureError, PatchDoesNotApplyError
from app.services import execution, judging
from app.services.execution import Job
from app.services.judging import Hearing, Ruling, RunFacts
from app.services.records import BootKey
from workers.context import Context
from workers.ports import Base, Image
from workers.recorder import Recorder, StepRecord
from workers.steps.apply import apply_mails
from workers.steps.build import image_of
from workers.steps.selftests import boot_quietly

CONFIRMATIONS = 2
"""How often each candidate is run again on each side, alone, in a fresh machine (docs/ARCHITECTURE.md, Judging)."""
MOST_ALONE = 8
"""With more suspects than this something general broke: they share a machine, for a reply within the hour."""


async def judge(context: Context, recorder: Recorder) -> Ruling:
    """Judge one run; the confirming boots' results are stored with the step.

    Raises:
        InfrastructureError: an image to confirm with could not be had, or a machine would not start.
        FencedError: another judge has taken over.
    """
    run_id = recorder.held.run_id
    with context.sessions() as session:
        hearing = judging.hear(session, run_id)
        job = execution.load_job(session, run_id)
    async with recorder.step(Step.JUDGE) as record:
        again = await _confirm(context, record, hearing, job) if _reached_tests(hearing) else ((), ())
        ruling = _rule(hearing, *again)
        record.summary = ruling.judgement.sentence
        record.detail = {"confirmed": len(again[0])}
    return ruling


def _reached_tests(hearing: Hearing) -> bool:
    return bool(hearing.run.results and hearing.baseline and hearing.baseline.results)


def _rule(
    hearing: Hearing, patched_again: Sequence[Sequence[TestResult]], base_again: Sequence[Sequence[TestResult]]
) -> Ruling:
    baseline, run = hearing.baseline, hearing.run
    changes: tuple[Change, ...] = ()
    if baseline is not None and run.results:
        changes = compare(
            observe([baseline.results, *base_again]),
            observe([run.results, *patched_again]),
            baseline_complete=baseline.complete,
            patched_complete=run.complete,
        )
    since = judging.since_previous(hearing, changes)
    judgement = rule(
        Case(
            label=hearing.label,
            run=run.steps,
            baseline=None if baseline is None else baseline.steps,
            changes=changes,
            console=run.console,
            baseline_console=() if baseline is None else baseline.console,
            previous=hearing.previous,
            since=since,
        )
    )
    return Ruling(judgement=judgement, changes=changes, since=since, previous=hearing.previous)


async def _confirm(
    context: Context, record: StepRecord, hearing: Hearing, job: Job
) -> tuple[list[list[TestResult]], list[list[TestResult]]]:
    """Run the suspects again; return their results, a list a boot, on the patched and on the unpatched image."""
    assert hearing.baseline is not None
    base, patched = observe([hearing.baseline.results]), observe([hearing.run.results])
    suspects = candidates(base, patched)
    news = tuple(sorted(key for key, seen in patched.items() if _is_new_failure(seen, base.get(key, ABSENT))))
    if not suspects and not news:
        return [], []
    profile = context.settings.profiles[job.profile]
    on_patched = await _image(context, hearing.run, job, patched=True)
    again = await _boots(context, record, on_patched, profile, (*suspects, *news), on_base=False)
    if not suspects:
        return again, []
    on_base = await _image(context, hearing.baseline, job, patched=False)
    return again, await _boots(context, record, on_base, profile, suspects, on_base=True)


def _is_new_failure(seen: Observations, before: Observations) -> bool:
    return bool(seen.failures) and not seen.aggregate and not before.telling


async def _boots(
    context: Context,
    record: StepRecord,
    image: Image,
    profile: ProfileSettings,
    suspects: Sequence[TestKey],
    *,
    on_base: bool,
) -> list[list[TestResult]]:
    """Boot each suspect alone, `CONFIRMATIONS` times; return the suspects' results, a list a boot."""
    names = top_level(suspects)
    groups = [(name,) for name in names] if len(names) <= MOST_ALONE else [names]
    wanted, seen = set(suspects), []
    for number in range(1, CONFIRMATIONS + 1):
        results: list[TestResult] = []
        for group in groups:
            life = await boot_quietly(context.machine, image, profile, tests=group)
            if not life.end.ready:
                raise InfrastructureError(f"a confirming machine did not start: {life.boot.ending}")
            results += [one for one in life.results if one.key in wanted and one.outcome is not Outcome.MISS]
        for one in results:
            record.result(BootKey(boot=number, on_base=on_base), one)
        seen.append(results)
    return seen


async def _image(context: Context, facts: RunFacts, job: Job, *, patched: bool) -> Image:
    """Return a run's image: the kept one, or built again where this host has none (another host built it)."""
    kept = await context.builder.find(facts.image) if facts.image else None
    if kept is not None:
        return kept
    profile = context.settings.profiles[job.profile]
    base = Base(commit=job.base_commit, reason=job.base_reason)
    try:
        async with context.trees.checkout(context.tree(job.tree), base) as checkout:
            commit = await apply_mails(checkout, job) if patched else base.commit
            return await image_of(context.builder, checkout, profile, files=job.files, commit=commit)
    except (BuildFailedError, PatchDoesNotApplyError) as error:
        raise InfrastructureError(f"run {facts.run_id} built before and does not build again here: {error}") from error
