"""test_progs' human output -> results.

tools/testing/selftests/bpf/test_progs.c prints, when a test has ended: the test's own log if it failed, then for each
subtest its log if it failed and `#12/3    name/subtest:OK|FAIL|SKIP`, then `#12      name:OK|FAIL|SKIP|OK (SKIP: a/b)`;
newer trees also `SKIP (not built)`. At the very end all that failed is printed once more under `All error logs:`, then
`Summary: a/b PASSED, c SKIPPED, d FAILED` (newer: `e/f FAILED`, `(d not built)`).

Before Linux 5.19 nothing is padded, and before 5.16 a subtest is `#12/3 subtest:OK`, without its test's name, and there
are no error logs at the end; older summaries lack what they did not count.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import Explanation, LogWindow
from app.domain.testlog.lines import MAX_LINE, text_of
from app.domain.testlog.suite import MAX_RESULTS, ClaimedSummary, Span, SuiteEnd, SuiteParser

_STARTS = (b"#", b"Summary: ", b"All error logs:", b"Caught signal #", b"WATCHDOG: ", b"[")
_ENDS = (b":OK", b":FAIL", b":SKIP", b")", b"\r")

# Other processes' output may lack its newline, so that a result follows it on the same line.
_RESULT = re.compile(
    rb"#(?P<number>\d{1,9})(?:/(?P<sub>\d{1,9}))? +(?P<name>[A-Za-z0-9_]{1,128})(?(sub)/(?P<subname>.{0,2000}))"
    rb":(?P<word>OK|FAIL|SKIP)(?P<more> \(SKIP: \d+/\d+\)| \(not built\))?\s*\Z",
    re.DOTALL,
)
_OLD_SUBTEST = re.compile(
    rb"#(?P<number>\d{1,9})/\d{1,9} (?P<old>[^ ].{0,2000}):(?P<word>OK|FAIL|SKIP)\s*\Z", re.DOTALL
)
_NAME = re.compile(r"[A-Za-z0-9_]{1,128}")
_SUMMARY = re.compile(
    rb"Summary: (\d{1,9})(?:/(\d{1,9}))? PASSED(?:, (\d{1,9}) SKIPPED(?: \(\d+ not built\))?)?"
    rb", (\d{1,9})(?:/\d{1,9})? FAILED"
)
# A worker of `-j` says its number.
_SIGNAL = re.compile(rb"(?:\[\d{1,9}\]: )?Caught signal #(\d{1,3})!")
_OUTCOMES = {b"OK": Outcome.PASS, b"FAIL": Outcome.FAIL, b"SKIP": Outcome.SKIP}
_MAX_NAMED_SUBTESTS = 5
_MAX_OWN_LOG = 64 * 1024
"""Characters of what a test itself printed that are kept until its own line."""
_MAX_HASHES = 4
_PADDED = len("#1234567 ")
"""Where the name begins at the least since test_progs pads the number to seven columns."""
_MAX_OPEN = 64
"""Tests of which subtests were printed and not their own line; `-j` takes as many workers as there are processors."""
_MAX_HELD = 10_000
"""Subtests that wait for their test's name."""


@dataclass(slots=True)
class _OwnLog:
    """What a test itself printed between its subtests."""

    lines: list[str] = field(default_factory=list)
    size: int = 0

    def extend(self, log: LogWindow) -> None:
        for line in log.lines() if self.size < _MAX_OWN_LOG else ():
            self.lines.append(line[: _MAX_OWN_LOG - self.size])
            self.size += len(line) + 1
            if self.size >= _MAX_OWN_LOG:
                return


@dataclass(slots=True)
class _OpenTest:
    """The top-level test whose subtests are being printed."""

    name: str
    subtests: int = 0
    failed: list[str] = field(default_factory=list)
    own_log: _OwnLog = field(default_factory=_OwnLog)


@dataclass(frozen=True, slots=True)
class _Held:
    """A subtest whose test has not been named yet."""

    name: str
    outcome: Outcome
    why: Explanation | None
    span: Span | None


@dataclass(slots=True)
class _Nameless:
    """A test of which the number is known, by its subtests."""

    subtests: list[_Held] = field(default_factory=list)
    own_log: _OwnLog = field(default_factory=_OwnLog)

    def name(self) -> str | None:
        """Return what the subtests say before a slash, where all say the same: since Linux 5.16 that is their test."""
        names = {one.name.partition("/")[0] if "/" in one.name else "" for one in self.subtests}
        return name if len(names) == 1 and _NAME.fullmatch(name := names.pop()) else None


