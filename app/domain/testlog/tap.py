"""TAP and KTAP -> results: kselftest's runner, programs that use ksft_*, KUnit, and test_maps' one line.

Rules: https://docs.kernel.org/dev-tools/ktap.html and tools/testing/selftests/kselftest/runner.sh, which prefixes the
program's own output (nested TAP included) with `# `.
"""

import re
from collections.abc import Sequence

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import MAX_MESSAGE, Explanation, LogWindow, shorten
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import Span, SuiteEnd, SuiteParser

# Each part of it can be read in one way only: hostile lines must not make it try many.
_RESULT = re.compile(r"(?P<indent>(?:  |# )*) ?(?P<word>ok|not ok)(?: (?P<number>\d{1,9}))?(?= |\Z)(?P<rest>.*)\Z")
_PLAN = re.compile(r"1\.\.(\d{1,6})\s*\Z")
_RUNNER = re.compile(r"selftests: ([^:]+): (.+)")
_MAX_DEPTH = 8
_MAX_PENDING = 5000
_MAX_TEXT = 4000
_MAX_NAMED = 5


class TapParser(SuiteParser):
    """Reads TAP 13/14 and KTAP with nesting; a nested test is named `parent/child`.

    A nested result comes before its parent's line, so it is held until the parent names it; at most 5,000 are.
    """

    def __init__(self, suite: str = "kselftest") -> None:
        super().__init__(suite)
        self._pending: list[tuple[int, str, Outcome, Explanation | None]] = []
        self._planned: int | None = None
        self._seen = 0
        self._log = LogWindow()
        self._log_start = 0

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        results: list[TestResult] = []
        for line in lines:
            text = text_of(line) if b"ok" in line or line.startswith(b"1..") else None
            found = None if text is None else _RESULT.match(text)
            if found is not None:
                results += self._result(found, offset)
                if not found["indent"]:
                    self._log.clear()
                    self._log_start = offset + line_size(line)
            else:
                if text is not None and (plan := _PLAN.match(text)):
                    self._planned = int(plan[1])
                self._log.extend([line])
            offset += line_size(line)
        self.complete = self._planned is not None and self._seen >= self._planned
        return results

    def end(self) -> SuiteEnd:
        """Give nested results whose parent never ended under their own names, and the summary."""
        results = self._release(parent=None)
        rest = [] if self.complete else self._log.lines()
        return SuiteEnd(results=tuple(results), summary=self._summary(rest))

    def _result(self, found: re.Match[str], offset: int) -> list[TestResult]:
        depth = min(_MAX_DEPTH, len(found["indent"].replace("#", " ")) // 2)
        text, _, directive = found["rest"][:_MAX_TEXT].partition("#")
        name = _name(text, found["number"])
        outcome, remark = _outcome(found["word"], directive)
        if depth > 0:
            if len(self._pending) < _MAX_PENDING:
                why = Explanation(message=remark, detail=None) if remark else None
                self._pending.append((depth, name, outcome, why))
            return []
        self._seen += 1
        nested = self._release(parent=name)
        sums_up = _sums_up(outcome, nested)
        why = self._why(outcome, remark)
        if sums_up and why is not None and outcome.failed:
            why = Explanation(message=_failed_ones(name, nested), detail=why.detail)
        result = self._record(name, outcome, aggregate=sums_up, why=why, span=self._span(offset))
        return nested if result is None else [*nested, result]

    def _release(self, parent: str | None) -> list[TestResult]:
        """Record the held results; deeper ones get the names of the shallower results that close them."""
        pending, self._pending = self._pending, []
        results = []
        for at, (depth, name, outcome, why) in enumerate(pending):
            path, above = [name], depth
            for other_depth, other_name, _, _ in pending[at + 1 : at + 1 + _MAX_PENDING // 10]:
                if other_depth < above:
                    path.insert(0, other_name)
                    above = other_depth
            full = "/".join(path if parent is None else [parent, *path])
            results.append(self._record(full, outcome, parent=parent, why=why))
        return [result for result in results if result is not None]

    def _why(self, outcome: Outcome, remark: str | None) -> Explanation | None:
        if not outcome.failed:
            return Explanation(message=remark, detail=None) if remark else None
        why = self._explain([line.removeprefix("# ") for line in self._log.lines()])
        return Explanation(message=remark, detail=why.detail) if remark else why

    def _span(self, offset: int) -> Span | None:
        return Span(lines=(), start=self._log_start, end=offset) if self._log else None


def _name(text: str, number: str | None) -> str:
    name = text.strip().removeprefix("- ").strip()
    if runner := _RUNNER.fullmatch(name):
        return f"{runner[1]}/{runner[2]}"
    return name or f"test {number or '?'}"


def _outcome(word: str, directive: str) -> tuple[Outcome, str | None]:
    kind, _, rest = directive.strip().partition(" ")
    match kind.upper():
        case "SKIP":
            return Outcome.SKIP, rest.strip() or None
        case "XFAIL" | "TODO":
            return Outcome.SKIP, directive.strip()
        case "TIMEOUT":
            return Outcome.FAIL, f"timed out after {rest.strip()}" if rest else "timed out"
        case _ if word == "ok":
            return Outcome.PASS, None
        case _:
            return Outcome.FAIL, None


def _failed_ones(name: str, nested: Sequence[TestResult]) -> str:
    failed = [result.name.removeprefix(f"{name}/") for result in nested if result.outcome.failed]
    more = f" and {len(failed) - _MAX_NAMED} more" if len(failed) > _MAX_NAMED else ""
    return shorten(
        f"{len(failed)} of {len(nested)} subtests failed: {', '.join(failed[:_MAX_NAMED])}{more}", MAX_MESSAGE
    )


def _sums_up(outcome: Outcome, nested: Sequence[TestResult]) -> bool:
    if not nested:
        return False
    return not outcome.failed or any(result.outcome.failed for result in nested)
