"""A failing test's log -> the line that says why, and the part that explains it.

The forms are those of the kernel's tools/testing/selftests/bpf/test_progs.h (`func:FAIL:tag ...`, `func:PASS:tag N
nsec`) and test_loader.c (verifier-log checks).
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from app.domain.testlog.lines import text_of
from app.domain.verifier_log import find_check

MAX_MESSAGE = 300
MAX_DETAIL = 32 * 1024
"""Characters of a detail; a longer one loses its middle, said in its place."""

_ROOM_FOR_MARK = 48
_HEAD_BYTES = 192 * 1024
_TAIL_BYTES = 64 * 1024

_TROUBLE = re.compile(r"(?i)\b(?:error|fail|failed|unexpected|expected|cannot|can't|unable|invalid|abort|assert)")
_TWICE = re.compile(r"^(.{1,100}) (unexpected \1: )")
_LOCATION = re.compile(r"^\S+?:FAIL:(?:\d+\s*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a test failed: one line, and the lines around it; None where the log says nothing."""

    message: str | None
    detail: str | None


class LogWindow:
    """Keeps the first 192 KiB and the last 64 KiB of the lines given to it, whatever the sizes of the pieces."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._tail: deque[tuple[int, list[bytes]]] = deque()
        self._head_size = self._tail_size = self._after_head = 0

    def extend(self, lines: list[bytes]) -> None:
        """Add lines in order."""
        for at, line in enumerate(lines):
            if self._head_size >= _HEAD_BYTES:
                self._add_to_tail(lines[at:])
                return
            self._head.append(line)
            self._head_size += len(line) + 1

    def _add_to_tail(self, lines: list[bytes]) -> None:
        """Keep pieces as they come, as few as hold the last 64 KiB; `lines()` cuts to size."""
        size = sum(map(len, lines)) + len(lines)
        self._after_head += len(lines)
        self._tail.append((size, lines))
        self._tail_size += size
        while self._tail_size - self._tail[0][0] >= _TAIL_BYTES:
            self._tail_size -= self._tail.popleft()[0]

    def clear(self) -> None:
        """Forget all lines."""
        if self._head:
            self._head, self._tail = [], deque()
            self._head_size = self._tail_size = self._after_head = 0

    def __bool__(self) -> bool:
        return bool(self._head)

    def lines(self) -> list[str]:
        """Return what was kept, with a line in the place of what was not."""
        tail: list[bytes] = []
        room = _TAIL_BYTES
        for line in chain.from_iterable(reversed(piece) for _, piece in reversed(self._tail)):
            room -= len(line) + 1
            if room < 0:
                break
            tail.append(line)
        kept = [text_of(line) for line in self._head]
        if lost := self._after_head - len(tail):
            kept.append(f"[... {lost} lines left out ...]")
        return kept + [text_of(line) for line in reversed(tail)]


def explain(log: Sequence[str]) -> Explanation:
    """Return what a failing test's log says about the failure."""
    telling = [line for line in log if line and not _passed(line)]
    if not telling:
        return Explanation(message=None, detail=None)
    first = next((line for line in telling if _failed(line)), None)
    check = find_check(telling)
    said = first or next((line for line in telling if _TROUBLE.search(line)), telling[-1])
    message = check.sentence if check is not None else _without_place(said)
    return Explanation(message=shorten(message, MAX_MESSAGE), detail=bounded(telling))


def explain_briefly(log: Sequence[str]) -> Explanation:
    """Return the first line that says FAIL and no detail: for the thousandth failure of a run."""
    first = next((line for line in log if _failed(line)), None)
    return Explanation(message=None if first is None else shorten(_without_place(first), MAX_MESSAGE), detail=None)


def _passed(line: str) -> bool:
    """Whether a line is what CHECK() prints when it holds: `func:PASS:tag 0 nsec`."""
    return line.endswith(" nsec") and ":PASS:" in line.partition(" ")[0]


def _failed(line: str) -> bool:
    return ":FAIL:" in line.partition(" ")[0]


def _without_place(line: str) -> str:
    """Drop `func:FAIL:123 ` where a sentence remains, and the name that ASSERT_EQ() and its like say twice."""
    rest = _LOCATION.sub("", line).strip()
    return _TWICE.sub(r"\2", rest) or line


def shorten(text: str, limit: int) -> str:
    """Cut `text` to `limit` characters, the last of them an ellipsis when something was lost."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bounded(lines: Sequence[str], limit: int = MAX_DETAIL) -> str:
    """Join lines; over `limit` (at least 200) characters keep the first two thirds and the rest of the end."""
    whole = "\n".join(lines)
    if len(whole) <= limit:
        return whole
    head = whole[: limit * 2 // 3]
    tail = whole[len(whole) - (limit - len(head) - _ROOM_FOR_MARK) :]
    lost = whole.count("\n", len(head), len(whole) - len(tail)) + 1
    return f"{head}\n[... {lost} lines left out ...]\n{tail}"
