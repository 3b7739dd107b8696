"""Two logs of the verifier -> what differs, with what merely moved folded away.

Between two kernels the same program's log differs in addresses, in register ids (numbered in the order in which they
are handed out), in times, and, after one more or one less instruction, in every instruction's number: no news.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

MAX_LINES = 1500
"""Lines of each log, after the beginning and the end that they share, that are compared."""


class Where(StrEnum):
    """Which log has a line; GAP stands for lines left out because both have them."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of a comparison; `left` and `right` are its numbers (from 1) in the logs that have it.

    A line of both is shown as the right log has it; a gap's text says how many lines it stands for.
    """

    where: Where
    left: int | None
    right: int | None
    text: str


MAX_READ = 20_000
"""Lines of each log that are looked at at all."""

_MAX_PAIRS = 30_000

_ID = re.compile(r"\b((?:ref_obj_|dynptr_|map_u|iter_)?id)=(\d+)")
_MOVING = (
    (re.compile(r"^(\s*)\d+: "), r"\1N: "),
    (re.compile(r"^(\s*)from \d+ to \d+(?= |:)"), r"\1from N to N"),
    (re.compile(r"\b(last_idx|first_idx|idx|before|insn|at) \d+"), r"\1 N"),
    (re.compile(r"(@ [\w./-]+):\d+"), r"\1:N"),
    (re.compile(r"(func#\d+ @)\d+"), r"\1N"),
    (re.compile(r"\b(?:0x)?[0-9a-f]{12,16}\b"), "ADDRESS"),
    (re.compile(r"^(verification time) \d+"), r"\1 N"),
)


def fold(log: Sequence[str]) -> list[str]:
    """Return a log's lines as they are compared: numbers that merely move replaced, ids renumbered."""
    names: dict[str, str] = {}

    def renumber(found: re.Match[str]) -> str:
        return f"{found[1]}={names.setdefault(found[2], f'#{len(names) + 1}')}"

    folded = []
    for line in log:
        text = line.rstrip()
        for pattern, replacement in _MOVING:
            text = pattern.sub(replacement, text)
        folded.append(_ID.sub(renumber, text))
    return folded


def diff_logs(left: Sequence[str], right: Sequence[str], *, context: int = 3) -> tuple[DiffLine, ...]:
    """Compare two logs; return the lines that differ with `context` shared lines around them, () when none does."""
    beyond = max(len(left), len(right), MAX_READ) - MAX_READ
    a, b = fold(left[:MAX_READ]), fold(right[:MAX_READ])
    head = _shared(a, b)
    tail = _shared(a[head:][::-1], b[head:][::-1])
    middle_a, middle_b = a[head : len(a) - tail][:MAX_LINES], b[head : len(b) - tail][:MAX_LINES]
    if not middle_a and not middle_b and not beyond:
        return ()
    lines: list[DiffLine] = list(_both(right, 0, 0, head))
    for tag, a1, a2, b1, b2 in _opcodes(middle_a, middle_b):
        if tag == "equal":
            lines += _both(right, head + a1, head + b1, a2 - a1)
            continue
        lines += [
            DiffLine(where=Where.LEFT, left=at + 1, right=None, text=left[at]) for at in range(head + a1, head + a2)
        ]
        lines += [
            DiffLine(where=Where.RIGHT, left=None, right=at + 1, text=right[at]) for at in range(head + b1, head + b2)
        ]
    left_out = max(len(a) - tail - head - MAX_LINES, len(b) - tail - head - MAX_LINES)
    if left_out > 0:
        lines.append(_gap(left_out, "not compared"))
    lines += _both(right, len(a) - tail, len(b) - tail, tail)
    if beyond:
        lines.append(_gap(beyond, "not compared"))
    return tuple(_with_gaps(lines, context))


def _opcodes(a: Sequence[str], b: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """Align two logs. The work grows with the pairs of equal lines: of repetitive logs only the rare ones count."""
    in_b = Counter(b)
    pairs = sum(in_b[line] for line in a)
    return SequenceMatcher(None, a, b, autojunk=pairs > _MAX_PAIRS).get_opcodes()


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _both(right: Sequence[str], a: int, b: int, number: int) -> Iterator[DiffLine]:
    for at in range(number):
        yield DiffLine(where=Where.BOTH, left=a + at + 1, right=b + at + 1, text=right[b + at])


def _gap(number: int, what: str) -> DiffLine:
    return DiffLine(where=Where.GAP, left=None, right=None, text=f"{number:,} line{'' if number == 1 else 's'} {what}")


def _with_gaps(lines: Sequence[DiffLine], context: int) -> Iterator[DiffLine]:
    """Leave out shared lines that are further than `context` from any that differs."""
    differing = [at for at, line in enumerate(lines) if line.where is not Where.BOTH]
    near = {at for centre in differing for at in range(centre - context, centre + context + 1)}
    skipped = 0
    for at, line in enumerate(lines):
        if at in near:
            if skipped:
                yield _gap(skipped, "the same")
            skipped = 0
            yield line
        else:
            skipped += 1
    if skipped:
        yield _gap(skipped, "the same")
