"""boot and selftests: machine after machine until all tests have run, their results stored as they stream.

When a machine dies, the test that ran is its killer and fails; the rest is run in a fresh one (app/domain/lives.py).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from app.config import ProfileSettings
from app.domain.console import ConsoleEvent, ConsoleScanner, Running
from app.domain.guest_stream import GuestEnd, GuestStream
from app.domain.lives import MOST_LIVES, Death, Left, left_behind, running
from app.domain.outcome import Outcome, Step, Tally, TestResult
from app.domain.suites import spelled
from app.errors import InfrastructureError
from app.services.records import BootKey
from workers.ports import Boot, Ending, Image, Machine
from workers.recorder import Recorder, StepRecord

LEAST_LEFT = timedelta(seconds=60)
"""Of the time for all tests: with less, no other machine is begun."""
BLUR_S = 0.3
"""Results and console come by ports of their own: what comes within this of the other may have been before it."""
_WORDS = {
    Ending.PANIC: "the kernel panicked",
    Ending.DIED: "the machine was reset",
    Ending.OUTPUT_LIMIT: "the machine wrote without end",
    Ending.TIME_LIMIT: "the time for all tests was up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one machine's life showed, of the `tests` that it was given; `results` has those of its killers."""

    number: int
    tests: tuple[str, ...]
    boot: Boot
    end: GuestEnd
    results: tuple[TestResult, ...]
    events: tuple[ConsoleEvent, ...]
    left: Left

    @property
    def complete(self) -> bool:
        """Whether nothing was cut off."""
        return self.end.done and not self.left.cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """What all machines of one run showed, together."""

    each: tuple[Life, ...]

    @property
    def ready(self) -> bool:
        """Whether userspace came up."""
        return self.each[0].end.ready

    @property
    def boot(self) -> Boot:
        """How the last one ended."""
        return self.each[-1].boot

    @property
    def results(self) -> tuple[TestResult, ...]:
        """The results of all."""
        return tuple(result for life in self.each for result in life.results)

    @property
    def events(self) -> tuple[ConsoleEvent, ...]:
        """What the kernel complained of, each once, with the life that it was first seen in."""
        found: dict[str, ConsoleEvent] = {}
        for event in (event for life in self.each for event in life.events):
            found.setdefault(event.fingerprint, event)
        return tuple(found.values())

    @property
    def complete(self) -> bool:
        """Whether what has no result did not exist: every test was run, and who ended a machine is known."""
        return self.ready and not self.each[-1].left.tests and all(life.left.explained for life in self.each)

    @property
    def cuts(self) -> tuple[str, ...]:
        """Why which suite was cut short, in words."""
        return tuple(cut for life in self.each for cut in life.left.cuts)

    @property
    def tally(self) -> Tally:
        """How many tests ended how, over all suites."""
        return tally_of(self.results)


def tally_of(results: Sequence[TestResult]) -> Tally:
    """Count results; what only sums up its subtests is counted as a test, and not by its outcome."""
    leaves = [one.outcome for one in results if not one.aggregate]
    return Tally(
        tests=sum(one.parent is None for one in results),
        leaves=len(leaves),
        passed=leaves.count(Outcome.PASS),
        failed=leaves.count(Outcome.FAIL),
        errors=leaves.count(Outcome.ERROR),
        skipped=leaves.count(Outcome.SKIP),
    )


