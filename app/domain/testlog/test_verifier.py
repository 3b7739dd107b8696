"""test_verifier's output -> results.

tools/testing/selftests/bpf/test_verifier.c prints `#12/p description OK`, `#12/u description SKIP` (u: as an
unprivileged user), or `FAIL` with the reason on the lines after it. Where something else has to be said first, such as
the verifier's log with `-v`, the word begins a line of its own. Numbers shift, so a test is named `description/p` or
`description/u`.
"""

import re

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import Explanation, LogWindow
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import ClaimedSummary, Span, SuiteEnd, SuiteParser

# The last of the words counts: descriptions may hold them too.
_RESULT = re.compile(rb"#\d{1,9}/([pu]) (.{1,2000}) (OK|SKIP|FAIL)\b(.*)\Z", re.DOTALL)
_BEGUN = re.compile(rb"#\d{1,9}/([pu]) (.{1,2000}?) ?(?:, verifier log:|Failed to (?:create|load) .*)\s*\Z", re.DOTALL)
_WORD = re.compile(rb"(?:\d+ cases |Did not run the program \([^)]{0,200}\) ){0,16}(OK|SKIP|FAIL)\b(.*)\Z", re.DOTALL)
_SUMMARY = re.compile(rb"Summary: (\d{1,9}) PASSED, (\d{1,9}) SKIPPED, (\d{1,9}) FAILED")
# A program is run up to eight times; each run says how it failed.
_EXTRA = re.compile(
    rb"(?: \d{1,9} cases| Did not run the program \([^)]{0,200}\)"
    rb"| FAIL(?: retval -?\d{1,19} != -?\d{1,19}|: Unexpected bpf_prog_test_run error \([^)]{0,200}\))"
    rb" \(run \d/\d\)){1,16}\Z"
)
_WORDS = (b"OK", b"SKIP", b"FAIL", b"Did not run", *(b"%d" % digit for digit in range(10)))
_OUTCOMES = {b"OK": Outcome.PASS, b"FAIL": Outcome.FAIL, b"SKIP": Outcome.SKIP}


class TestVerifierParser(SuiteParser):
    """Reads test_verifier. A failure's reason follows it, so a failing result comes with the next line that ends it."""

    __test__ = False  # pytest: not a test case

    def __init__(self, suite: str = "test_verifier") -> None:
        super().__init__(suite)
        self._failing: tuple[str, int] | None = None
        self._begun: tuple[str, int] | None = None
        self._log = LogWindow()
        self._taken_to = 0

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        results: list[TestResult | None] = []
        for line in lines:
            numbered = line.startswith(b"#")
            if numbered and (found := _RESULT.match(line)):
                results.append(self._close(offset))
                name, before = _name(found)
                results.append(self._result(name, offset, found[3], before + found[4]))
            elif numbered and (found := _BEGUN.match(line)):
                results.append(self._close(offset))
                self._log.clear()
                self._begun = _name(found)[0], offset
            elif self._begun and line.startswith(_WORDS) and (found := _WORD.match(line)):
                (name, start), self._begun = self._begun, None
                results.append(self._result(name, start, found[1], found[2]))
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
        if self._begun:
            self._leave(self._begun[0])
        self._begun = None
        return SuiteEnd(results=() if last is None else (last,), summary=self._summary(rest))

    def _result(self, name: str, offset: int, word: bytes, more: bytes) -> TestResult | None:
        outcome = _OUTCOMES[word]
        said = more.strip(b" :\r")
        self._begun = None
        self._log.clear()  # the verifier's log comes once more, after the reason
        if outcome is Outcome.FAIL:
            self._failing = (name, offset)
            self._log.extend([said])
            return None
        remark = text_of(said).strip("()") if outcome is Outcome.SKIP else ""
        why = Explanation(message=remark, detail=None) if remark else None
        return self._record(name, outcome, why=why)

    def _close(self, offset: int) -> TestResult | None:
        if self._failing is None:
            return None
        (name, start), self._failing = self._failing, None
        lines = tuple(self._log.lines())
        self._log.clear()
        span = Span(lines=lines, start=start, end=offset)
        said = next(filter(None, lines), None)
        why = Explanation(message=said, detail=self._explain(lines).detail)
        return self._record(name, Outcome.FAIL, why=why, span=span)


def _name(found: re.Match[bytes]) -> tuple[str, bytes]:
    """Return a test's name, and how its runs before the last one failed, as far as that stands in the same line."""
    extra = _EXTRA.search(found[2])
    words = found[2][: extra.start()] if extra else found[2]
    failed = extra[0].partition(b" FAIL")[2] if extra else b""
    return f"{text_of(words)}/{found[1].decode()}", failed and failed + b" FAIL"
