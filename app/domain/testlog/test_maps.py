"""test_maps' output -> results.

tools/testing/selftests/bpf/test_maps.c asserts its way through: `test_name:PASS` for the tests of map_tests/ as they
end, `test_maps: OK, N SKIPPED` at the very end, and at the first failure a message and exit code 1, or an assertion's.
"""

import re

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import LogWindow
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import ClaimedSummary, Span, SuiteEnd, SuiteParser

_PASSED = re.compile(rb"([A-Za-z0-9_]{1,200})(?::(PASS|SKIP)\b(?!:)| (SKIP) \()")
_FAILED = re.compile(rb"([A-Za-z0-9_]{1,200})(?:\(\d+\))?:FAIL:")
_ASSERTION = re.compile(rb"(?:\./)?test_maps: .{1,400}: Assertion .* failed\.")
_OVER = re.compile(rb"test_maps: OK, (\d{1,9}) SKIPPED")
_OUTCOMES = {b"PASS": Outcome.PASS, b"SKIP": Outcome.SKIP}


class TestMapsParser(SuiteParser):
    """Reads test_maps; its own end is the result `test_maps`: a program that stopped before has none of that name."""

    __test__ = False  # pytest: not a test case

    def __init__(self, suite: str = "test_maps") -> None:
        super().__init__(suite)
        self._log = LogWindow()

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        results: list[TestResult | None] = []
        for line in lines:
            offset += line_size(line)
            if over := _OVER.match(line):
                self.complete = True
                self._claimed = ClaimedSummary(passed=1, subtests=None, skipped=int(over[1]), failed=0)
                results.append(self._record("test_maps", Outcome.PASS))
                self._log.clear()
            elif passed := _PASSED.match(line):
                results.append(self._record(passed[1].decode(), _OUTCOMES[passed[2] or passed[3]]))
                self._log.clear()
            elif failed := _FAILED.match(line):
                span = Span(lines=(*self._log.lines(), text_of(line)), start=offset - line_size(line), end=offset)
                results.append(self._record(failed[1].decode(), Outcome.FAIL, why=self._explain(span.lines), span=span))
                self._log.clear()
            else:
                if _ASSERTION.match(line):
                    # Of forks: what makes them fail makes their parent fail.
                    self._crash = self._crash or text_of(line)[:300]
                self._log.extend([line])
        return [result for result in results if result is not None]

    def end(self) -> SuiteEnd:
        """Return the summary; what was printed last is in its `rest` when the program did not reach its end."""
        if not self.complete and (self._recorded or self._log):
            self._leave("test_maps")
        return SuiteEnd(results=(), summary=self._summary([] if self.complete else self._log.lines()))
