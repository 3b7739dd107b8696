"""Seeing again what a series may be blamed for: the tests that fail with it, alone, in fresh machines."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.domain import confirming
from app.domain.flake import MOST_RUNS, USUAL_RUNS, History
from app.domain.outcome import Outcome, TestKey, TestResult
from app.domain.regression import top_level
from app.errors import InfrastructureError
from app.services.judging import Hearing
from app.services.precedents import Precedents
from workers.ports import Ending, Image
from workers.steps.again import Again, JudgeBoots, sides

MOST_ALONE = 8
"""With more suspects than this something general broke: they share a machine, for a reply within the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Runs suspects again for one judge."""

    boots: JudgeBoots

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
                image = await self.boots.image(facts, patched=patched)
                look = partial(self._alone, image, suspects, again, on_base=not patched, together=together)
                boots.append(partial(_times, times, look))
        if len(boots) > 1 and self.boots.context.machine.has_room(self.boots.profile, len(boots)):
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
        log = self.boots.log(seen, on_base=on_base)
        for group in groups:
            life = await self.boots.look(image, group, again.base_looks if on_base else again.looks, log)
            found = [one for one in life.results if one.key in wanted and one.outcome is not Outcome.MISS]
            if not found and life.boot.ending is Ending.TIME_LIMIT:
                raise InfrastructureError(f"{', '.join(group[:3])} had no result after {life.boot.wall_s:.0f} s, alone")
            results += found
        self.boots.keep(seen, results, on_base=on_base)


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
