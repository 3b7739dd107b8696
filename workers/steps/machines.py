"""Machines that did not come up, died or complained, booted again: whose doing is it?"""

import asyncio
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.complained import Look, doubtful, unknown
from app.domain.console import ConsoleEvent
from app.domain.flake import MOST_RUNS, History, while_chance_explains
from app.domain.outcome import Outcome, Step
from app.domain.verdict import StepOutcome
from app.errors import InfrastructureError
from app.services.judging import Hearing, RunFacts
from workers.ports import Image
from workers.steps.again import Again, JudgeBoots, expect_through
from workers.steps.lives import Lives

MOST_LOOKING = timedelta(hours=1)
"""No boot of all tests begins later to look for a complaint that does not come with fewer; it is left in doubt."""


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
class Machines:
    """Boots whole machines again for one judge."""

    boots: JudgeBoots

    async def ends(self, hearing: Hearing, again: Again) -> Hearing:
        """Boot a patched image again that did not come up or died; return the hearing with the best end of all.

        What happens now and then is no one's doing: a death counts when it comes each time, as often as chance does not
        explain, and the base does not die now. A machine whose killers are known was not cut off: these are suspects as
        any test that fails.

        Raises:
            InfrastructureError: an image cannot be had, or a machine does not boot now though its image did before.
        """
        baseline = hearing.baseline
        if baseline is None or not hearing.run.built or not baseline.booted:
            return hearing
        if not hearing.run.booted:
            hearing = await self._starts(hearing, baseline, again)
        # Where the base's machine does not live to the end either, nobody is blamed for this one's death.
        if hearing.run.booted and not hearing.run.complete and baseline.complete:
            hearing = await self._deaths(hearing, baseline, again)
        return hearing

    async def complaints(self, hearing: Hearing, again: Again, histories: Mapping[str, History]) -> None:
        """Run what the patched kernel complained in again, on both sides: alone, and whole if it does not come then.

        What came when its test was run again alone, as a suspect, was looked for already; what a busy host explains
        counts for nothing. `histories` are those of the run's complaints, by fingerprint.

        Raises:
            InfrastructureError: an image cannot be had, or a machine does not boot now though its image did before.
        """
        run, baseline = hearing.run, hearing.baseline
        if baseline is None or not baseline.booted or not run.booted:
            return
        fresh = unknown(run.console, baseline.console)
        if not fresh or (_died(run) and not _died(baseline)):
            return  # of a machine that dies, its death is said
        of_run = _tests_of(hearing, await self.boots.image(run, patched=True))
        alone = [look for look in again.looks if look.tests != set(of_run)]
        events = [one for one in fresh if not _came_with_its_test(one, alone)]
        named = {test for one in events for test in (one.perhaps, one.test)}.difference(*(one.tests for one in alone))
        left = tuple(test for test in of_run if test in named)
        for tests in (left, of_run) if left and None not in {one.test for one in events} else (of_run,):
            if not events:
                return
            until = None if tests == left else asyncio.get_running_loop().time() + MOST_LOOKING.total_seconds()
            came = await self._came(hearing, baseline, again, Looking(tests, events, histories, until))
            events = [one for one in events if one.fingerprint not in came]

    async def _deaths(self, hearing: Hearing, baseline: RunFacts, again: Again) -> Hearing:
        """Give all tests again to machines of both sides, while the patched one dies and the base's does not."""
        run, image = hearing.run, await self.boots.image(hearing.run, patched=True)
        tests = _tests_of(hearing, image)
        for _ in while_chance_explains():
            log = self.boots.log(again.patched, on_base=False, verbose=False)
            life = await self.boots.look(image, tests, again.looks, log)
            expect_through(life)
            self.boots.keep(again.patched, life.results, on_base=False)
            run = _both(run, life)
            if run.complete:
                break
            of_base = await self.boots.look(await self.boots.image(baseline, patched=False), tests, again.base_looks)
            expect_through(of_base)
            baseline = _worse(baseline, of_base)
            if not of_base.complete:
                break
        return dataclasses.replace(hearing, run=run, baseline=baseline)

    async def _starts(self, hearing: Hearing, baseline: RunFacts, again: Again) -> Hearing:
        """Boot both sides again, while the base comes up and the patched kernel does not."""
        run, image = hearing.run, await self.boots.image(hearing.run, patched=True)
        for _ in while_chance_explains():
            await self._boots(baseline, image.tests[:1])
            log = self.boots.log(again.patched, on_base=False, verbose=False)
            life = await self.boots.look(image, _tests_of(hearing, image), again.looks, log, unready=True)
            expect_through(life)
            self.boots.keep(again.patched, life.results, on_base=False)
            if life.ready:
                run = _come_up(run, life)
                break
        return dataclasses.replace(hearing, run=run)

    async def _boots(self, baseline: RunFacts, tests: Sequence[str]) -> None:
        """Have the base come up, under the same conditions as the machine that does not.

        Raises:
            InfrastructureError: it does not.
        """
        life = await self.boots.look(await self.boots.image(baseline, patched=False), tests, [], unready=True)
        if not life.ready:
            raise InfrastructureError(f"the base booted before and does not now: {life.boot.ending}")

    async def _came(self, hearing: Hearing, baseline: RunFacts, again: Again, for_: Looking) -> frozenset[str]:
        """Boot both sides in turn, while a complaint comes with the patches alone and chance may explain it.

        Return what came when it was first looked for.
        """
        image, of_base = await self.boots.image(hearing.run, patched=True), None
        came = first = await self._complained(image, for_, again.looks)
        while came:
            of_base = of_base or await self.boots.image(baseline, patched=False)
            came -= await self._complained(of_base, for_, again.base_looks)
            if not again.base_looks[-1].complete or not for_.more(came, again):
                break
            came &= await self._complained(image, for_, again.looks)
        return first

    async def _complained(self, image: Image, for_: Looking, looks: list[Look]) -> frozenset[str]:
        expect_through(await self.boots.look(image, for_.tests, looks))
        return looks[-1].came & {one.fingerprint for one in for_.events}


