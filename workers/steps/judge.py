"""judge: confirm what looks like the series' doing, then compare and rule."""

from collections.abc import Sequence

from app.domain.complained import doubtful
from app.domain.console import ConsoleEvent
from app.domain.outcome import Step
from app.domain.regression import Change, compare
from app.domain.verdict import Case
from app.domain.verdict import judge as rule
from app.services import execution, judging
from app.services.judging import Hearing, Ruling
from app.services.precedents import Precedents, find_complaints, find_precedents
from workers.context import Context
from workers.recorder import Recorder
from workers.steps.confirm import Again, Confirmer, sides


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
        confirmer = Confirmer(context=context, record=record, job=job)
        hearing = await confirmer.whole(hearing, again)
        if hearing.baseline and hearing.baseline.results and (hearing.run.results or again.patched):
            with context.sessions() as session:
                base, patched = sides(hearing, again)
                precedents = find_precedents(session, run_id, baseline=base, patched=patched)
            await confirmer.suspects(hearing, again, precedents)
        complaints = confirmer.recurring(hearing, again)
        with context.sessions() as session:
            histories = find_complaints(session, run_id, complaints)
        doubted = [one for one in complaints if doubtful(one, again.looks, histories[one.fingerprint])]
        ruling = _rule(hearing, again, precedents, complaints=complaints, doubted=doubted)
        record.summary = ruling.judgement.sentence
        record.detail = {"boots_again": {"patched": len(again.patched), "base": len(again.base)}}
    return ruling


def _rule(
    hearing: Hearing,
    again: Again,
    precedents: Precedents,
    *,
    complaints: Sequence[ConsoleEvent],
    doubted: Sequence[ConsoleEvent],
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
    since = judging.since_previous(hearing, changes)
    judgement = rule(
        Case(
            label=hearing.label,
            run=run.steps,
            baseline=None if baseline is None else baseline.steps,
            changes=changes,
            console=tuple(one for one in complaints if one not in doubted),
            baseline_console=() if baseline is None else baseline.console,
            doubtful=tuple(doubted),
            previous=hearing.before.label if hearing.before else None,
            since=since,
            alike=not (hearing.before and hearing.before.caveats),
            first=hearing.first,
            lacking=hearing.lacking,
        )
    )
    return Ruling(judgement=judgement, changes=changes, since=since, before=hearing.before)
