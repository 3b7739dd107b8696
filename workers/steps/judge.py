"""judge: confirm what looks like the series' doing, then compare and rule."""

from collections.abc import Sequence

from app.domain.complained import came_again, doubtful, unknown
from app.domain.confirming import in_doubt, unlike_elsewhere
from app.domain.console import ConsoleEvent
from app.domain.outcome import Step, TestKey
from app.domain.regression import Change, candidates, compare, top_level
from app.domain.verdict import Case
from app.domain.verdict import judge as rule
from app.services import execution, judging
from app.services.judging import Hearing, Ruling
from app.services.precedents import Precedents, find_complaints, find_precedents
from workers.context import Context
from workers.recorder import Recorder
from workers.steps.again import Again, JudgeBoots, sides
from workers.steps.confirm import Confirmer
from workers.steps.machines import Machines


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
        again, precedents = Again(), Precedents()
        doubted: Sequence[TestKey] = ()
        boots = JudgeBoots(context=context, record=record, job=job)
        machines, confirmer = Machines(boots=boots), Confirmer(boots=boots)
        hearing = await machines.ends(hearing, again)
        if hearing.baseline and hearing.baseline.results and (hearing.run.results or again.patched):
            with context.sessions() as session:
                base, patched = sides(hearing, again)
                precedents = find_precedents(session, run_id, baseline=base, patched=patched)
            doubted = await confirmer.suspects(hearing, again, precedents)
        fresh = unknown(hearing.run.console, hearing.baseline.console) if hearing.baseline else ()
        with context.sessions() as session:
            heard = find_complaints(session, run_id, fresh)
        await machines.complaints(hearing, again, heard)
        complaints = [one for one in fresh if came_again(one, again.looks, again.base_looks)]
        base, patched = sides(hearing, again)
        sure = {key for key in candidates(base, patched) if not patched[key].mixed}.difference(
            doubted, precedents.ignored, precedents.elsewhere
        )
        looks = again.looks, again.base_looks
        vague = [one for one in complaints if doubtful(one, *looks, heard[one.fingerprint], top_level(sure))]
        ruling = _rule(hearing, again, precedents, doubted=doubted, complaints=complaints, vague=vague)
        record.summary = ruling.judgement.sentence
        record.detail = {"boots_again": {"patched": len(again.patched), "base": len(again.base)}}
    return ruling


def _rule(
    hearing: Hearing,
    again: Again,
    precedents: Precedents,
    *,
    doubted: Sequence[TestKey],
    complaints: Sequence[ConsoleEvent],
    vague: Sequence[ConsoleEvent],
) -> Ruling:
    baseline, run = hearing.baseline, hearing.run
    changes: tuple[Change, ...] = ()
    if baseline is not None and (run.results or again.patched):
        changes = compare(
            *sides(hearing, again),
            baseline_complete=baseline.complete,
            patched_complete=run.complete,
            not_built=(baseline.not_built, run.not_built),
            histories=precedents.histories,
            ignored=precedents.ignored,
        )
        changes = in_doubt(unlike_elsewhere(changes, precedents.elsewhere), doubted)
    since = judging.since_previous(hearing, changes)
    judgement = rule(
        Case(
            label=hearing.label,
            run=run.steps,
            baseline=None if baseline is None else baseline.steps,
            changes=changes,
            console=tuple(one for one in complaints if one not in vague),
            baseline_console=() if baseline is None else baseline.console,
            doubtful=tuple(vague),
            previous=hearing.before.label if hearing.before else None,
            since=since,
            alike=not (hearing.before and hearing.before.caveats),
            first=hearing.first,
            lacking=hearing.lacking,
        )
    )
    return Ruling(judgement=judgement, changes=changes, since=since, before=hearing.before)