@dataclass(slots=True, kw_only=True)
class Tap:
    """Where a machine's two ports go while it lives: to the readers, and to the logs of the step that runs.

    What comes by the results port before there is a log for it is held for the one that comes.
    """

    tests: tuple[str, ...]
    number: int = 1
    stream: GuestStream = field(default_factory=GuestStream)
    scanner: ConsoleScanner = field(default_factory=ConsoleScanner)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[TestResult] = field(default_factory=list)
    on_result: Callable[[TestResult], None] = lambda _result: None
    console_log: Callable[[bytes], None] = lambda _data: None
    results_log: Callable[[bytes], None] | None = None
    held: bytearray = field(default_factory=bytearray)
    taken: int = 0
    reported_at: float = -BLUR_S

    def console(self, data: bytes) -> None:
        """Take bytes of the console."""
        self.console_log(data)
        self.scanner.running = self._running()
        self.scanner.feed(data)

    def port(self, data: bytes) -> None:
        """Take bytes of the results port."""
        self.taken += len(data)
        if self.results_log is None:
            self.held += data
        else:
            self.results_log(data)
        before = self.stream.last_test
        self._take(self.stream.feed(data))
        if self.stream.last_test != before:
            self.reported_at = time.monotonic()
        if self.stream.ready:
            self.ready.set()

    def finish(self, boot: Boot, profile: ProfileSettings) -> Life:
        """End both readers."""
        end = self.stream.finish()
        self._take(end.results)
        events = self.scanner.finish().events
        left = Left()
        if end.ready:
            left = left_behind(self.tests, end, self.results, death=_death(boot, profile), events=events)
        self._take(left.killers)
        return Life(
            number=self.number,
            tests=self.tests,
            boot=boot,
            end=end,
            results=tuple(self.results),
            events=events,
            left=left,
        )

    def write_to(self, record: StepRecord, *, results: bool = True) -> None:
        """Send logs and results to a step from here on; with `results` false the console alone."""
        self.console_log = record.log("console" if self.number == 1 else f"console-{self.number}")
        self.on_result = lambda result: record.result(BootKey(), result)
        if results:
            self.results_log = record.log("results")
            self.results_log(bytes(self.held))
            self.held.clear()

    def _running(self) -> Running:
        last = self.stream.last_test
        if self.stream.suite is None:
            return Running()
        test = running(self.tests, begun=self.stream.begun, last=last)
        just = last is not None and time.monotonic() - self.reported_at < BLUR_S
        return Running(test=test, perhaps=spelled(self.stream.suite, last) if just and last is not None else None)

    def _take(self, results: Sequence[TestResult]) -> None:
        for result in results:
            self.results.append(result)
            self.on_result(result)


def _death(boot: Boot, profile: ProfileSettings) -> Death:
    if boot.ending is Ending.SILENT:
        return Death(words=f"no result for {profile.silence_timeout.total_seconds():.0f} s", hung=True)
    return Death(words=_WORDS.get(boot.ending, "the machine ended"))


async def boot_and_test(
    recorder: Recorder, machine: Machine, image: Image, profile: ProfileSettings, *, tests: Sequence[str]
) -> Lives:
    """Run the tests of an image, in as many machines as that takes (MOST_LIVES); records the steps boot and selftests.

    Raises:
        InfrastructureError: a machine would not start, or the time for all tests was up and no test had ended one.
    """
    tap = Tap(tests=tuple(tests))
    life = asyncio.create_task(machine.run(image, profile, tests=tests, console=tap.console, results=tap.port))
    try:
        async with recorder.step(Step.BOOT) as record:
            tap.write_to(record, results=False)
            await _until_ready(tap, life)
            if not tap.ready.is_set():
                tap.write_to(record)
                lived = Lives(each=(tap.finish(await life, profile),))
                _say_no_boot(record, lived)
                return lived
            record.summary = "userspace is up"
        async with recorder.step(Step.SELFTESTS) as record:
            tap.write_to(record)
            each = [tap.finish(await life, profile)]
            if each[0].boot.ending is Ending.TIME_LIMIT:
                # Ours, not the tree's: nobody is named for it.
                counted = _counted(tally_of(each[0].results))
                raise InfrastructureError(f"the tests were not through after {each[0].boot.wall_s:.0f} s ({counted})")
            each += await _rest(machine, image, profile, each[0], record=record, offset=tap.taken)
            lived = Lives(each=tuple(each))
            _say_tests(record, lived)
        return lived
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


