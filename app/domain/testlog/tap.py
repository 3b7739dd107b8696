"""TAP and KTAP -> results: kselftest's runner, programs that use ksft_*, KUnit.

Rules: https://docs.kernel.org/dev-tools/ktap.html and tools/testing/selftests/kselftest/runner.sh, which prefixes the
program's own output with `# `: nested TAP, or what test_progs and its like print.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from app.domain.outcome import Outcome, TestResult
from app.domain.testlog.excerpt import Explanation, LogWindow, shorten
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import MAX_NAME, Span, SuiteEnd, SuiteParser
from app.domain.testlog.test_maps import TestMapsParser
from app.domain.testlog.test_progs import TestProgsParser
from app.domain.testlog.test_verifier import TestVerifierParser

# Each part of it can be read in one way only: hostile lines must not make it try many. A number or a dash is asked for:
# "ok" and "ok then" are what any program prints.
_RESULT = re.compile(
    r"(?P<indent>(?:  |# )*) ?(?P<word>ok|not ok)(?: (?P<number>\d{1,9})(?= |\Z)|(?= - ))(?P<rest>.*)\Z"
)
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(?=(?:skip|todo|xfail|timeout|error)\b)|\s#\s", re.IGNORECASE)
_PLAN = re.compile(r"1\.\.(\d{1,6})\s*(?:#.*)?\Z")
_RUNNER = re.compile(r"selftests: ([^:]+): (.+)")
_BEGUN = re.compile(r"(?P<indent>(?:  |# )*?)# (?:Subtest: (?P<name>.+)|(?P<runner>selftests: [^:]+: .+))\Z")
_WORD = re.compile(r"[A-Za-z]*")
_PROGRAMS: dict[str, Callable[[], SuiteParser]] = {
    "test_progs": TestProgsParser,
    "test_verifier": TestVerifierParser,
    "test_maps": TestMapsParser,
}
_MAX_DEPTH = 16
_MAX_PENDING = 5000
_MAX_TEXT = 4000
_MAX_NAMED = 5


@dataclass(slots=True)
class _Nested:
    """A nested result; `name` is its path once its parents are known, `below` are those that it is the parent of."""

    depth: int
    name: str
    outcome: Outcome
    why: Explanation | None
    below: list["_Nested"] = field(default_factory=list)


@dataclass(slots=True)
class _Program:
    """A program that the runner runs whose output is no TAP; `name` is its result's, `tests` what it reported."""

    name: str
    parser: SuiteParser
    tests: list[tuple[str, Outcome]] = field(default_factory=list)