class TestProgsParser(SuiteParser):
    """Reads test_progs and its flavours (`test_progs-no_alu32`, `test_progs-cpuv4`), one process or `-j`."""

    __test__ = False  # pytest: not a test case

    def __init__(self, suite: str = "test_progs") -> None:
        super().__init__(suite)
        self._open: dict[str, _OpenTest] = {}  # several with `-j`
        self._log = LogWindow()
        self._log_start = 0
        self._log_end = 0
        self._failed: set[str] = set()
        self._repeating = False
        self._counted = [0, 0]
        self._held: dict[bytes, _Nameless] = {}
        self._holding = 0
        self._released: set[bytes] = set()

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        if not self._log:
            self._log_start = offset
        sizes = list(map(len, lines))
        results: list[TestResult] = []
        done = 0
        telling = [n for n, line in enumerate(lines) if line and (line.startswith(_STARTS) or line.endswith(_ENDS))]
        for at in telling:
            line = lines[at]
            if self._recorded >= MAX_RESULTS and line.startswith(b"#"):
                self._dropped += 1
                continue
            found = _find_result(line)
            if found is None:
                self._other(line)
                continue
            self._log.extend(lines[done:at])
            offset += _stream_size(sizes[done:at])
            if found.start() > 0:
                self._log.extend([line[: found.start()]])
            self._log_end = offset + found.start()
            results += self._result(found)
            offset += _stream_size(sizes[at : at + 1])
            done = at + 1
            self._log.clear()
            self._log_start = offset
        self._log.extend(lines[done:])
        return results

    def end(self) -> SuiteEnd:
        """Say what is left; a test whose subtests were printed but not its own line has not ended."""
        rest = () if self.complete else self._log.lines()
        self._log.clear()
        self._repeating = False
        nameless = [result for number in list(self._held) for result in self._release(number)]
        if not self.complete:
            for name in self._open:
                self._leave(name)
        self._open.clear()
        return SuiteEnd(results=tuple(nameless), summary=self._summary(rest))

    def _other(self, line: bytes) -> None:
        """Read a line that may say something about the whole program."""
        if line.startswith(b"All error logs:"):
            self._repeating = True
        elif line.startswith(b"WATCHDOG: "):
            if b"terminating" in line:  # before that it only says that a test is slow
                self._crash = text_of(line)[:300]
        elif signal := _SIGNAL.match(line):
            self._crash = self._crash or f"caught signal {int(signal[1])}"
        elif summary := _SUMMARY.match(line):
            passed, subtests, skipped, failed = (None if number is None else int(number) for number in summary.groups())
            before = self._claimed or ClaimedSummary(passed=0, subtests=0, skipped=0, failed=0)
            self._claimed = ClaimedSummary(
                passed=before.passed + (passed or 0),
                subtests=None if subtests is None else (before.subtests or 0) + subtests,
                skipped=before.skipped + (skipped or 0),
                failed=before.failed + (failed or 0),
            )
            self.complete = True
            self._repeating = False

    def _result(self, found: re.Match[bytes]) -> list[TestResult]:
        outcome = _OUTCOMES[found["word"]]
        if _is_unpadded_subtest(found):
            self._hold(found, outcome)
            return []
        more = (found["more"] or b"").decode().strip(" ()")
        test = text_of(found["name"])
        name = test if found["sub"] is None else f"{test}/{text_of(found['subname'])}"
        if self._repeating:
            if outcome is Outcome.FAIL and name in self._failed:
                return []
            self._repeating = False  # a test printed those words; this result is not a repetition
        if outcome is Outcome.FAIL and len(self._failed) < MAX_RESULTS:
            self._failed.add(name)
        opened = self._open.pop(test, None) or _OpenTest(name=test)
        results = []
        if found["sub"] is not None:
            self._keep_open(opened)
            results.append(self._subtest(opened, name, outcome, more))
        else:
            results += self._release(found["number"], opened)
            results.append(self._test(opened, outcome, more))
        return [result for result in results if result is not None]

    def _keep_open(self, test: _OpenTest) -> None:
        """Wait for a test's own line, not for those of very many."""
        self._open[test.name] = test
        if len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]

    def _hold(self, found: re.Match[bytes], outcome: Outcome) -> None:
        """Keep a subtest until the line of its test, which names it."""
        if self._repeating and found["number"] in self._released:
            return
        if self._holding >= _MAX_HELD:
            self._dropped += 1
            return
        self._holding += 1
        test = self._held.setdefault(found["number"], _Nameless())
        span = self._span() if outcome is Outcome.FAIL else self._printed()
        why = self._explain(span.lines) if span is not None and outcome is Outcome.FAIL else None
        if outcome is not Outcome.FAIL and len(self._held) <= _MAX_OPEN:
            test.own_log.extend(self._log)
        place = None if span is None else Span(lines=(), start=span.start, end=span.end)
        name = found["old"] if found.re is _OLD_SUBTEST else found["name"] + b"/" + found["subname"]
        test.subtests.append(_Held(text_of(name), outcome, why, place))

    def _release(self, number: bytes, test: _OpenTest | None = None) -> list[TestResult]:
        """Record the subtests that were held for the test of a number; it names them, where it got that far."""
        held = self._held.pop(number, None)
        if held is None:
            return []
        self._released.add(number)
        self._holding -= len(held.subtests)
        if test is None:
            test = _OpenTest(name=held.name() or f"#{number.decode()}")
            self._keep_open(test)
        test.own_log.lines += held.own_log.lines
        results = []
        whole = held.name() == test.name
        for one in held.subtests:
            name = one.name if whole else f"{test.name}/{one.name}"
            self._counted[0] += one.outcome is Outcome.PASS
            test.subtests += 1
            test.failed += [name] if one.outcome is Outcome.FAIL else []
            results.append(self._record(name, one.outcome, parent=test.name, why=one.why, span=one.span))
        return [result for result in results if result is not None]

    def _subtest(self, test: _OpenTest, name: str, outcome: Outcome, more: str) -> TestResult | None:
        test.subtests += 1
        self._counted[0] += outcome is Outcome.PASS
        if outcome is not Outcome.FAIL:
            # Without -v only a failing subtest's log is printed: what stands here is the test's own.
            test.own_log.extend(self._log)
            why = Explanation(message=more, detail=None) if more else None
            return self._record(name, outcome, parent=test.name, why=why, span=self._printed())
        test.failed.append(name)
        span = self._span()
        return self._record(name, outcome, parent=test.name, why=self._explain(span.lines), span=span)

    def _test(self, test: _OpenTest, outcome: Outcome, more: str) -> TestResult | None:
        self._counted[1] += outcome is Outcome.FAIL
        if outcome is not Outcome.FAIL:
            why = Explanation(message=_remark(more), detail=None) if more else None
            return self._record(test.name, outcome, aggregate=test.subtests > 0, why=why, span=self._printed())
        span = self._span()
        why = self._explain([*test.own_log.lines, *span.lines])
        if test.failed:
            why = Explanation(message=_failed_subtests(test), detail=why.detail)
        span_or_none = span if span.lines else None
        return self._record(test.name, outcome, aggregate=bool(test.failed), why=why, span=span_or_none)

    def _agrees(self) -> bool | None:
        """Compare passed subtests and failed tests, which test_progs counts as they are here."""
        if self._claimed is None or self._claimed.subtests is None:
            return None
        return [self._claimed.subtests, self._claimed.failed] == self._counted

    def _printed(self) -> Span | None:
        """Return where the log of a test that did not fail is, where it printed any."""
        return Span(lines=(), start=self._log_start, end=self._log_end) if self._log else None

    def _span(self) -> Span:
        return Span(lines=tuple(self._log.lines()), start=self._log_start, end=self._log_end)


