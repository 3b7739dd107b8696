"""What comes out of the guest's results port -> results and the state of the machine.

The guest's init frames the raw output of the suites with lines of its own, a marker and one JSON object each::

    @@reroll {"event":"ready"}                                userspace is up
    @@reroll {"event":"begin","suite":"test_progs"}           what follows is this suite's output
    @@reroll {"event":"end","suite":"test_progs","exit":1}    and its exit code
    @@reroll {"event":"clocks","jiffies":1,"uptime":0.5}      the guest's clocks, where the kernel looks for leaks
    @@reroll {"event":"done"}                                 all suites were run; the guest powers off

The init writes a newline before each, for a suite's last line may lack one. A suite may begin again (with other
tests); its results go on counting. The code under test runs as root beside the init and may forge every line: all it
gains is wrong results for its own run.
"""

import json
import re
from dataclasses import dataclass

from app.domain.outcome import TestResult
from app.domain.testlog import SuiteParser, SuiteSummary, parser_for
from app.domain.testlog.lines import LineSplitter, line_size, text_of

MARK = b"@@reroll "
MAX_SUITES = 32
MAX_INVOKED = 1000
_MAX_FRAME = 4096
_SUITE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MAX_STRAY = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """One suite in one machine. `exit_code` is None when the machine ended before the suite did."""

    suite: str
    exit_code: int | None
    summary: SuiteSummary

    @property
    def ended(self) -> bool:
        """Whether the suite ran to its own end, so that what it did not report did not exist."""
        return self.summary.complete and self.exit_code is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """A suite run once: a machine may run one several times, each time with other tests.

    `ended`: it came to its own end. `last_test` is the last top-level test that reported; `crash` what killed the
    program, when it said so; `said` its last words (a line, "" for none) that belong to no result.
    """

    suite: str
    exit_code: int | None
    ended: bool
    last_test: str | None
    crash: str | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEnd:
    """The end of the stream: the results held back, what became of each suite, and whether the init said so.

    `invoked` are the suites in the order in which they were run, a suite as often as it was. `stray` is output outside
    every suite (at most 40 lines): what the init itself had to say.
    """

    results: tuple[TestResult, ...]
    suites: tuple[SuiteRun, ...]
    invoked: tuple[Invoked, ...]
    ready: bool
    done: bool
    stray: tuple[str, ...]


class GuestStream:
    """Reads the results port as it streams, in bounded memory; never raises on what it reads.

    `ready`, `done`, `clocks` (the last that were told: jiffies, and seconds since the guest began), `suite` (the one
    that is running), `begun` (how often one was) and `last_test` may be looked at between calls. `offset` is where in
    the log of the whole, in bytes, this stream begins.
    """

    def __init__(self, *, offset: int = 0) -> None:
        self.ready = False
        self.done = False
        self.clocks: tuple[int, float] | None = None
        self.suite: str | None = None
        self._splitter = LineSplitter()
        self._offset = offset
        self._invoked: list[Invoked] = []
        self._parsers: dict[str, SuiteParser] = {}
        self._exits: dict[str, int | None] = {}
        self._stray: list[str] = []

    @property
    def begun(self) -> int:
        """How many times a suite was begun."""
        return len(self._invoked) + (self.suite is not None)

    @property
    def last_test(self) -> str | None:
        """The last top-level test of the suite that runs which reported; None before the first, and between suites."""
        return None if self.suite is None else self._parsers[self.suite].last_test

    def feed(self, data: bytes) -> list[TestResult]:
        """Read the next bytes; return the results that they complete, in order."""
        results: list[TestResult] = []
        for lines in self._splitter.feed(data):
            results += self._take(lines)
        return results

    def finish(self) -> GuestEnd:
        """End the stream, wherever it was cut off."""
        results = self._take(self._splitter.finish())
        results += self._close()
        suites = []
        for suite, parser in self._parsers.items():
            end = parser.end()
            results += end.results
            suites.append(SuiteRun(suite=suite, exit_code=self._exits[suite], summary=end.summary))
        return GuestEnd(
            results=tuple(results),
            suites=tuple(suites),
            invoked=tuple(self._invoked),
            ready=self.ready,
            done=self.done,
            stray=tuple(self._stray),
        )

    def _take(self, lines: list[bytes]) -> list[TestResult]:
        results: list[TestResult] = []
        done = 0
        for at, line in enumerate(lines):
            if line.startswith(MARK):
                results += self._output(lines[done:at])
                results += self._frame(line)
                self._offset += line_size(line)
                done = at + 1
        return results + self._output(lines[done:])

    def _output(self, lines: list[bytes]) -> list[TestResult]:
        results: list[TestResult] = []
        if self.suite is not None:
            results = self._parsers[self.suite].take(lines, self._offset)
        elif len(self._stray) < _MAX_STRAY:
            self._stray += [text_of(line)[:500] for line in lines[: _MAX_STRAY - len(self._stray)]]
        self._offset += sum(map(line_size, lines))
        return results

    def _frame(self, line: bytes) -> list[TestResult]:
        frame = _decode(line)
        match frame.get("event"):
            case "ready":
                self.ready = True
            case "done":
                self.done = True
            case "clocks":
                self.clocks = _clocks(frame.get("jiffies"), frame.get("uptime"))
            case "begin":
                results = self._close()
                self._begin(frame.get("suite"))
                return results
            case "end" if self.suite is not None and frame.get("suite") == self.suite:
                code = frame.get("exit")
                self._exits[self.suite] = code if isinstance(code, int) and abs(code) < 1 << 31 else None
                return self._close()
        return []

    def _begin(self, suite: object) -> None:
        if not isinstance(suite, str) or not _SUITE.fullmatch(suite) or len(self._invoked) >= MAX_INVOKED:
            return
        if suite not in self._parsers:
            if len(self._parsers) >= MAX_SUITES:
                return
            self._parsers[suite] = parser_for(suite)
        self._parsers[suite].begin()
        self._exits[suite] = None
        self.suite = suite

    def _close(self) -> list[TestResult]:
        """Leave the running suite; return what its parser had held back."""
        if self.suite is None:
            return []
        suite, self.suite = self.suite, None
        end, code = self._parsers[suite].end(), self._exits[suite]
        self._invoked.append(
            Invoked(
                suite=suite,
                exit_code=code,
                ended=code is not None and end.summary.complete,
                last_test=end.summary.last_test,
                crash=end.summary.crash,
                said=end.summary.rest.strip().rpartition("\n")[2][:200],
            )
        )
        return list(end.results)


def _clocks(jiffies: object, uptime: object) -> tuple[int, float] | None:
    if not isinstance(jiffies, int) or not 0 < jiffies < 1 << 64:
        return None
    return (jiffies, float(uptime)) if isinstance(uptime, int | float) and 0 <= uptime < 1 << 32 else None


def _decode(line: bytes) -> dict[str, object]:
    """Return the frame's object; {} for anything else."""
    if len(line) > _MAX_FRAME:
        return {}
    try:
        frame = json.loads(line[len(MARK) :])
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}
