"""boot and selftests: one life of one machine, its results stored as they stream."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from app.config import ProfileSettings
from app.domain.console import ConsoleEvent, ConsoleScanner
from app.domain.guest_stream import GuestEnd, GuestStream
from app.domain.outcome import Outcome, Step, Tally, TestResult
from app.errors import InfrastructureError
from app.services.records import BootKey
from workers.ports import Boot, Ending, Image, Machine
from workers.recorder import Recorder, StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one machine's life showed. `complete`: every suite ran to its end, so that what is absent did not exist."""

    boot: Boot
    end: GuestEnd
    results: tuple[TestResult, ...]
    events: tuple[ConsoleEvent, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing was cut off."""
        return self.end.done and all(suite.ended for suite in self.end.suites)

    @property
    def tally(self) -> Tally:
        """How many tests ended how, over all suites."""
        each = [asdict(suite.summary.tally) for suite in self.end.suites]
        return Tally(**{name: sum(one[name] for one in each) for name in asdict(Tally())})


@dataclass(slots=True, kw_only=True)
class Tap:
    """Where a machine's two ports go while it lives: to the readers, and to the logs of the step that runs."""

    stream: GuestStream = field(default_factory=GuestStream)
    scanner: ConsoleScanner = field(default_factory=ConsoleScanner)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[TestResult] = field(default_factory=list)
    on_result: Callable[[TestResult], None] = lambda _result: None
    console_log: Callable[[bytes], None] = lambda _data: None
    results_log: Callable[[bytes], None] = lambda _data: None

    def console(self, data: bytes) -> None:
        """Take bytes of the console."""
        self.console_log(data)
        self.scanner.feed(data)

    def port(self, data: bytes) -> None:
        """Take bytes of the results port."""
        self.results_log(data)
        self._take(self.stream.feed(data))
        if self.stream.ready:
            self.ready.set()

    def finish(self, boot: Boot) -> Life:
        """End both readers."""
        end = self.stream.finish()
        self._take(end.results)
        return Life(boot=boot, end=end, results=tuple(self.results), events=self.scanner.finish().events)

    def write_to(self, record: StepRecord, key: BootKey) -> None:
        """Send logs and results to a step from here on."""
        self.console_log, self.results_log = record.log("console"), record.log("results")
        self.on_result = lambda result: record.result(key, result)

    def _take(self, results: Sequence[TestResult]) -> None:
        for result in results:
            self.results.append(result)
            self.on_result(result)


async def boot_and_test(
    recorder: Recorder, machine: Machine, image: Image, profile: ProfileSettings, *, tests: Sequence[str]
) -> Life:
    """Boot an image once and run the tests; records the steps boot and selftests."""
    tap = Tap()
    life = asyncio.create_task(machine.run(image, profile, tests=tests, console=tap.console, results=tap.port))
    try:
        async with recorder.step(Step.BOOT) as record:
            tap.write_to(record, BootKey())
            await _until_ready(tap, life)
            if not tap.ready.is_set():
                lived = tap.finish(await life)
                _say_no_boot(record, lived)
                return lived
            record.summary = "userspace is up"
        async with recorder.step(Step.SELFTESTS) as record:
            tap.write_to(record, BootKey())
            lived = tap.finish(await life)
            _say_tests(record, lived, tests)
        return lived
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def boot_quietly(machine: Machine, image: Image, profile: ProfileSettings, *, tests: Sequence[str]) -> Life:
    """Boot an image once and run the tests, recording nothing: for the judge's confirming boots."""
    tap = Tap()
    boot = await machine.run(image, profile, tests=tests, console=tap.console, results=tap.port)
    return tap.finish(boot)


async def _until_ready(tap: Tap, life: "asyncio.Task[Boot]") -> None:
    ready = asyncio.create_task(tap.ready.wait())
    try:
        await asyncio.wait({ready, life}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ready.cancel()
    if life.done():
        life.result()


def _say_no_boot(record: StepRecord, life: Life) -> None:
    record.outcome = Outcome.FAIL
    what = life.events[0].title if life.events else f"no userspace after {life.boot.wall_s:.0f} s"
    record.summary = f"{life.boot.ending}: {what}"
    record.detail = _detail(life)


def _say_tests(record: StepRecord, life: Life, tests: Sequence[str]) -> None:
    """Say how many tests ended how, or why they were cut short. A time limit of the whole is ours, not the tree's."""
    counted = life.tally
    record.summary = f"{counted.passed} pass, {counted.failed + counted.errors} fail, {counted.skipped} skip"
    record.detail = _detail(life)
    if life.complete:
        return
    if life.boot.ending is Ending.TIME_LIMIT:
        raise InfrastructureError(f"the tests were not through after {life.boot.wall_s:.0f} s ({record.summary})")
    cuts = [why for suite in life.end.suites if (why := suite.why_cut(tests))]
    titles = [event.title for event in life.events]
    record.outcome = Outcome.FAIL
    record.summary = "; ".join([*titles[:1], *cuts]) or f"the machine ended: {life.boot.ending}"


def _detail(life: Life) -> dict[str, object]:
    return {
        "ending": life.boot.ending,
        "accelerator": life.boot.accelerator,
        "wall_s": round(life.boot.wall_s, 2),
        "booted_s": life.boot.booted_s,
        "events": [asdict(event) for event in life.events],
        "tally": asdict(life.tally),
        "stray": list(life.end.stray),
    }
