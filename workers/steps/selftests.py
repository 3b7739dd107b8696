"""boot and selftests: machine after machine until all tests have run, their results stored as they stream.

When a machine dies, the test that ran is its killer and fails; the rest is run in a fresh one (app/domain/lives.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from app.config import ProfileSettings
from app.domain.console import ConsoleScanner
from app.domain.guest_stream import GuestStream
from app.domain.lives import MOST_LIVES
from app.domain.outcome import Outcome, Step, Tally, TestResult
from app.errors import InfrastructureError
from app.services.first_verdict import SoFar
from app.services.records import BootKey
from workers.ports import Ending, Image, Machine, Symbols
from workers.recorder import Recorder, StepRecord
from workers.steps.lives import Life, Lives, QuietLog, Tap, lives_of, tally_of

SayFirst = Callable[[SoFar], Awaitable[None]]

LEAST_LEFT = timedelta(seconds=60)
"""Of the time for all tests: with less, no other machine is begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boots:
    """What machines are made of, and where what they print goes: to a step, or to `quiet`."""

    machine: Machine
    image: Image
    profile: ProfileSettings
    symbols: Symbols | None = None
    quiet: QuietLog | None = None

    async def live(self, tap: Tap, profile: ProfileSettings) -> Life:
        """Boot once, to the machine's end.

        Raises:
            InfrastructureError: the machine would not start.
        """
        verbose = self.quiet is not None and self.quiet.verbose
        boot = await self.machine.run(
            self.image, profile, tests=tap.tests, verbose=verbose, console=tap.console, results=tap.port
        )
        return await tap.finish(boot, self.image, profile, self.symbols)

    async def rest(self, first: Life, *, record: StepRecord | None = None, offset: int = 0) -> list[Life]:
        """Run what a life left, in fresh machines; `offset` is where their results begin in the log of all.

        Raises:
            InfrastructureError: a fresh machine does not come up, as the first did.
        """
        lives: list[Life] = []
        before, spent = first, timedelta(seconds=first.boot.wall_s)
        while before.left.tests and before.left.tests != before.tests and before.number < MOST_LIVES:
            left = self.profile.test_timeout - spent
            if left < LEAST_LEFT or before.boot.ending is Ending.TIME_LIMIT:
                break
            number = before.number + 1
            tap = Tap(
                tests=before.left.tests,
                number=number,
                stream=GuestStream(offset=offset if self.quiet is None else self.quiet.size),
                scanner=ConsoleScanner(life=number),
                results_log=None if self.quiet is None else self.quiet.take,
            )
            if record is not None:
                tap.write_to(record)
            before = await self.live(tap, self.profile.model_copy(update={"test_timeout": left}))
            if not before.end.ready:
                raise InfrastructureError(f"machine {number} of this run did not come up, unlike the first")
            lives.append(before)
            spent += timedelta(seconds=before.boot.wall_s)
            offset += tap.taken
        return lives


async def boot_and_test(
    recorder: Recorder,
    boots: Boots,
    *,
    tests: Sequence[str],
    skipped: Sequence[TestResult] = (),
    say_first: SayFirst | None = None,
) -> Lives:
    """Run the tests of an image, in as many machines as that takes (MOST_LIVES); records the steps boot and selftests.

    `skipped` are results of tests that no machine is given; they are recorded with the others. `say_first` is
    called when the first tests are through and others are still to come.

    Raises:
        InfrastructureError: a machine would not start, or the time for all tests was up and no test had ended one.
    """
    tap = Tap(tests=tuple(tests), first=frozenset(boots.image.first).intersection(tests))
    life = asyncio.create_task(boots.live(tap, boots.profile))
    try:
        async with recorder.step(Step.BOOT) as record:
            tap.write_to(record, results=False)
            await _until(tap.ready, life)
            if not tap.ready.is_set():
                tap.write_to(record)
                lived = Lives(each=(await life,))
                _say_no_boot(record, lived)
                return lived
            record.summary = "userspace is up"
        async with recorder.step(Step.SELFTESTS) as record:
            for one in skipped:
                record.result(BootKey(), one)
            tap.write_to(record)
            if say_first is not None and await _until(tap.through, life):
                await say_first(_so_far(tap))
            lived = await _to_the_end(boots, record, tap, await life)
            _say_tests(record, lived)
        return lived
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def _to_the_end(boots: Boots, record: StepRecord, tap: Tap, first: Life) -> Lives:
    if first.boot.ending is Ending.TIME_LIMIT:
        # Ours, not the tree's: nobody is named for it.
        counted = _counted(tally_of(first.results))
        raise InfrastructureError(f"the tests were not through after {first.boot.wall_s:.0f} s ({counted})")
    return Lives(each=(first, *await boots.rest(first, record=record, offset=tap.taken)))


