"""One attempt at a run, from the patches to the results: apply, build, boot, selftests."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from app.config import ProfileSettings
from app.domain.outcome import Outcome, Step, TestResult
from app.domain.suites import FLAVOURS, origin, read
from app.errors import BuildFailedError, InfrastructureError, PatchDoesNotApplyError
from app.services.execution import Findings, Job
from app.services.first_verdict import SoFar, say_first
from workers.context import Context
from workers.ports import Base, Image
from workers.recorder import Recorder
from workers.steps.apply import apply
from workers.steps.build import build
from workers.steps.compare import compare_with_neighbours
from workers.steps.lives import Lives, lives_of
from workers.steps.selftests import Boots, boot_and_test

MESSAGE_CHARS = 300


async def execute(context: Context, recorder: Recorder, job: Job) -> Findings:
    """Work through the steps; what goes wrong by the series' doing is a finding, trouble of ours is raised.

    Raises:
        InfrastructureError: trouble of ours; the step that met it says so.
        FencedError: another attempt has taken this run over.
    """
    profile = _profile(context, job)
    found = await _work_through(context, recorder, job, profile)
    return replace(found, facts={**found.facts, "profile": profile.model_dump(mode="json")})


async def _work_through(context: Context, recorder: Recorder, job: Job, profile: ProfileSettings) -> Findings:
    tree = context.tree(job.tree)
    base = Base(commit=job.base_commit, reason=job.base_reason)
    async with AsyncExitStack() as held:
        try:
            async with recorder.step(Step.APPLY) as record:
                checkout = await held.enter_async_context(context.trees.checkout(tree, base))
                commit = await apply(record, checkout, job)
        except PatchDoesNotApplyError:
            refusal = dict(record.detail)
            first = refusal.pop("first", [])
            return _findings(reached=Step.APPLY, facts={"apply": refusal, "first": first}, toolchain=None)
        first = record.detail.get("first", [])
        await compare_with_neighbours(context.differ, recorder, checkout, job=job, commit=commit)
        try:
            async with recorder.step(Step.BUILD) as record:
                image = await build(record, context.builder, checkout, profile, job=job, commit=commit)
        except BuildFailedError:
            facts = {"build": record.detail, "commit": commit, "first": first}
            tools = await context.builder.inputs(profile)
            return _findings(reached=Step.BUILD, applied=True, facts=facts, toolchain=tools)
    tests = [name for name in image.tests if job.only is None or name in job.only]
    boots = Boots(machine=context.machine, image=image, profile=profile, symbols=context.symbols)
    saying = None if job.label is None else partial(_say_first, recorder)
    life = await boot_and_test(recorder, boots, tests=tests, skipped=_skipped(image, job), say_first=saying)
    return _lived(image, life, commit=commit, first=first)


async def _say_first(recorder: Recorder, so_far: SoFar) -> None:
    # Of a baseline with thousands of results: in a thread, for the machine's ports are read meanwhile.
    await asyncio.to_thread(recorder.write, lambda session: say_first(session, recorder.held, so_far))


def _skipped(image: Image, job: Job) -> list[TestResult]:
    """Return the tests that are skipped because they cannot work with what this host has, or be built with it.

    The latter are such as test_progs itself calls `SKIP (not built)`: it is told of none of them.
    """
    not_built = [(test, f"not built: {why}") for test, why in image.not_built if test not in image.absent]
    found = [(read(test), why) for test, why in (*image.unfit, *not_built) if job.only is None or test in job.only]
    return [
        TestResult(suite=suite, name=name, outcome=Outcome.SKIP, message=why[:MESSAGE_CHARS])
        for (suite, name), why in found
        if suite in FLAVOURS
    ]


def _profile(context: Context, job: Job) -> ProfileSettings:
    try:
        return context.settings.profiles[job.profile]
    except KeyError:
        raise InfrastructureError(
            f"this worker's settings have no profile {job.profile!r}; its TOML differs from the one in use"
        ) from None


def _findings(
    *, reached: Step, applied: bool = False, facts: dict[str, Any], toolchain: dict[str, str] | None
) -> Findings:
    return Findings(
        reached=reached, applied=applied, built=False, booted=False, complete=False, facts=facts, toolchain=toolchain
    )


def _lived(image: Image, life: Lives, *, commit: str, first: Sequence[Mapping[str, Any]]) -> Findings:
    return Findings(
        reached=Step.SELFTESTS if life.ready else Step.BOOT,
        applied=True,
        built=True,
        booted=life.ready,
        complete=life.complete,
        facts={
            "commit": commit,
            "first": list(first),
            "image": image.key,
            "ending": life.boot.ending,
            "accelerator": life.boot.accelerator,
            "events": [asdict(event) for event in life.events],
            "tally": asdict(life.tally),
            "lives": lives_of(life),
            "not_built": [
                {"test": name, "reason": why, "absent": name in image.absent} for name, why in image.not_built
            ],
            "unfit": [{"test": name, "reason": why} for name, why in image.unfit],
            "ran": sorted({origin(one.suite, one.name) for one in life.results if one.outcome is not Outcome.MISS}),
        },
        selection=tuple({"test": name, "reason": why} for name, why in image.selection),
        toolchain=image.toolchain,
    )
