"""What every suite's parser shares: lines, counting, ordinals, limits, and the summary at the end."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.outcome import Outcome, ProgramCounts, Tally, TestResult
from app.domain.testlog.excerpt import MAX_MESSAGE, Explanation, explain, explain_briefly, shorten
from app.domain.testlog.lines import LineSplitter, line_size

MAX_RESULTS = 100_000
"""Results that one suite may report; all BPF selftests are about 5,000. The rest is dropped and said so."""

MAX_EXPLAINED = 1000
"""Failures whose logs are read in depth; more than that explains nothing and costs time."""

MAX_NAME = 300
MAX_UNFINISHED = 1000
_MAX_REST = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedSummary:
    """What the suite itself counted, by its own rules; `subtests` counts passed ones, None where it has no such notion.

    test_progs counts a skipped test among the passed ones, and skipped tests and subtests together.
    """

    passed: int
    subtests: int | None
    skipped: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSummary:
    """A suite's end.

    `complete`: it reached its own summary, so that a test which is absent did not exist. `crash`: what killed the test
    program, when it said so. `last_test`: the last top-level test that reported. `dropped`: how many results, or lines
    that look like one, came after MAX_RESULTS. `agrees`: the suite counted what was read, so that nothing was lost on
    the way; None where it does not say.
    `rest`: the last output (at most 4,000 characters) that belongs to no result. `not_run`: what the output itself
    says was begun and that has no result (at most MAX_UNFINISHED); what else was to be run it does not say.
    """

    suite: str
    complete: bool
    tally: Tally
    claimed: ClaimedSummary | None
    agrees: bool | None
    crash: str | None
    last_test: str | None
    dropped: int
    rest: str
    not_run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteEnd:
    """What the end of a stream adds: results held back until then, and the summary."""

    results: tuple[TestResult, ...]
    summary: SuiteSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A test's log: its lines as text and where they lie in the stream (bytes)."""

    lines: tuple[str, ...]
    start: int
    end: int


class SuiteParser(ABC):
    """Reads one suite's output as it streams, in bounded memory; never raises on what it reads.

    Either `feed()` bytes and `finish()`, or, when another has cut the lines already, `take()` and `end()`.
    """

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.complete = False
        self._claimed: ClaimedSummary | None = None
        self._crash: str | None = None
        self._last_test: str | None = None
        self._rest = ""
        self._dropped = 0
        self._unfinished: dict[str, None] = {}
        self._explained = 0
        self._names: Counter[str] = Counter()
        self._recorded = 0
        self._tests = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._splitter = LineSplitter()
        self._offset = 0

    @abstractmethod
    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""

    @property
    def last_test(self) -> str | None:
        """The last top-level test that reported since the suite was begun."""
        return self._last_test

    def begin(self) -> None:
        """Forget how the suite ended before, for it runs once more; its results go on counting."""
        self.complete = False
        self._last_test = self._crash = None
        self._rest = ""

    @abstractmethod
    def end(self) -> SuiteEnd:
        """Say what is left when the suite's output is over; more output may follow when the suite is run again."""

    def feed(self, data: bytes) -> list[TestResult]:
        """Read the next bytes of the stream; return the results that they complete."""
        results: list[TestResult] = []
        for lines in self._splitter.feed(data):
            results += self.take(lines, self._offset)
            self._offset += sum(map(line_size, lines))
        return results

    def finish(self) -> SuiteEnd:
        """End the stream, a last line without a newline included."""
        last = self.take(self._splitter.finish(), self._offset)
        end = self.end()
        return SuiteEnd(results=(*last, *end.results), summary=end.summary)

    def _record(
        self,
        name: str,
        outcome: Outcome,
        *,
        parent: str | None = None,
        aggregate: bool = False,
        why: Explanation | None = None,
        span: Span | None = None,
        counts: ProgramCounts | None = None,
    ) -> TestResult | None:
        """Make a result and count it; None once the suite has reported MAX_RESULTS of them."""
        if self._recorded >= MAX_RESULTS:
            self._dropped += 1
            return None
        self._recorded += 1
        name = shorten(name, MAX_NAME)
        ordinal = self._names[name]
        self._names[name] += 1
        if parent is None:
            self._tests += 1
            self._last_test = name
        if not aggregate:
            self._outcomes[outcome] += 1
        return TestResult(
            suite=self.suite,
            name=name,
            ordinal=ordinal,
            outcome=outcome,
            parent=parent,
            aggregate=aggregate,
            message=shorten(why.message, MAX_MESSAGE) if why and why.message else None,
            detail=why.detail if why else None,
            log_start=span.start if span else None,
            log_end=span.end if span else None,
            counts=counts,
        )

    def _leave(self, name: str) -> None:
        """Say that the output told of a test that began, and no more of it."""
        if len(self._unfinished) < MAX_UNFINISHED:
            self._unfinished[shorten(name, MAX_NAME)] = None

    def _agrees(self) -> bool | None:
        """Compare what the suite counted with what was read; suites count differently."""
        return None

    def _explain(self, log: Sequence[str]) -> Explanation:
        self._explained += 1
        return explain(log) if self._explained <= MAX_EXPLAINED else explain_briefly(log)

    def _summary(self, rest: Sequence[str]) -> SuiteSummary:
        count = self._outcomes
        self._rest = "\n".join(rest)[-_MAX_REST:] or self._rest
        tally = Tally(
            tests=self._tests,
            leaves=count.total(),
            passed=count[Outcome.PASS],
            failed=count[Outcome.FAIL],
            errors=count[Outcome.ERROR],
            skipped=count[Outcome.SKIP],
        )
        return SuiteSummary(
            suite=self.suite,
            complete=self.complete,
            tally=tally,
            claimed=self._claimed,
            agrees=self._agrees(),
            crash=self._crash,
            last_test=self._last_test,
            dropped=self._dropped,
            rest=self._rest,
            not_run=tuple(name for name in self._unfinished if name not in self._names),
        )
