"""What one test printed, cut into its framed parts: the verifier's log, rewritten and JITed programs, iterator output.

tools/testing/selftests/bpf/test_loader.c frames what it shows, and workers/guest/iter_tap.c does likewise::

    VERIFIER LOG:
    =============
    ...
    =============
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_PARTS = 500
"""Framed parts of one test that are told apart; all 40 iterators of bpf_iter together are fewer."""


class PartKind(StrEnum):
    """What a framed part is."""

    VERIFIER = "verifier log"
    XLATED = "rewritten program"
    JITED = "JITed program"
    STDOUT = "program's stdout"
    STDERR = "program's stderr"
    ITERATOR = "iterator output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A framed part.

    `start` is the index of its first line in the test's output, `end` that of the line after its last. `title` is the
    target of an iterator ("" of other kinds), `cut` says that its end never came.
    """

    kind: PartKind
    title: str
    lines: tuple[str, ...]
    start: int
    end: int
    cut: bool = False


_HEADS = {
    "VERIFIER LOG:": PartKind.VERIFIER,
    "XLATED:": PartKind.XLATED,
    "JITED:": PartKind.JITED,
    "STDOUT:": PartKind.STDOUT,
    "STDERR:": PartKind.STDERR,
}
_ITERATOR = re.compile(r"^ITERATOR OUTPUT: (.{0,300})$")
_FRAME = "============="
_RULE = re.compile(r"^={5,}$")


def log_name(boot: int, *, on_base: bool) -> str:
    """Return what the log of a boot is called: of the run's own (0), or of the judge's confirming ones, by side."""
    return "results" if boot == 0 else f"results-{'base' if on_base else 'patched'}-{boot}"


def parts(output: Sequence[str]) -> tuple[Part, ...]:
    """Return the framed parts of a test's output, in order, at most MAX_PARTS."""
    found: list[Part] = []
    at = 0
    while at + 1 < len(output) and len(found) < MAX_PARTS:
        head = _head(output[at])
        if head is None or not _RULE.match(output[at + 1]):
            at += 1
            continue
        part = _part(head, output, at + 2)
        found.append(part)
        at = part.end + 1
    return tuple(found)


def _head(line: str) -> tuple[PartKind, str] | None:
    if line in _HEADS:
        return _HEADS[line], ""
    iterator = _ITERATOR.match(line)
    return (PartKind.ITERATOR, iterator[1]) if iterator else None


def _part(head: tuple[PartKind, str], output: Sequence[str], start: int) -> Part:
    """Read a part up to its lower frame, which stands behind the last line where that lacks its newline."""
    kind, title = head
    for end in range(start, len(output)):
        line = output[end]
        if _RULE.match(line):
            return Part(kind=kind, title=title, lines=_plain(kind, output[start:end]), start=start, end=end)
        if kind is not PartKind.ITERATOR and line.endswith(_FRAME) and line != _FRAME:
            lines = (*output[start:end], line.removesuffix(_FRAME))
            return Part(kind=kind, title=title, lines=lines, start=start, end=end)
    lines = _plain(kind, output[start:])
    return Part(kind=kind, title=title, lines=lines, start=start, end=len(output), cut=True)


def _plain(kind: PartKind, lines: Sequence[str]) -> tuple[str, ...]:
    """Return a part's lines; those of an iterator without the bar that iter_tap.c puts in front."""
    if kind is PartKind.ITERATOR:
        return tuple(line.removeprefix("|") for line in lines)
    return tuple(lines)
