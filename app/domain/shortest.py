"""The shortest text that explains: of a log, the first lines that matter and not the last thousand.

What says that something failed comes first, then what led there. Of a kernel's complaint that is what happened, where,
and who called it, without registers, code bytes and frames that are guesses (arch/x86/kernel/dumpstack.c).
Of a check of a verifier log (tools/testing/selftests/bpf/test_loader.c) it is what was expected, and how the log ended.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.complaints import head_of

MOST_LINES = 16
_MOST_TELLING = 8

_SAYS = re.compile(
    r":FAIL:|^(?:MATCHED|EXPECTED|WRONG LINE|UNEXPECTED|REGEX)\b|\b(?:error|Error): |\bundefined reference to\b"
    r"|^WATCHDOG: |^Caught signal|: not found$"
)
_NOTHING = re.compile(r"^\S+:PASS:|^\s*$|^={5,}$|^ *(?:Call Trace:|</?(?:TASK|IRQ|NMI|SOFTIRQ)>)$")
"""A check that passed, and what only stands around a verifier's log or a trace of calls."""
_OF_KERNEL = re.compile(r"^(?:<\d>)?(?:\[ *\d+\.\d+\])?(?:\[ *[TC]\d+\])? ?")
_NO_NEWS = re.compile(
    r"^(?:R[A-D]X: |R(?:SI|DI|SP|BP): |R\d\d: |EFLAGS|[C-G]S: |CR\d: |DR\d: |PKRU|Code: |Modules linked in"
    r"|Hardware name|---\[ end trace|PGD |Tainted: |RIP: 0033:| ?\? \S+\+0x"
    r"|Kernel Offset|irq event stamp|(?:hard|soft)irqs last |#PF: |Workqueue: |Oops: )"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Lines that stand together; `skipped` counts those left out before them."""

    skipped: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortest:
    """What explains, piece by piece, and how many lines are left out after the last."""

    pieces: tuple[Piece, ...]
    skipped: int

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.skipped == 0 and all(piece.skipped == 0 for piece in self.pieces)


def shortest(text: str, most: int = MOST_LINES) -> Shortest:
    """Return at most `most` lines of a log; those of checks that passed, and empty ones, count for nothing."""
    lines = [line for line in text.split("\n") if not _NOTHING.match(_plain(line))]
    chosen = _of_kernel(lines, most) if lines and head_of(_plain(lines[0])) else _of_test(lines, most)
    pieces: list[Piece] = []
    at = 0
    for number in sorted(chosen):
        if not pieces or number > at:
            pieces.append(Piece(skipped=number - at, lines=(lines[number],)))
        else:
            pieces[-1] = Piece(skipped=pieces[-1].skipped, lines=(*pieces[-1].lines, lines[number]))
        at = number + 1
    return Shortest(pieces=tuple(pieces), skipped=len(lines) - at)


def _plain(line: str) -> str:
    return _OF_KERNEL.sub("", line, count=1)


def _of_kernel(lines: Sequence[str], most: int) -> set[int]:
    telling = [at for at, line in enumerate(lines) if at == 0 or not _NO_NEWS.match(_plain(line))]
    return set(telling[:most])


def _of_test(lines: Sequence[str], most: int) -> set[int]:
    """Choose what says what failed, then what led to the first of those deep in the log, else the first lines."""
    says = [at for at, line in enumerate(lines) if _SAYS.search(line)][:_MOST_TELLING]
    chosen = set(says[:most])
    deep = next((at for at in says if at >= most), len(lines))
    before = range(deep - (most - len(chosen)), deep) if deep < len(lines) else range(0)
    for at in (*before, *range(len(lines))):
        if len(chosen) >= most:
            break
        chosen.add(at)
    return chosen
