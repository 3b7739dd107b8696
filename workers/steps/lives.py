"""The lives of the machines of one run: what their ports say while they live, and what it comes to together."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.config import ProfileSettings
from app.domain.console import ConsoleEvent, ConsoleScanner, Running
from app.domain.guest_stream import GuestEnd, GuestStream
from app.domain.leaks import Ended, Tick, attributed
from app.domain.lives import Death, Left, left_behind, running
from app.domain.outcome import Outcome, Tally, TestResult
from app.domain.suites import FLAVOURS, origin, spelled
from app.services.records import BootKey
from workers.ports import Boot, Ending, Image, Symbols
from workers.recorder import StepRecord

BLUR_S = 0.3
"""Results and console come by ports of their own: what comes within this of the other may have been before it."""
MOST_TICKS = 10
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

    What comes by the results port before there is a log for it is held for the one that comes. `through` is set when a
    test has a result that is none of `first`: tests run one after the other, in their order.
    """

    tests: tuple[str, ...]
    first: frozenset[str] = frozenset()
    through: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 1
    stream: GuestStream = field(default_factory=GuestStream)
    scanner: ConsoleScanner = field(default_factory=ConsoleScanner)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[TestResult] = field(default_factory=list)
    on_result: Callable[[TestResult], None] = lambda _result: None
    console_log: Callable[[bytes], None] = lambda _data: None
    results_log: Callable[[bytes], None] | None = None
    held: bytearray = field(default_factory=bytearray)
    ended: list[Ended] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    taken: int = 0
    reported_at: float = -BLUR_S

    def __post_init__(self) -> None:
        """Have complaints know what runs."""
        self.scanner.running = self._running

    def console(self, data: bytes) -> None:
        """Take bytes of the console."""
        self.console_log(data)
        self.scanner.feed(data)

    def port(self, data: bytes) -> None:
        """Take bytes of the results port."""
        self.taken += len(data)
        if self.results_log is None:
            self.held += data
        else:
            self.results_log(data)
        before, clocks = self.stream.last_test, self.stream.clocks
        self._take(self.stream.feed(data))
        if self.stream.last_test != before:
            self.reported_at = time.monotonic()
        if self.stream.clocks not in {None, clocks} and len(self.ticks) < MOST_TICKS:
            jiffies, uptime_s = self.stream.clocks or (0, 0.0)
            self.ticks.append(Tick(jiffies=jiffies, uptime_s=uptime_s, arrived_s=time.monotonic()))
        if self.stream.ready:
            self.ready.set()

    async def finish(self, boot: Boot, image: Image, profile: ProfileSettings, symbols: Symbols | None) -> Life:
        """End both readers; `symbols` looks up where in the source the kernel complained."""
        end = self.stream.finish()
        self._take(end.results)
        events = attributed(self.scanner.finish().events, self.ticks, self.ended, blur_s=BLUR_S)
        if symbols is not None:
            events = await symbols.decode(image.folder / "vmlinux", events)
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
            if self.first and origin(result.suite, result.name) not in self.first:
                self.through.set()
            if result.parent is None and result.suite in FLAVOURS:
                self.ended.append(Ended(test=spelled(result.suite, result.name), at_s=time.monotonic()))
            self.on_result(result)


def _death(boot: Boot, profile: ProfileSettings) -> Death:
    if boot.ending is Ending.SILENT:
        return Death(words=f"no result for {profile.silence_timeout.total_seconds():.0f} s", hung=True)
    return Death(words=_WORDS.get(boot.ending, "the machine ended"), ours=boot.ending is Ending.TIME_LIMIT)


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
