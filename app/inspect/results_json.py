"""Results as they are read -> one JSON document, a result a line; what has to wait for its turn waits in a file."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Any, BinaryIO

from app.domain.guest_stream import GuestEnd
from app.domain.outcome import TestResult
from app.domain.results_document import machine_values, read_results, result_values, suite_values
from app.domain.testlog import SuiteSummary
from app.inspect.files import keep, scratch

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    """A suite's values, those before its results and those behind them, and where its results are kept (bytes)."""

    head: dict[str, Any]
    places: list[tuple[int, int]]
    tail: dict[str, Any]


def write_results(captured: BinaryIO, write: Callable[[bytes], object], *, suite: str | None = None) -> bool:
    """Write what is read as JSON; return whether any result of a test was.

    `{"suite", "summary": {...}, "results": [{"name", "outcome", "message", "duration_s", ...}], "not_run": []}`; where
    several suites were run `{"suites": [...]}` with one such object a suite. A guest's stream also says how its
    suites, and the machine, ended.

    Args:
        captured: a seekable file, as `plain_file` holds it.
        write: takes the next bytes of the document.
        suite: whose rules to read by; None: what the output looks like.

    Raises:
        InfrastructureError: there is no room for the results that wait.
    """
    with scratch() as file:
        kept = _Kept(file)
        suites: list[_Suite] = []
        machine = None
        for one in read_results(captured, suite=suite):
            match one:
                case TestResult():
                    kept.add(one)
                case SuiteSummary():
                    suites.append(_suite(one, kept, {}))
                case GuestEnd():
                    machine = machine_values(one)
                    ends = ((run.summary, {"exit_code": run.exit_code, "ended": run.ended}) for run in one.suites)
                    suites += [_suite(summary, kept, how) for summary, how in ends]
        for data in _document(suites, machine, kept):
            write(data)
    return any(each.places for each in suites)


class _Kept:
    """Results in the order in which they were read, each behind a comma, and where those of each suite are."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._size = 0
        self._waiting = bytearray()
        self._places: dict[str, list[tuple[int, int]]] = {}

    def add(self, result: TestResult) -> None:
        line = b",\n" + _json(result_values(result))
        self._waiting += line
        if len(self._waiting) >= _PIECE:
            self._keep()
        start, self._size = self._size, self._size + len(line)
        places = self._places.setdefault(result.suite, [])
        if places and places[-1][1] == start:
            start = places.pop()[0]
        places.append((start, self._size))

    def take(self, suite: str) -> list[tuple[int, int]]:
        """Return where the suite's results are since the last time this was asked."""
        return self._places.pop(suite, [])

    def read(self, places: list[tuple[int, int]]) -> Iterator[bytes]:
        """Yield what is kept there, but for the first comma; nothing may be added any more."""
        self._keep()
        skip = 1
        for start, end in places:
            at = start + skip
            skip = 0
            while at < end:
                self._file.seek(at)
                data = self._file.read(min(_PIECE, end - at))
                at += len(data)
                yield data

    def _keep(self) -> None:
        keep(self._file, bytes(self._waiting))
        self._waiting.clear()


def _suite(summary: SuiteSummary, kept: _Kept, more: dict[str, Any]) -> _Suite:
    tail = {"not_run": list(summary.not_run)} | more
    return _Suite(head=suite_values(summary), places=kept.take(summary.suite), tail=tail)


def _document(suites: list[_Suite], machine: dict[str, Any] | None, kept: _Kept) -> Iterator[bytes]:
    if len(suites) == 1:
        yield from _one(suites[0], machine or {}, kept)
    else:
        yield b'{\n"suites": ['
        for number, suite in enumerate(suites):
            yield b",\n" if number else b"\n"
            yield from _one(suite, {}, kept)
        yield b"\n]" + b"".join(b",\n" + each for each in _members(machine or {})) + b"\n}"
    yield b"\n"


def _one(suite: _Suite, more: dict[str, Any], kept: _Kept) -> Iterator[bytes]:
    yield b"{\n" + b",\n".join(_members(suite.head)) + b',\n"results": ['
    yield from kept.read(suite.places)
    yield b"\n],\n" + b",\n".join(_members(suite.tail | more)) + b"\n}"


def _members(values: dict[str, Any]) -> list[bytes]:
    return [_json(key) + b": " + _json(value) for key, value in values.items()]


def _json(value: Any) -> bytes:  # noqa: ANN401 - any JSON document
    return json.dumps(value, ensure_ascii=False).encode()