def _came_with_its_test(event: ConsoleEvent, looks: Sequence[Look]) -> bool:
    return any(event.test in one.tests and event.fingerprint in one.came for one in looks)


def _tests_of(hearing: Hearing, image: Image) -> tuple[str, ...]:
    """Return the tests that a run was given, in their order."""
    return tuple(test for test in image.tests if hearing.only is None or test in hearing.only)


def _worse(baseline: RunFacts, life: Lives) -> RunFacts:
    """Return a base, said not to live to the end of its tests where it did not now."""
    if life.complete:
        return baseline
    reason = f"run again, it was cut short as well: {'; '.join(life.cuts) or life.boot.ending}"
    died = StepOutcome(step=Step.SELFTESTS, outcome=Outcome.FAIL, reason=reason)
    steps = tuple(died if one.step is Step.SELFTESTS else one for one in baseline.steps)
    return dataclasses.replace(baseline, steps=steps)


def _come_up(run: RunFacts, life: Lives) -> RunFacts:
    """Return a run whose kernel came up in the end: what that machine showed counts, as if it had been the first."""
    tested = StepOutcome(step=Step.SELFTESTS, outcome=Outcome.PASS)
    if not life.complete:
        said = [event.title for event in life.events[:1]]
        reason = "; ".join([*said, *life.cuts]) or f"the machine ended: {life.boot.ending}"
        tested = dataclasses.replace(tested, outcome=Outcome.FAIL, reason=reason)
    ended = {Step.BOOT: StepOutcome(step=Step.BOOT, outcome=Outcome.PASS), Step.SELFTESTS: tested}
    return dataclasses.replace(
        run,
        steps=tuple(ended.get(one.step, one) for one in run.steps),
        console=(*run.console, *life.events),
        booted=True,
        complete=life.complete,
    )


def _both(run: RunFacts, life: Lives) -> RunFacts:
    """Return the better end of two lives of a machine."""
    if not life.complete:
        return run
    through = StepOutcome(step=Step.SELFTESTS, outcome=Outcome.PASS)
    steps = tuple(through if one.step is Step.SELFTESTS else one for one in run.steps)
    return dataclasses.replace(run, steps=steps, complete=True)


def _died(facts: RunFacts) -> bool:
    return any(one.step is Step.SELFTESTS and one.outcome.failed for one in facts.steps)