def _so_far(tap: Tap) -> SoFar:
    return SoFar(
        first=tap.first,
        still=tuple(test for test in tap.tests if test not in tap.first),
        results=tuple(tap.results),
        console=tap.scanner.events,
    )


async def boot_quietly(
    machine: Machine, image: Image, profile: ProfileSettings, *, tests: Sequence[str], log: QuietLog | None = None
) -> Lives:
    """Run the tests of an image as `boot_and_test` does, without steps: for the judge's confirming boots.

    With a `log` the results say where in it a test's output is.
    """
    boots = Boots(machine=machine, image=image, profile=profile, quiet=log)
    tap = Tap(tests=tuple(tests))
    if log is not None:
        tap.stream, tap.results_log = GuestStream(offset=log.size), log.take
    first = await boots.live(tap, profile)
    if not first.end.ready or first.boot.ending is Ending.TIME_LIMIT:
        return Lives(each=(first,))
    return Lives(each=(first, *await boots.rest(first)))


async def _until(event: asyncio.Event, life: "asyncio.Task[Life]") -> bool:
    """Wait for an event of a machine's life, or for its end; tell whether the event came before the end."""
    happens = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({happens, life}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happens.cancel()
    if life.done():
        life.result()
    return event.is_set() and not life.done()


def _say_no_boot(record: StepRecord, lived: Lives) -> None:
    record.outcome = Outcome.FAIL
    what = lived.events[0].title if lived.events else f"no userspace after {lived.boot.wall_s:.0f} s"
    record.summary = f"{lived.boot.ending}: {what}"
    record.detail = _detail(lived)


def _counted(tally: Tally) -> str:
    return f"{tally.passed} pass, {tally.failed + tally.errors} fail, {tally.skipped} skip"


def _say_tests(record: StepRecord, lived: Lives) -> None:
    """Say how many tests ended how, and why machines ended before their tests did.

    The step fails only where tests are left that were not run, or it is not known who ended a machine.
    """
    record.summary = "; ".join([_counted(lived.tally), *lived.cuts])
    record.detail = _detail(lived)
    if lived.complete:
        return
    titles = [event.title for event in lived.each[-1].events]
    record.outcome = Outcome.FAIL
    record.summary = "; ".join([*titles[:1], *lived.cuts]) or f"the machine ended: {lived.boot.ending}"
    if lived.each[-1].left.tests:
        record.summary += f"; {len(lived.each[-1].left.tests)} tests were not come to in {len(lived.each)} machines"


def _detail(lived: Lives) -> dict[str, object]:
    return {
        "ending": lived.boot.ending,
        "accelerator": lived.boot.accelerator,
        "wall_s": round(sum(life.boot.wall_s for life in lived.each), 2),
        "booted_s": lived.each[0].boot.booted_s,
        "events": [asdict(event) for event in lived.events],
        "tally": asdict(lived.tally),
        "stray": list(lived.each[-1].end.stray),
        "lives": lives_of(lived),
    }