def _find_result(line: bytes) -> re.Match[bytes] | None:
    """Return the result in a line: at its start, or after foreign output that lacked a newline; an old one's last."""
    found = _RESULT.match(line)
    if found is not None or b":" not in line:
        return found
    end = len(line)
    for _ in range(_MAX_HASHES):
        at = line.rfind(b"#", 0, end)
        if at <= 0:
            break
        found = _RESULT.match(line, at)
        # A line that only looks alike is a log's.
        if found is not None and found.start("name") - at >= _PADDED:
            return found
        end = at
    return _OLD_SUBTEST.match(line)


def _is_unpadded_subtest(found: re.Match[bytes]) -> bool:
    """Whether only its test's line says whether a subtest bears its test's name before a slash, or has one itself."""
    if found.re is _OLD_SUBTEST:
        return True
    before = found.start("name") - found.start()
    return found["sub"] is not None and before == found.end("sub") - found.start() + 1 < _PADDED


def _stream_size(sizes: Sequence[int]) -> int:
    """Return how many bytes of the stream lines of these sizes took (see `LineSplitter`)."""
    return sum(sizes) + len(sizes) - sizes.count(MAX_LINE)


def _remark(more: str) -> str:
    if more.startswith("SKIP: "):
        skipped, total = more.removeprefix("SKIP: ").split("/")
        return f"{skipped} of {total} subtests skipped"
    return more


def _failed_subtests(test: _OpenTest) -> str:
    names = [name.partition("/")[2] for name in test.failed]
    more = f" and {len(names) - _MAX_NAMED_SUBTESTS} more" if len(names) > _MAX_NAMED_SUBTESTS else ""
    return f"{len(names)} of {test.subtests} subtests failed: {', '.join(names[:_MAX_NAMED_SUBTESTS])}{more}"