class TapParser(SuiteParser):
    """Reads TAP 13/14 and KTAP with nesting; a nested test is named `parent/child`.

    A nested result comes before its parent's line, so it is held until the parent names it; at most 5,000 are. Where
    the parent's line never comes, it is named by what said that the parent began.
    """

    def __init__(self, suite: str = "kselftest") -> None:
        super().__init__(suite)
        self._pending: list[_Nested] = []
        self._begun: dict[int, str] = {}
        self._planned: int | None = None
        self._seen = 0
        self._log = LogWindow()
        self._log_start = 0
        self._since = LogWindow()
        self._program: _Program | None = None

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results that they complete."""
        results: list[TestResult] = []
        for line in lines:
            text = text_of(line) if b"ok" in line else ""
            found = _RESULT.match(text)
            if found is not None:
                results += self._result(found, offset)
                self._since.clear()
                if not found["indent"]:
                    self._log.clear()
                    self._log_start = offset + line_size(line)
            else:
                if self._program and line.startswith(b"# "):
                    results += self._of(self._program, self._program.parser.take([line[2:]], offset + 2))
                results += self._other(line)
                self._log.extend([line])
                self._since.extend([line])
            offset += line_size(line)
        self.complete = self._planned is not None and self._seen >= self._planned
        return results

    def end(self) -> SuiteEnd:
        """Give nested results whose parent never ended, and the summary."""
        results = self._left() + self._release(parent=None)
        self._close_from(0)
        rest = [] if self.complete else self._log.lines()
        return SuiteEnd(results=tuple(results), summary=self._summary(rest))

    def _other(self, line: bytes) -> list[TestResult]:
        """Read a line that says what is to come, or that nothing more is; return what was held back before it."""
        if line.startswith(b"1..") and (plan := _PLAN.match(text_of(line))):
            self._planned = (self._planned or 0) + int(plan[1])
        elif line.startswith(b"Bail out!"):
            self._crash = text_of(line)[:300]
        elif (b"# Subtest: " in line or b"# selftests: " in line) and (
            begun := _BEGUN.match(text_of(line)[:_MAX_TEXT])
        ):
            # A subtest's own results stand as deep as this line, those of what the runner runs one deeper.
            depth = _depth(begun["indent"]) + (begun["runner"] is not None)
            self._close_from(depth)
            self._begun[depth] = name = _name(begun["name"] or begun["runner"], None)
            if begun["runner"]:
                left = self._left()
                program = _PROGRAMS.get(name.rpartition("/")[2].partition("-")[0])
                self._program = _Program(name, program()) if program else None
                return left
        return []

    def _of(self, program: _Program, found: Iterable[TestResult]) -> list[TestResult]:
        """Record what a program reported as nested results of its own."""
        results = []
        for one in found:
            if not one.aggregate:
                program.tests.append((one.name, one.outcome))
            name = f"{program.name}/{one.name}"
            why = Explanation(message=one.message, detail=one.detail) if one.message else None
            span = None
            if one.log_start is not None and one.log_end is not None:
                span = Span(lines=(), start=one.log_start, end=one.log_end)
            results.append(
                self._record(name, one.outcome, parent=program.name, aggregate=one.aggregate, why=why, span=span)
            )
        return [result for result in results if result is not None]

    def _left(self) -> list[TestResult]:
        """Record what the program that ran had held back."""
        if self._program is None:
            return []
        end = self._program.parser.end()
        for name in end.summary.not_run:
            self._leave(f"{self._program.name}/{name}")
        return self._of(self._program, end.results)

    def _close_from(self, depth: int, *, ended: int = 0) -> None:
        """Forget what was said to have begun at this depth and below it; the first `ended` of it has its result."""
        for at in sorted(at for at in self._begun if at >= depth)[ended:]:
            self._leave("/".join(self._begun_above(at)))
        self._begun = {at: name for at, name in self._begun.items() if at < depth}

    def _result(self, found: re.Match[str], offset: int) -> list[TestResult]:
        depth = _depth(found["indent"])
        rest = found["rest"][:_MAX_TEXT]
        split = _DIRECTIVE.search(rest)
        name = _name(rest[: split.start()] if split else rest, found["number"])
        directive = rest[split.end() :].strip() if split else ""
        outcome, remark = _outcome(found["word"], directive)
        self._close_from(depth + 1, ended=1)
        if depth > 0:
            if len(self._pending) < _MAX_PENDING:
                why = self._why(outcome, remark, directive, self._since)
                self._pending.append(_Nested(depth, name, outcome, why))
            else:
                self._dropped += 1
            return []
        self._seen += 1
        left, nested = self._left(), self._release(parent=name)
        program, self._program = self._program, None
        leaves = [*program.tests] if program else []
        leaves += [(one.name.removeprefix(f"{name}/"), one.outcome) for one in nested if not one.aggregate]
        sums_up = _sums_up(outcome, (each for _, each in leaves))
        why = self._why(outcome, remark, directive, self._log)
        if sums_up and why is not None and outcome.failed:
            why = Explanation(message=_failed_ones(leaves), detail=why.detail)
        result = self._record(name, outcome, aggregate=sums_up, why=why, span=self._span(offset))
        return [*left, *nested, *filter(None, [result])]

    def _release(self, parent: str | None) -> list[TestResult]:
        """Record the held results; deeper ones get the names of the shallower results that close them."""
        pending, self._pending = self._pending, []
        above: list[_Nested] = []
        for one in reversed(pending):
            while above and above[-1].depth >= one.depth:
                above.pop()
            if above:
                above[-1].below.append(one)
                path = [above[-1].name]
            else:
                path = self._begun_above(one.depth) if parent is None else [parent]
            one.name = shorten("/".join([*path, one.name]), MAX_NAME)
            above.append(one)
        return [result for one in pending if (result := self._nested(one, parent)) is not None]

    def _nested(self, one: _Nested, parent: str | None) -> TestResult | None:
        sums_up = _sums_up(one.outcome, (each.outcome for each in one.below))
        why = one.why
        if sums_up and why is not None and one.outcome.failed:
            below = [(each.name.removeprefix(f"{one.name}/"), each.outcome) for each in reversed(one.below)]
            why = Explanation(message=_failed_ones(below), detail=why.detail)
        root = parent or next(iter(self._begun_above(one.depth)), None)
        return self._record(one.name, one.outcome, parent=root, aggregate=sums_up, why=why)

    def _begun_above(self, depth: int) -> list[str]:
        return [name for at, name in sorted(self._begun.items()) if at <= depth]

    def _why(self, outcome: Outcome, remark: str | None, directive: str, log: LogWindow) -> Explanation | None:
        if not outcome.failed:
            return Explanation(message=remark, detail=None) if remark else None
        why = self._explain([line.removeprefix("# ") for line in log.lines()])
        said = remark or (why.message and why.message.strip(" #")) or directive or None
        return Explanation(message=said, detail=why.detail)

    def _span(self, offset: int) -> Span | None:
        return Span(lines=(), start=self._log_start, end=offset) if self._log else None


def _depth(indent: str) -> int:
    return min(_MAX_DEPTH, len(indent) // 2)


def _name(text: str, number: str | None) -> str:
    name = text.strip().removeprefix("- ").strip().replace("\\#", "#")
    if runner := _RUNNER.fullmatch(name):
        return f"{runner[1]}/{runner[2]}"
    return shorten(name, MAX_NAME) or f"test {number or '?'}"


def _outcome(word: str, directive: str) -> tuple[Outcome, str | None]:
    """Return how a test ended by its line's word and directive, and what is to be said of it beside its log."""
    found = _WORD.match(directive)
    kind = found[0] if found else ""
    rest = directive[len(kind) :].strip(" :")
    match kind.upper():
        case "SKIP":
            return Outcome.SKIP, rest or None
        case "XFAIL" | "TODO":
            return Outcome.SKIP, directive
        case "TIMEOUT":
            return Outcome.FAIL, f"timed out after {rest}" if rest else "timed out"
        case "ERROR" if word == "not ok":
            return Outcome.ERROR, rest or "error"
        case _ if word == "ok":
            return Outcome.PASS, None
        case _:
            return Outcome.FAIL, None


def _failed_ones(below: Sequence[tuple[str, Outcome]]) -> str:
    failed = [name for name, outcome in below if outcome.failed]
    more = f" and {len(failed) - _MAX_NAMED} more" if len(failed) > _MAX_NAMED else ""
    return f"{len(failed)} of {len(below)} subtests failed: {', '.join(failed[:_MAX_NAMED])}{more}"


def _sums_up(outcome: Outcome, below: Iterable[Outcome]) -> bool:
    """Whether an outcome only sums up those of subtests; one that fails though none of them did says more."""
    all_below = list(below)
    return bool(all_below) and (not outcome.failed or any(each.failed for each in all_below))