@dataclass(slots=True, kw_only=True)
class QuietLog:
    """The log of machines that no step of their own records: what they print goes to `sink`, one after the other.

    `verbose` has the tests print all that they can, those that pass too.
    """

    sink: Callable[[bytes], None]
    verbose: bool = True
    size: int = 0

    def take(self, data: bytes) -> None:
        """Take bytes of a results port."""
        self.size += len(data)
        self.sink(data)


async def boot_quietly(
    machine: Machine, image: Image, profile: ProfileSettings, *, tests: Sequence[str], log: QuietLog | None = None
) -> Lives:
    """Run the tests of an image as `boot_and_test` does, without steps: for the judge's confirming boots.

    With a `log` the results say where in it a test's output is.
    """
    tap = Tap(tests=tuple(tests))
    if log is not None:
        tap.stream, tap.results_log = GuestStream(offset=log.size), log.take
    first = await _lived(machine, image, profile, tap, verbose=log is not None and log.verbose)
    if not first.end.ready or first.boot.ending is Ending.TIME_LIMIT:
        return Lives(each=(first,))
    return Lives(each=(first, *await _rest(machine, image, profile, first, log=log)))


async def _lived(machine: Machine, image: Image, profile: ProfileSettings, tap: Tap, *, verbose: bool = False) -> Life:
    ports = {"console": tap.console, "results": tap.port}
    boot = await machine.run(image, profile, tests=tap.tests, verbose=verbose, **ports)
    return tap.finish(boot, profile)


async def _rest(
    machine: Machine,
    image: Image,
    profile: ProfileSettings,
    first: Life,
    *,
    record: StepRecord | None = None,
    offset: int = 0,
    log: QuietLog | None = None,
) -> list[Life]:
    """Run what a life left, in fresh machines; `offset` is where their results begin in the log of all.

    What they print goes to the logs of `record`, or to `log`.

    Raises:
        InfrastructureError: a fresh machine does not come up, as the first did.
    """
    lives: list[Life] = []
    before, spent = first, timedelta(seconds=first.boot.wall_s)
    while before.left.tests and before.left.tests != before.tests and before.number < MOST_LIVES:
        left = profile.test_timeout - spent
        if left < LEAST_LEFT or before.boot.ending is Ending.TIME_LIMIT:
            break
        number = before.number + 1
        tap = Tap(
            tests=before.left.tests,
            number=number,
            stream=GuestStream(offset=offset if log is None else log.size),
            scanner=ConsoleScanner(life=number),
            results_log=None if log is None else log.take,
        )
        if record is not None:
            tap.write_to(record)
        shorter = profile.model_copy(update={"test_timeout": left})
        before = await _lived(machine, image, shorter, tap, verbose=log is not None and log.verbose)
        if not before.end.ready:
            raise InfrastructureError(f"machine {number} of this run did not come up, unlike the first")
        lives.append(before)
        spent += timedelta(seconds=before.boot.wall_s)
        offset += tap.taken
    return lives


async def _until_ready(tap: Tap, life: "asyncio.Task[Boot]") -> None:
    ready = asyncio.create_task(tap.ready.wait())
    try:
        await asyncio.wait({ready, life}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ready.cancel()
    if life.done():
        life.result()


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


def lives_of(lived: Lives) -> list[dict[str, object]]:
    """Return each machine as JSON: how it ended, what it was given, who ended it; [] where one was enough."""
    if len(lived.each) == 1 and not lived.cuts:
        return []
    return [
        {
            "life": life.number,
            "ending": life.boot.ending,
            "wall_s": round(life.boot.wall_s, 2),
            "tests": len(life.tests),
            "first": life.tests[0] if life.tests else None,
            "killers": [{"suite": one.suite, "name": one.name, "message": one.message} for one in life.left.killers],
            "cuts": list(life.left.cuts),
            "not_run": list(life.left.tests) if life is lived.each[-1] else [],
        }
        for life in lived.each
    ]
