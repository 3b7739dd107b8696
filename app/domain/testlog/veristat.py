"""veristat's CSV -> results: a program that the verifier refuses fails.

`veristat -q -o csv -e file,prog,verdict,states,insns` prints a head and a line a program; the guest's init runs it once
a file, so that a head comes before each file's programs. Columns are found by their heads. Of a comparison of two
runs (`-C`) the second is read.
"""

from dataclasses import replace

from app.domain.outcome import Outcome, ProgramCounts, TestResult
from app.domain.testlog.excerpt import Explanation
from app.domain.testlog.lines import line_size, text_of
from app.domain.testlog.suite import Span, SuiteEnd, SuiteParser

_COLUMNS = {
    "file_name": "file",
    "file": "file",
    "prog_name": "prog",
    "prog": "prog",
    "verdict": "verdict",
    "total_states": "states",
    "states": "states",
    "total_insns": "insns",
    "insns": "insns",
    "duration": "duration",
    "verdict_comp": "verdict",
    "total_states_comp": "states",
    "total_insns_comp": "insns",
    "duration_comp": "duration",
}
_VERDICTS = {"success": Outcome.PASS, "failure": Outcome.FAIL}
_MAX_LINE = 1000
_MAX_COUNT = 10**12


class VeristatParser(SuiteParser):
    """Reads the suite `veristat`; a result is named `file/prog`."""

    def __init__(self) -> None:
        super().__init__("veristat")
        self._columns: list[str | None] = []
        self._other: list[str] = []

    def take(self, lines: list[bytes], offset: int) -> list[TestResult]:
        """Read lines that begin at byte `offset` of the stream; return the results in them, a line each."""
        results: list[TestResult] = []
        for line in lines:
            end = offset + line_size(line)
            result = self._line(line, Span(lines=(), start=offset, end=end))
            if result is not None:
                results.append(result)
            offset = end
        return results

    def end(self) -> SuiteEnd:
        """Say what is left: what veristat said beside its table."""
        rest, self._other = self._other, []
        return SuiteEnd(results=(), summary=self._summary(rest))

    def _line(self, line: bytes, span: Span) -> TestResult | None:
        if not line or len(line) > _MAX_LINE:
            return None
        cells = text_of(line).split(",")
        named = [_COLUMNS.get(cell) for cell in cells]
        if {"file", "prog", "verdict"} <= set(named):
            self._columns = named
            self.complete = True
            return None
        values = dict(zip(self._columns, cells, strict=False)) if len(cells) == len(self._columns) else {}
        outcome = _VERDICTS.get(values.get("verdict", ""))
        if outcome is None:
            self._other = [*self._other, text_of(line)][-40:]
            return None
        counts = _counts(values)
        said = "" if counts is None else f" after {counts.insns:,} instructions, {counts.states:,} states"
        why = Explanation(message=f"the verifier refuses it{said}", detail=None) if outcome is Outcome.FAIL else None
        name, took_us = f"{values['file']}/{values['prog']}", _number(values.get("duration", ""))
        result = self._record(name, outcome, why=why, span=span, counts=counts)
        return result if result is None or took_us is None else replace(result, duration_s=took_us / 1e6)


def _counts(values: dict[str | None, str]) -> ProgramCounts | None:
    states, insns = (_number(values.get(name, "")) for name in ("states", "insns"))
    return None if states is None or insns is None else ProgramCounts(states=states, insns=insns)


def _number(text: str) -> int | None:
    number = int(text[:20]) if text.isascii() and text.isdigit() else _MAX_COUNT
    return number if number < _MAX_COUNT else None
