"""Seeing twice what a series may be blamed for: the whole machine when it died or complained, else suspects alone."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.config import ProfileSettings
from app.domain import confirming
from app.domain.flake import MOST_RUNS, USUAL_RUNS
from app.domain.outcome import Outcome, Step, TestKey, TestResult
from app.domain.regression import Side, candidates, observe, top_level
from app.domain.test_output import log_name
from app.domain.verdict import StepOutcome
from app.errors import BuildFailedError, InfrastructureError, PatchDoesNotApplyError
from app.services.execution import Job
from app.services.judging import Hearing, RunFacts
from app.services.precedents import Precedents
from app.services.records import BootKey
from workers.context import Context
from workers.ports import Base, Ending, Image
from workers.recorder import StepRecord
from workers.steps.apply import base_tree, patched_tree
from workers.steps.build import image_of
from workers.steps.lives import Lives, QuietLog
from workers.steps.selftests import boot_quietly

MOST_ALONE = 8
"""With more suspects than this something general broke: they share a machine, for a reply within the hour."""


@dataclass(slots=True, kw_only=True)
class Again:
    """What was seen again: results a boot, on the patched and on the unpatched image, and their kernels' complaints.

    `complained` and `base_complained` are fingerprints (app.domain.console).
    """

    patched: list[Sequence[TestResult]] = field(default_factory=list)
    base: list[Sequence[TestResult]] = field(default_factory=list)
    complained: set[str] = field(default_factory=set)
    base_complained: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Boots again for one judge."""

    context: Context
    record: StepRecord
    job: Job

    async def whole(self, hearing: Hearing, again: Again) -> Hearing:
        """Boot the patched image once more where it died or complained; return the hearing with the better end of both.

        What happens once only is no one's doing: a death or a complaint counts when it comes again. Where the first
        life did not reach userspace, the base has to reach it now, under the same conditions. A machine whose killers
        are known was not cut off: these are suspects as any test that fails.

        Raises:
            InfrastructureError: an image cannot be had, or the base does not boot now though it did before.
        """
        run, baseline = hearing.run, hearing.baseline
        if baseline is None or not run.built or not baseline.booted:
            return hearing
        if run.booted and not baseline.complete:
            return hearing  # the base's machine does not live to the end either: nobody is blamed for this one's death
        if run.complete:
            await self._complaints(hearing, baseline, again)
            return hearing
        image = await self._image(run, patched=True)
        if not run.booted:
            life = await self._boot(await self._image(baseline, patched=False), image.tests[:1])
            if not life.ready:
                raise InfrastructureError(f"the base booted before and does not now: {life.boot.ending}")
        log = self._log(again.patched, on_base=False, verbose=False)
        life = await self._boot(image, image.tests if hearing.only is None else hearing.only, log)
        if life.boot.ending is Ending.TIME_LIMIT:
            raise InfrastructureError(f"the tests were not through after {life.boot.wall_s:.0f} s when they ran again")
        self._keep(again.patched, life.results, on_base=False)
        again.complained |= {event.fingerprint for event in life.events}
        return dataclasses.replace(hearing, run=_both(run, life))

    async def _complaints(self, hearing: Hearing, baseline: RunFacts, again: Again) -> None:
        """Run what the patched kernel complained in again, on both sides: alone, and whole if it does not come then.

        What a suspect did is seen when that is run again.
        """
        known = {event.fingerprint for event in baseline.console}
        suspects = set(top_level(candidates(*sides(hearing, again))))
        events = [one for one in hearing.run.console if one.fingerprint not in known and one.test not in suspects]
        if not events:
            return
        image = await self._image(hearing.run, patched=True)
        of_run = image.tests if hearing.only is None else hearing.only
        named = {test for one in events for test in (one.perhaps, one.test)}
        alone = tuple(test for test in of_run if test in named)
        wanted = {one.fingerprint for one in events}
        for tests in (alone, of_run) if alone and None not in {one.test for one in events} else (of_run,):
            life = await self._boot(image, tests)
            again.complained |= {event.fingerprint for event in life.events}
            if wanted <= again.complained:
                break
        if wanted & again.complained:
            life = await self._boot(await self._image(baseline, patched=False), tests)
            again.base_complained |= {event.fingerprint for event in life.events}

    def settled(self, hearing: Hearing, again: Again) -> Hearing:
        """Return the hearing with those complaints alone that came again, and not without the patches too."""
        if hearing.baseline is None:
            return hearing
        known = {event.fingerprint for event in hearing.baseline.console}
        console = tuple(
            event
            for event in hearing.run.console
            if event.fingerprint in known
            or (event.fingerprint in again.complained and event.fingerprint not in again.base_complained)
        )
        return dataclasses.replace(hearing, run=dataclasses.replace(hearing.run, console=console))

    async def suspects(self, hearing: Hearing, again: Again, precedents: Precedents) -> None:
        """Run the tests that look like the series' doing again, alone, twice on each side.

        One that is known to fail by itself is run further on the patched side, until chance explains no more that it
        always fails. Of very many, a sample is run again; the rest only where the sample is not all of one kind.

        Raises:
            InfrastructureError: an image cannot be had, or a machine does not start.
        """
        base, patched = sides(hearing, again)
        both = confirming.suspects(base, patched, ignored=precedents.ignored)
        news = confirming.new_failures(base, patched, ignored=precedents.ignored)
        first = confirming.sample((*both, *news))
        await self._twice(hearing, again, first, on_both=both)
        if first and not confirming.seen_again(sides(hearing, again)[1], first):
            raise InfrastructureError(f"none of {len(first)} tests that failed had a result when it was run again")
        rest = tuple(key for key in (*both, *news) if key not in set(first))
        if rest and not confirming.all_alike(*sides(hearing, again), first):
            await self._twice(hearing, again, rest, on_both=both)
        for _ in range(USUAL_RUNS, MOST_RUNS):
            doubted = confirming.once_more(*sides(hearing, again), both, precedents.histories)
            if not doubted:
                return
            await self._alone(await self._image(hearing.run, patched=True), doubted, again, on_base=False)

    async def _twice(
        self, hearing: Hearing, again: Again, keys: Sequence[TestKey], *, on_both: Sequence[TestKey]
    ) -> None:
        if not keys:
            return
        image = await self._image(hearing.run, patched=True)
        for _ in range(USUAL_RUNS):
            await self._alone(image, keys, again, on_base=False)
        shared = set(on_both).intersection(keys)
        if shared and hearing.baseline is not None:
            image = await self._image(hearing.baseline, patched=False)
            for _ in range(USUAL_RUNS):
                await self._alone(image, sorted(shared), again, on_base=True)

    async def _alone(self, image: Image, suspects: Sequence[TestKey], again: Again, *, on_base: bool) -> None:
        names = top_level(suspects)
        groups = [(name,) for name in names] if len(names) <= MOST_ALONE else [names]
        wanted = set(suspects)
        seen = again.base if on_base else again.patched
        results: list[TestResult] = []
        log = self._log(seen, on_base=on_base)
        for group in groups:
            life = await self._boot(image, group, log)
            if not life.ready:
                raise InfrastructureError(f"a confirming machine did not start: {life.boot.ending}")
            (again.base_complained if on_base else again.complained).update(one.fingerprint for one in life.events)
            cut = _cut_by_us(life) if len(group) > 1 else frozenset()
            found = [one for one in life.results if one.key in wanted - cut and one.outcome is not Outcome.MISS]
            if not found and life.boot.ending is Ending.TIME_LIMIT:
                raise InfrastructureError(f"{', '.join(group[:3])} had no result after {life.boot.wall_s:.0f} s, alone")
            results += found
        self._keep(seen, results, on_base=on_base)

    def _log(self, seen: Sequence[object], *, on_base: bool, verbose: bool = True) -> QuietLog:
        """Return the log of the boot that follows those that were seen, of all its machines."""
        return QuietLog(sink=self.record.log(log_name(len(seen) + 1, on_base=on_base)), verbose=verbose)

    def _keep(self, seen: list[Sequence[TestResult]], results: Sequence[TestResult], *, on_base: bool) -> None:
        seen.append(results)
        for one in results:
            self.record.result(BootKey(boot=len(seen), on_base=on_base), one)

    async def _boot(self, image: Image, tests: Sequence[str], log: QuietLog | None = None) -> Lives:
        return await boot_quietly(self.context.machine, image, self._profile, tests=tests, log=log)

    @property
    def _profile(self) -> ProfileSettings:
        return self.context.settings.profiles[self.job.profile]

    async def _image(self, facts: RunFacts, *, patched: bool) -> Image:
        """Return a run's image: the kept one, or built again where this host has none (another host built it)."""
        kept = await self.context.builder.find(facts.image) if facts.image else None
        if kept is not None:
            return kept
        job = self.job
        base = Base(commit=job.base_commit, reason=job.base_reason)
        try:
            async with self.context.trees.checkout(self.context.tree(job.tree), base) as checkout:
                commit = await (patched_tree(checkout, job) if patched else base_tree(checkout, job))
                return await image_of(self.context.builder, checkout, self._profile, files=job.files, commit=commit)
        except (BuildFailedError, PatchDoesNotApplyError) as error:
            raise InfrastructureError(f"run {facts.run_id} built before and does not build here: {error}") from error


def sides(hearing: Hearing, again: Again) -> tuple[Side, Side]:
    """Return what is known of base and patched tree so far."""
    first = () if hearing.baseline is None else hearing.baseline.results
    return observe([first, *again.base]), observe([hearing.run.results, *again.patched])


def _cut_by_us(life: Lives) -> frozenset[TestKey]:
    """Return what ran when the time for all tests was up: with others before it, that is nothing of its own."""
    last = life.each[-1]
    return frozenset(one.key for one in last.left.killers) if last.boot.ending is Ending.TIME_LIMIT else frozenset()


def _both(run: RunFacts, life: Lives) -> RunFacts:
    """Return the better end of two lives of a machine."""
    better = {Step.BOOT: life.ready, Step.SELFTESTS: life.complete}
    steps = tuple(
        StepOutcome(step=one.step, outcome=Outcome.PASS) if better.get(one.step) else one for one in run.steps
    )
    return dataclasses.replace(
        run, steps=steps, booted=run.booted or life.ready, complete=run.complete or life.complete
    )
