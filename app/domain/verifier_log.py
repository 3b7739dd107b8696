"""A failing verifier-log check -> what was expected, what matched, where in the log it went wrong.

The kernel's tools/testing/selftests/bpf/test_loader.c prints, when a `__msg`, `__not_msg`, `__xlated`, `__jited`,
`__retval`, `__failure` or `__success` annotation does not hold::

    validate_msgs:FAIL:755 expect_msg
    VERIFIER LOG:
    =============
    ...
    =============
    MATCHED    SUBSTR: 'first'
    EXPECTED   SUBSTR: 'second'
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

MAX_COMPARED_LINES = 4000
"""Lines of a log in which the nearest to an expectation is looked for; the work is linear in it."""


class CheckKind(StrEnum):
    """The annotation that did not hold."""

    MSG = "__msg"
    XLATED = "__xlated"
    JITED = "__jited"
    RETVAL = "__retval"
    FAILURE = "__failure"
    SUCCESS = "__success"


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
    """

    kind: CheckKind
    expectations: tuple[Expectation, ...]
    log: tuple[str, ...]
    wrong_at: int | None
    nearest: str | None
    sentence: str

    @property
    def failing(self) -> Expectation | None:
        """The expectation that did not hold."""
        return next((e for e in self.expectations if e.status is not Status.MATCHED), None)


_HEADS = {"VERIFIER LOG:": CheckKind.MSG, "XLATED:": CheckKind.XLATED, "JITED:": CheckKind.JITED}
_NAMES = {
    CheckKind.MSG: "the verifier's log",
    CheckKind.XLATED: "the rewritten program",
    CheckKind.JITED: "the JITed program",
}
_FRAME = re.compile(r"^=====+$")
_PATTERN = re.compile(r"^(MATCHED|EXPECTED|WRONG LINE|UNEXPECTED) +(SUBSTR|REGEX): '(.*)'$")
_RETVAL = re.compile(r"Unexpected retval: (-?\d+) != (-?\d+)")
_LOADED = re.compile(r":FAIL:unexpected_load_success\b")
_NOT_LOADED = re.compile(r":FAIL:unexpected_load_failure\b")


def find_check(lines: Sequence[str]) -> VerifierCheck | None:
    """Return the first verifier-log check that failed in a test's log, or None when it shows none."""
    kind, log = _framed_log(lines)
    patterns = [found for found in map(_PATTERN.match, lines) if found]
    if patterns:
        return _pattern_check(kind or CheckKind.MSG, log, patterns)
    for line in lines:
        if retval := _RETVAL.search(line):
            return _plain(CheckKind.RETVAL, log, f"returned {retval[1]}, expected {retval[2]}")
        if _LOADED.search(line):
            return _plain(CheckKind.FAILURE, log, "the program was expected to be refused, and loaded")
        if _NOT_LOADED.search(line):
            reason = _last_words(log)
            said = f": “{reason}”" if reason else ""
            return _plain(CheckKind.SUCCESS, log, f"the program was expected to load, the verifier refused it{said}")
    return None


def _framed_log(lines: Sequence[str]) -> tuple[CheckKind | None, tuple[str, ...]]:
    """Return the last framed text before the first pattern (a failing check prints its log right above)."""
    kind: CheckKind | None = None
    log: tuple[str, ...] = ()
    at = 0
    while at < len(lines):
        if _PATTERN.match(lines[at]):
            break
        if lines[at] in _HEADS and at + 1 < len(lines) and _FRAME.match(lines[at + 1]):
            kind = _HEADS[lines[at]]
            end = next((i for i in range(at + 2, len(lines)) if _FRAME.match(lines[i])), len(lines))
            log = tuple(lines[at + 2 : end])
            at = end
        at += 1
    return kind, log


def _pattern_check(kind: CheckKind, log: tuple[str, ...], found: list[re.Match[str]]) -> VerifierCheck:
    expectations: list[Expectation] = []
    at = 0
    for match in found:
        status = Status(match[1].lower())
        line = _locate(log, at, match[3], is_regex=match[2] == "REGEX") if status is not Status.EXPECTED else None
        if line is not None:
            at = line
        expectations.append(
            Expectation(
                status=status, pattern=match[3], is_regex=match[2] == "REGEX", line=None if line is None else line + 1
            )
        )
        if status is not Status.MATCHED:
            break
    last = expectations[-1]
    wrong_at = last.line if last.line is not None else nearest_line(log, last.pattern, start=at)
    if last.status is Status.MATCHED:
        wrong_at = None
    nearest = log[wrong_at - 1].strip() if wrong_at is not None else None
    return VerifierCheck(
        kind=kind,
        expectations=tuple(expectations),
        log=log,
        wrong_at=wrong_at,
        nearest=nearest,
        sentence=_sentence(kind, last, nearest),
    )


def _sentence(kind: CheckKind, last: Expectation, nearest: str | None) -> str:
    where = _NAMES[kind]
    match last.status:
        case Status.UNEXPECTED:
            return f"did not expect “{last.pattern}”, {where} has it"
        case Status.WRONG_LINE:
            return f"expected “{last.pattern}” on the next line, {where} has it elsewhere"
        case _ if nearest is not None:
            return f"expected “{last.pattern}”, {where} says “{nearest}”"
        case _:
            return f"expected “{last.pattern}”, {where} does not say it"


def _plain(kind: CheckKind, log: tuple[str, ...], sentence: str) -> VerifierCheck:
    return VerifierCheck(kind=kind, expectations=(), log=log, wrong_at=None, nearest=None, sentence=sentence)


def _locate(log: Sequence[str], start: int, pattern: str, *, is_regex: bool) -> int | None:
    """Return the index of the line that holds a literal pattern; a hostile regular expression is never run."""
    if is_regex:
        return None
    return next((i for i in range(start, len(log)) if pattern in log[i]), None)


def nearest_line(log: Sequence[str], pattern: str, *, start: int = 0) -> int | None:
    """Return the number (from 1) of the line most like `pattern` at or after index `start`; None when none is."""
    best, best_ratio = None, 0.6
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(pattern[:200])
    for i in range(start, min(len(log), start + MAX_COMPARED_LINES)):
        matcher.set_seq1(log[i].strip()[:200])
        if matcher.real_quick_ratio() <= best_ratio or matcher.quick_ratio() <= best_ratio:
            continue
        ratio = matcher.ratio()
        if ratio > best_ratio:
            best, best_ratio = i + 1, ratio
    return best


def _last_words(log: Sequence[str]) -> str | None:
    """Return the verifier's verdict: its last line before the statistics."""
    for line in reversed(log):
        text = line.strip()
        if text and not text.startswith(("processed ", "verification time ", "stack depth ")):
            return text[:200]
    return None
