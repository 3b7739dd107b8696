"""Seeing again what a series may be blamed for: the whole machine when it died or complained, else suspects alone."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from app.config import ProfileSettings
from app.domain import confirming
from app.domain.complained import Look, came_again, doubtful, unknown
from app.domain.console import ConsoleEvent
from app.domain.counted import counted
from app.domain.flake import MOST_RUNS, USUAL_RUNS, History, while_chance_explains
from app.domain.outcome import Outcome, Step, TestKey, TestResult
from app.domain.regression import Side, candidates, observe, top_level, with_whole_suites
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

MOST_LOOKING = timedelta(hours=1)
"""No boot of all tests begins later to look for a complaint that does not come with fewer; it is left in doubt."""
MOST_ALONE = 8
"""With more suspects than this something general broke: they share a machine, for a reply within the hour."""


@dataclass(slots=True, kw_only=True)
class Again:
    """What was seen again: results a boot, on the patched and on the unpatched image, and their kernels' complaints.

    `looks` and `base_looks` say what kernels complained of, machines that ran no test of interest included.
    """

    patched: list[Sequence[TestResult]] = field(default_factory=list)
    base: list[Sequence[TestResult]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    base_looks: list[Look] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Looking:
    """What is looked for in boots of `tests`, until when (of the event loop's clock; None: whatever it takes)."""

    tests: tuple[str, ...]
    events: Sequence[ConsoleEvent]
    histories: Mapping[str, History]
    until: float | None

    def more(self, came: Collection[str], again: Again) -> bool:
        """Whether to boot once more: chance may explain one of those that `came` each time so far."""
        if self.until is not None and asyncio.get_running_loop().time() > self.until:
            return False
        if sum(look.tests == set(self.tests) for look in again.looks) >= MOST_RUNS:
            return False
        known = self.histories
        looked_for = [(one, known.get(one.fingerprint, History())) for one in self.events if one.fingerprint in came]
        return any(doubtful(one, again.looks, again.base_looks, known) for one, known in looked_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Boots again for one judge."""

    context: Context
    record: StepRecord
    job: Job

    async def whole(self, hearing: Hearing, again: Again, histories: Mapping[str, History]) -> Hearing:
        """Boot the patched image again where it died or complained; return the hearing with the best end of all.

        What happens now and then is no one's doing: a death or a complaint counts when it comes each time, as often as
        chance does not explain, and the base does not show it now. A machine whose killers are known was not cut off:
        these are suspects as any test that fails. `histories` are those of the run's complaints, by fingerprint.

        Raises:
            InfrastructureError: an image cannot be had, or a machine does not boot now though its image did before.
        """
        run, baseline = hearing.run, hearing.baseline
        if baseline is None or not run.built or not baseline.booted:
            return hearing
        if run.booted and not baseline.complete:
            return hearing  # the base's machine does not live to the end either: nobody is blamed for this one's death
        if not run.booted:
            return await self._starts(hearing, baseline, again)
        if not run.complete:
            hearing = await self._deaths(hearing, baseline, again)
        if hearing.run.complete:
            await self._complaints(hearing, baseline, again, histories)
        return hearing

    async def _deaths(self, hearing: Hearing, baseline: RunFacts, again: Again) -> Hearing:
        """Give all tests again to machines of both sides, while the patched one dies and the base's does not."""
        run, image = hearing.run, await self._image(hearing.run, patched=True)
        tests = _tests_of(hearing, image)
        for _ in while_chance_explains():
            log = self._log(again.patched, on_base=False, verbose=False)
            life = await self._look(image, tests, again.looks, log)
            _expect_through(life)
            self._keep(again.patched, life.results, on_base=False)
            run = _both(run, life)
            if run.complete:
                break
            of_base = await self._look(await self._image(baseline, patched=False), tests, again.base_looks)
            _expect_through(of_base)
            baseline = _worse(baseline, of_base)
            if not of_base.complete:
                break
        return dataclasses.replace(hearing, run=run, baseline=baseline)

    async def _starts(self, hearing: Hearing, baseline: RunFacts, again: Again) -> Hearing:
        """Boot both sides again, while the base comes up and the patched kernel does not."""
        run, image = hearing.run, await self._image(hearing.run, patched=True)
        for _ in while_chance_explains():
            await self._boots(baseline, image.tests[:1])
            log = self._log(again.patched, on_base=False, verbose=False)
            life = await self._look(image, _tests_of(hearing, image), again.looks, log, unready=True)
            _expect_through(life)
            self._keep(again.patched, life.results, on_base=False)
            run = _both(run, life)
            if run.booted:
                break
        return dataclasses.replace(hearing, run=run)

    async def _boots(self, baseline: RunFacts, tests: Sequence[str]) -> None:
        """Have the base come up, under the same conditions as the machine that does not.

        Raises:
            InfrastructureError: it does not.
        """
        life = await self._look(await self._image(baseline, patched=False), tests, [], unready=True)
        if not life.ready:
            raise InfrastructureError(f"the base booted before and does not now: {life.boot.ending}")

    async def _complaints(
        self, hearing: Hearing, baseline: RunFacts, again: Again, histories: Mapping[str, History]
    ) -> None:
        """Run what the patched kernel complained in again, on both sides: alone, and whole if it does not come then.

        What a suspect did is seen when that is run again; what a busy host explains counts for nothing.
        """
        suspects = set(top_level(candidates(*sides(hearing, again))))
        events = [one for one in unknown(hearing.run.console, baseline.console) if one.test not in suspects]
        if not events:
            return
        of_run = _tests_of(hearing, await self._image(hearing.run, patched=True))
        named = {test for one in events for test in (one.perhaps, one.test)}
        alone = tuple(test for test in of_run if test in named)
        for tests in (alone, of_run) if alone and None not in {one.test for one in events} else (of_run,):
            until = None if tests == alone else asyncio.get_running_loop().time() + MOST_LOOKING.total_seconds()
            came = await self._came(hearing, baseline, again, Looking(tests, events, histories, until))
            events = [one for one in events if one.fingerprint not in came]
            if not events:
                return

    async def _came(self, hearing: Hearing, baseline: RunFacts, again: Again, for_: Looking) -> frozenset[str]:
        """Boot both sides in turn, while a complaint comes with the patches alone and chance may explain it.

        Return what came when it was first looked for.
        """
        image, of_base = await self._image(hearing.run, patched=True), None
        came = first = await self._complained(image, for_, again.looks)
        while came:
            of_base = of_base or await self._image(baseline, patched=False)
            came -= await self._complained(of_base, for_, again.base_looks)
            if not for_.more(came, again):
                break
            came &= await self._complained(image, for_, again.looks)
        return first

    async def _complained(self, image: Image, for_: Looking, looks: list[Look]) -> frozenset[str]:
        _expect_through(await self._look(image, for_.tests, looks))
        return looks[-1].came & {one.fingerprint for one in for_.events}

    def recurring(self, hearing: Hearing, again: Again) -> tuple[ConsoleEvent, ...]:
        """Return what the patched kernel complained of again, and the unpatched one never."""
        if hearing.baseline is None:
            return ()
        fresh = unknown(hearing.run.console, hearing.baseline.console)
        return tuple(one for one in fresh if came_again(one, again.looks, again.base_looks))

    async def suspects(self, hearing: Hearing, again: Again, precedents: Precedents) -> tuple[TestKey, ...]:
        """Run the tests that look like the series' doing again, alone, twice on each side, and those in doubt further.

        Of very many, a sample is run again; the rest only where the sample is not all of one kind: so many that fail
        alike have one cause. Return the tests that chance may explain even so.

        Raises:
            InfrastructureError: an image cannot be had, or a machine does not start.
        """
        base, patched = sides(hearing, again)
        both = confirming.suspects(base, patched, ignored=precedents.ignored)
        news = confirming.new_failures(base, patched, ignored=precedents.ignored)
        first = confirming.sample((*both, *news))
        await self._on_both(hearing, again, first, sorted(set(both).intersection(first)), times=USUAL_RUNS)
        if first and not confirming.seen_again(sides(hearing, again)[1], first):
            raise InfrastructureError(f"none of {len(first)} tests that failed had a result when it was run again")
        rest = tuple(key for key in (*both, *news) if key not in set(first))
        alike = bool(rest) and confirming.all_alike(*sides(hearing, again), first)
        if rest and not alike:
            await self._on_both(hearing, again, rest, sorted(set(both).intersection(rest)), times=USUAL_RUNS)
        flaky = {key for key, history in precedents.histories.items() if history.flaky}
        perhaps = sorted(flaky.intersection(first)) if alike else both
        return await self._further(hearing, again, perhaps, precedents.histories)

    async def _further(
        self, hearing: Hearing, again: Again, keys: Sequence[TestKey], histories: Mapping[TestKey, History]
    ) -> tuple[TestKey, ...]:
        """Run tests until chance explains no more that they fail; return those that it explains even so.

        They share a machine: alone they have failed before. One that is known to fail by itself passes on the base now
        and then, which proves nothing: that is run with the patches only.
        """
        for number in range(USUAL_RUNS, MOST_RUNS + 1):
            doubted = confirming.doubted(*sides(hearing, again), keys, histories)
            if not doubted or number == MOST_RUNS:
                break
            unproved = [key for key in doubted if not histories.get(key, History()).flaky]
            await self._on_both(hearing, again, doubted, unproved, together=True)
        return doubted

    async def _on_both(
        self,
        hearing: Hearing,
        again: Again,
        keys: Sequence[TestKey],
        of_base: Sequence[TestKey],
        *,
        times: int = 1,
        together: bool = False,
    ) -> None:
        """Run `keys` with the patches and `of_base` without, alone or `together`, each so many times.

        Both sides at once where the host has room for two machines: whatever it is busy with, both suffer from it.
        """
        boots = []
        for facts, suspects in ((hearing.run, keys), (hearing.baseline, of_base)):
            if facts is not None and suspects:
                patched = facts is hearing.run
                image = await self._image(facts, patched=patched)
                look = partial(self._alone, image, suspects, again, on_base=not patched, together=together)
                boots.append(partial(_times, times, look))
        if len(boots) > 1 and self.context.machine.has_room(self._profile, len(boots)):
            await _at_once([boot() for boot in boots])
        else:
            for boot in boots:
                await boot()

    async def _alone(
        self, image: Image, suspects: Sequence[TestKey], again: Again, *, on_base: bool, together: bool = False
    ) -> None:
        names = top_level(suspects)
        groups = [names] if together or len(names) > MOST_ALONE else [(name,) for name in names]
        wanted = set(suspects)
        seen = again.base if on_base else again.patched
        results: list[TestResult] = []
        log = self._log(seen, on_base=on_base)
        for group in groups:
            life = await self._look(image, group, again.base_looks if on_base else again.looks, log)
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
        seen.append(counted(results, self.job.files))
        for one in results:
            self.record.result(BootKey(boot=len(seen), on_base=on_base), one)

    async def _look(
        self,
        image: Image,
        tests: Sequence[str],
        looks: list[Look],
        log: QuietLog | None = None,
        *,
        unready: bool = False,
    ) -> Lives:
        """Boot once and add to `looks` what its kernel complained of; `unready`: it may not come up."""
        life = await boot_quietly(self.context.machine, image, self._profile, tests=tests, log=log)
        if not (life.ready or unready):
            raise InfrastructureError(f"a confirming machine did not start: {life.boot.ending}")
        looks.append(Look(tests=frozenset(tests), came=frozenset(event.fingerprint for event in life.events)))
        return life

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
    base, patched = observe([first, *again.base]), observe([hearing.run.results, *again.patched])
    return with_whole_suites(base, patched), with_whole_suites(patched, base)


async def _times(number: int, look: Callable[[], Awaitable[None]]) -> None:
    for _ in range(number):
        await look()


async def _at_once(boots: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all; when one fails the others are ended before its error is raised."""
    tasks = [asyncio.create_task(boot) for boot in boots]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tests_of(hearing: Hearing, image: Image) -> tuple[str, ...]:
    """Return the tests that a run was given, in their order."""
    return tuple(test for test in image.tests if hearing.only is None or test in hearing.only)


def _expect_through(life: Lives) -> None:
    """Raise InfrastructureError where the time for all tests was up: what did not come may have come later."""
    if life.boot.ending is Ending.TIME_LIMIT:
        raise InfrastructureError(f"the tests were not through after {life.boot.wall_s:.0f} s when they ran again")


def _cut_by_us(life: Lives) -> frozenset[TestKey]:
    """Return what ran when the time for all tests was up: with others before it, that is nothing of its own."""
    last = life.each[-1]
    return frozenset(one.key for one in last.left.killers) if last.boot.ending is Ending.TIME_LIMIT else frozenset()


def _worse(baseline: RunFacts, life: Lives) -> RunFacts:
    """Return a base, said not to live to the end of its tests where it did not now."""
    if life.complete:
        return baseline
    reason = f"run again, it was cut short as well: {'; '.join(life.cuts) or life.boot.ending}"
    died = StepOutcome(step=Step.SELFTESTS, outcome=Outcome.FAIL, reason=reason)
    steps = tuple(died if one.step is Step.SELFTESTS else one for one in baseline.steps)
    return dataclasses.replace(baseline, steps=steps)


def _both(run: RunFacts, life: Lives) -> RunFacts:
    """Return the better end of two lives of a machine."""
    better = {Step.BOOT: life.ready, Step.SELFTESTS: life.complete}
    steps = tuple(
        StepOutcome(step=one.step, outcome=Outcome.PASS) if better.get(one.step) else one for one in run.steps
    )
    return dataclasses.replace(
        run, steps=steps, booted=run.booted or life.ready, complete=run.complete or life.complete
    )
