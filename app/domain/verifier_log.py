"""A failing verifier-log check -> what was expected, what matched, where in the log it went wrong.

The kernel's tools/testing/selftests/bpf/test_loader.c prints, when a `__msg`, `__not_msg`, `__xlated`, `__jited`,
`__stdout`, `__stderr`, `__retval`, `__failure` or `__success` annotation (or its `_unpriv` form) does not hold::

    validate_msgs:FAIL:755 expect_msg
    VERIFIER LOG:
    =============
    ...
    =============
    MATCHED    SUBSTR: 'first'
    EXPECTED   SUBSTR: 'second'

With `-v` the frame comes before the first of these lines. `__log_level` has no check of its own: it decides what is in
the log that the others search.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from app.domain.log_search import Looks, locate, nearest_line
from app.domain.test_output import Part, PartKind, parts

MAX_CHECKS = 50
MAX_PATTERN_LINES = 20
"""Lines of one pattern; a pattern may hold newlines."""


class CheckKind(StrEnum):
    """The annotation that did not hold. SPEC: the annotations themselves are wrong; CAPS: capabilities refused."""

    MSG = "__msg"
    XLATED = "__xlated"
    JITED = "__jited"
    STDOUT = "__stdout"
    STDERR = "__stderr"
    RETVAL = "__retval"
    FAILURE = "__failure"
    SUCCESS = "__success"
    CAPS = "__caps_unpriv"
    SPEC = "annotation"


class Status(StrEnum):
    """What became of one expectation."""

    MATCHED = "matched"
    EXPECTED = "expected"
    WRONG_LINE = "wrong line"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One pattern of the check, in order; `line` is where in the log it matched, from 1, when that can be told."""

    status: Status
    pattern: str
    is_regex: bool
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierCheck:
    """A check that failed.

    `log` is the whole log without its frame. `wrong_at` is the line of the log (from 1) that is nearest to the missing
    pattern, after the last that matched; `nearest` its text. None when nothing in the log resembles it.
    `wanted_at` is the line that a pattern of `__xlated` or `__jited` had to be on, right after the one before it.
    """

    kind: CheckKind
    expectations: tuple[Expectation, ...]
    log: tuple[str, ...]
    wrong_at: int | None
    nearest: str | None
    sentence: str
    wanted_at: int | None = None

    @property
    def failing(self) -> Expectation | None:
        """The expectation that did not hold."""
        return next((e for e in self.expectations if e.status is not Status.MATCHED), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The patterns that one check printed, from line `start` of the output; `actual` and `wanted` lines from 1."""

    patterns: tuple[tuple[Status, bool, str], ...]
    start: int
    end: int
    wanted: int | None
    actual: int | None


_KINDS = {
    PartKind.VERIFIER: CheckKind.MSG,
    PartKind.XLATED: CheckKind.XLATED,
    PartKind.JITED: CheckKind.JITED,
    PartKind.STDOUT: CheckKind.STDOUT,
    PartKind.STDERR: CheckKind.STDERR,
}
_NAMES = {
    CheckKind.MSG: "the verifier's log",
    CheckKind.XLATED: "the rewritten program",
    CheckKind.JITED: "the JITed program",
    CheckKind.STDOUT: "the program's stdout",
    CheckKind.STDERR: "the program's stderr",
}
_PATTERN = re.compile(r"^(MATCHED|EXPECTED|WRONG LINE|UNEXPECTED) +(SUBSTR|REGEX): '(.*)$")
_LINES = re.compile(r"^expecting match at line (\d{1,9}), actual match is at line (\d{1,9})$")
_RETVAL = re.compile(r"Unexpected retval: (-?\d+) != (-?\d+)")
_NOT_RUN = re.compile(r"Unexpected bpf_prog_test_run error: (-?\d+ \(.{0,100}?\))")
_LOADED = re.compile(r":FAIL:unexpected_load_success\b")
_NOT_LOADED = re.compile(r":FAIL:unexpected_load_failure\b")
_CAPS = re.compile(r":FAIL:\d* ?(failed to (?:drop|restore|set) capabilities: .*)")
_SPEC = re.compile(
    r":FAIL:\d* ?((?:Regexp (?:too long|has open|compilation error)|failed to parse |bad arch spec|"
    r"Can't parse test spec|__(?:unpriv_)?jited used before).*)"
)


def find_check(lines: Sequence[str]) -> VerifierCheck | None:
    """Return the first verifier-log check that failed in a test's log, or None when it shows none."""
    return next(_each_check(lines), None)


def find_checks(lines: Sequence[str]) -> tuple[VerifierCheck, ...]:
    """Return every check that failed in a test's log, in order, at most MAX_CHECKS: one test may fail several."""
    return tuple(islice(_each_check(lines), MAX_CHECKS))


def _each_check(lines: Sequence[str]) -> Iterator[VerifierCheck]:
    framed = parts(lines)
    inside = {at for part in framed for at in range(part.start, part.end)}
    looks = Looks()
    at = 0
    while at < len(lines):
        if at in inside:
            at += 1
            continue
        if _PATTERN.match(lines[at]):
            group = _group(lines, at)
            before = [part for part in framed if part.end <= at and part.kind in _KINDS]
            yield _pattern_check(before[-1] if before else None, group, looks)
            at = group.end
            continue
        check = _other_check(lines[at], at, framed)
        if check is not None:
            yield check
        at += 1


def _group(lines: Sequence[str], start: int) -> _Group:
    """Read the patterns that stand together, and the line after them that says which line was wrong."""
    patterns: list[tuple[Status, bool, str]] = []
    at = start
    while at < len(lines) and (found := _PATTERN.match(lines[at])):
        text = found[3]
        while not text.endswith("'") and at + 1 < len(lines) and text.count("\n") < MAX_PATTERN_LINES:
            at += 1
            text += "\n" + lines[at]
        at += 1
        status = Status(found[1].lower())
        patterns.append((status, found[2] == "REGEX", text.removesuffix("'")))
        if status is not Status.MATCHED:
            break
    where = _LINES.match(lines[at]) if at < len(lines) else None
    return _Group(
        patterns=tuple(patterns),
        start=start,
        end=at + (where is not None),
        wanted=int(where[1]) + 1 if where else None,
        actual=int(where[2]) + 1 if where else None,
    )


def _pattern_check(part: Part | None, group: _Group, looks: Looks) -> VerifierCheck:
    kind = _KINDS[part.kind] if part else CheckKind.MSG
    log = part.lines if part else ()
    matched = [(pattern, is_regex) for status, is_regex, pattern in group.patterns if status is Status.MATCHED]
    places, end = locate(log, matched, looks=looks)
    status, is_regex, pattern = group.patterns[-1]
    if status is Status.MATCHED:
        line = None
    else:
        line = group.actual
        if line is None and status is not Status.EXPECTED:
            line = locate(log, [(pattern, is_regex)], end, looks=looks)[0][0]
        places = (*places, line)
    wrong_at, elsewhere = line, False
    if status is Status.EXPECTED:
        after = _line_of(log, end)
        wrong_at = nearest_line(log, pattern, start=after)
        before = locate(log, [(pattern, is_regex)], looks=looks)[0][0] if matched else None
        if before is not None and before <= after + 1:
            wrong_at, elsewhere = before, True
    nearest = log[wrong_at - 1].strip() if wrong_at is not None and wrong_at <= len(log) else None
    return VerifierCheck(
        kind=kind,
        expectations=tuple(
            Expectation(status=one, pattern=text, is_regex=regex, line=where)
            for (one, regex, text), where in zip(group.patterns, places, strict=True)
        ),
        log=log,
        wrong_at=wrong_at if nearest is not None else None,
        nearest=nearest,
        sentence=_sentence(kind, group, log, nearest, before=wrong_at if elsewhere else None),
        wanted_at=group.wanted,
    )


def _line_of(log: Sequence[str], end: tuple[int, int]) -> int:
    """Return the index of the line on which the search goes on after the last match."""
    line, column = end
    return line + (line < len(log) and column >= len(log[line]) > 0)


def _sentence(kind: CheckKind, group: _Group, log: Sequence[str], nearest: str | None, *, before: int | None) -> str:
    where = _NAMES[kind]
    status, _, pattern = group.patterns[-1]
    said = pattern.replace("\n", "\\n")
    if status is Status.UNEXPECTED:
        return f"did not expect “{said}”, {where} has it"
    if status is Status.WRONG_LINE:
        lines = f" (line {group.actual}, not {group.wanted})" if group.actual else ""
        return f"expected “{said}” on the next line, {where} has it elsewhere{lines}"
    if before is not None:
        return f"expected “{said}” after what is expected before it, {where} has it earlier, on line {before}"
    if nearest is not None:
        return f"expected “{said}”, {where} says “{nearest}”"
    last = _last_words(log) if kind is CheckKind.MSG else None
    return f"expected “{said}”, {where} does not say it{f'; it ends with “{last}”' if last else ''}"


def _other_check(line: str, at: int, framed: Sequence[Part]) -> VerifierCheck | None:
    """Return the check whose failure one line says, with the verifier's log that stands next to it."""
    if retval := _RETVAL.search(line):
        return _plain(CheckKind.RETVAL, _log_before(at, framed), f"returned {retval[1]}, expected {retval[2]}")
    if error := _NOT_RUN.search(line):
        return _plain(CheckKind.RETVAL, _log_before(at, framed), f"the program could not be run: error {error[1]}")
    if _LOADED.search(line):
        sentence = "the program was expected to be refused, and loaded"
        return _plain(CheckKind.FAILURE, _log_after(at, framed), sentence)
    if _NOT_LOADED.search(line):
        log = _log_after(at, framed)
        reason = _last_words(log)
        said = f": “{reason}”" if reason else ""
        return _plain(CheckKind.SUCCESS, log, f"the program was expected to load, the verifier refused it{said}")
    for kind, pattern in ((CheckKind.CAPS, _CAPS), (CheckKind.SPEC, _SPEC)):
        if found := pattern.search(line):
            return _plain(kind, (), found[1].strip())
    return None


def _plain(kind: CheckKind, log: tuple[str, ...], sentence: str) -> VerifierCheck:
    return VerifierCheck(kind=kind, expectations=(), log=log, wrong_at=None, nearest=None, sentence=sentence)


def _log_before(at: int, framed: Sequence[Part]) -> tuple[str, ...]:
    before = [part for part in framed if part.end <= at and part.kind is PartKind.VERIFIER]
    return before[-1].lines if before else ()


def _log_after(at: int, framed: Sequence[Part]) -> tuple[str, ...]:
    """Return the verifier's log that follows a line at once: test_loader.c shows it after these two failures."""
    return next((p.lines for p in framed if p.kind is PartKind.VERIFIER and at < p.start <= at + 4), ())


def _last_words(log: Sequence[str]) -> str | None:
    """Return the verifier's verdict: its last line before the statistics."""
    for line in reversed(log):
        text = line.strip()
        if text and not text.startswith(("processed ", "verification time ", "stack depth ")):
            return text[:200]
    return None
