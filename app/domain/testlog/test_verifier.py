"""test_verifier's output -> results.

tools/testing/selftests/bpf/test_verifier.c prints `#12/p description OK`, `#12/u description SKIP` (u: as an
unprivileged user), or `FAIL` with the reason on the lines after it. Numbers shift, so a test is named
`description/p` or `description/u`.
"""

import re

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import LogWindow
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import ClaimedSummary, Span, SuiteEnd, SuiteParser

_RESULT = re.compile(rb"#\d{1,9}/([pu]) (.{1,2000}?) (OK|SKIP|FAIL)(?:\b.*)?\s*\Z", re.DOTALL)
_SUMMARY = re.compile(rb"Summary: (\d{1,9}) PASSED, (\d{1,9}) SKIPPED, (\d{1,9}) FAILED")
_EXTRA = re.compile(rb"(?: \d+ cases| Did not run the program \([^)]*\))+\Z")
_OUTCOMES = {b"OK": Outcome.PASS, b"FAIL": Outcome.FAIL, b"SKIP": Outcome.SKIP}


class TestVerifierParser(SuiteParser):
    """Reads test_verifier. A failure's reason follows it, so a failing result comes with the next line that ends it."""

    __test__ = False  # pytest: not a test case

    def __init__(self, suite: str = "test_verifier") -> None:
        super().__init__(suite)
        self._failing: tuple[str, int] | None = None
        self._log = LogWindow()
        self._taken_to = 0

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        results: list[TestResult | None] = []
        for line in lines:
            found = _RESULT.match(line) if line.startswith(b"#") else None
            if found is not None:
                results.append(self._close(offset))
                results.append(self._result(found, line, offset))
            elif summary := _SUMMARY.match(line):
                results.append(self._close(offset))
                passed, skipped, failed = map(int, summary.groups())
                self._claimed = ClaimedSummary(passed=passed, subtests=None, skipped=skipped, failed=failed)
                self.complete = True
            else:
                self._log.extend([line])
            offset += line_size(line)
        self._taken_to = offset
        return [result for result in results if result is not None]

    def end(self) -> SuiteEnd:
        """Return the failing test that was still open, if any, and the summary."""
        rest = [] if self.complete or self._failing else self._log.lines()
        last = self._close(self._taken_to)
        return SuiteEnd(results=() if last is None else (last,), summary=self._summary(rest))

    def _result(self, found: re.Match[bytes], line: bytes, offset: int) -> TestResult | None:
        self._log.clear()
        name = f"{text_of(_EXTRA.sub(b'', found[2]))}/{found[1].decode()}"
        outcome = _OUTCOMES[found[3]]
        if outcome is not Outcome.FAIL:
            return self._record(name, outcome)
        self._failing = (name, offset)
        self._log.extend([line[found.end(3) :].strip(b" :")])
        return None

    def _close(self, offset: int) -> TestResult | None:
        if self._failing is None:
            return None
        (name, start), self._failing = self._failing, None
        lines = tuple(self._log.lines())
        self._log.clear()
        span = Span(lines=lines, start=start, end=offset)
        return self._record(name, Outcome.FAIL, why=self._explain(lines), span=span)
