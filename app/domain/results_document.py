"""What `reroll inspect results` and `reroll inspect console` print: a file as the parsers see it, as JSON values."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from app.domain.captured import Part, between, by_suite, plain
from app.domain.console import ConsoleReport, ConsoleScanner
from app.domain.guest_stream import MARK, GuestEnd, GuestStream
from app.domain.outcome import TestResult
from app.domain.testlog import SuiteSummary, parser_for


def read_results(captured: BinaryIO, *, suite: str | None = None) -> Iterator[TestResult | SuiteSummary | GuestEnd]:
    """Read a suite's output, that of several, or a guest's whole results stream.

    Args:
        captured: what `plain` left, in a seekable file.
        suite: whose rules to read by; None: what the output looks like (a guest's stream, test_progs ...).

    Yields:
        The results of a suite, then its summary; of a guest's stream all results, then its end, whose `results` have
        been there already.
    """
    size = captured.seek(0, os.SEEK_END)
    if suite is not None:
        yield from _of_part(captured, Part(suite=suite, start=0, end=size))
    elif any(piece.startswith(MARK) or b"\n" + MARK in piece for piece in between(captured, 0, size)):
        stream = GuestStream()
        for piece in between(captured, 0, size):
            yield from stream.feed(piece)
        end = stream.finish()
        yield from end.results
        yield end
    else:
        for part in by_suite(captured):
            yield from _of_part(captured, part)


def console_document(pieces: Iterable[bytes]) -> dict[str, Any]:
    """Read a console: `{"events": [{"kind", "title", "frames", "fingerprint", "line", ...}], "reached_userspace"}`."""
    scanner = ConsoleScanner()
    for piece in plain(pieces, of_kernel=True):
        scanner.feed(piece)
    return _console(scanner.finish())


def suite_values(summary: SuiteSummary) -> dict[str, Any]:
    """Return what stands before a suite's results."""
    return {"suite": summary.suite, "summary": _summary(summary)}


def result_values(result: TestResult) -> dict[str, Any]:
    """Return what is printed of a result."""
    return {
        "name": result.name,
        "ordinal": result.ordinal,
        "outcome": str(result.outcome),
        "aggregate": result.aggregate,
        "message": result.message,
        "detail": result.detail,
        "duration_s": result.duration_s,
    }


def machine_values(end: GuestEnd) -> dict[str, Any]:
    """Return what is printed of the machine beside its suites."""
    return {"ready": end.ready, "done": end.done, "stray": list(end.stray)}


def _of_part(captured: BinaryIO, part: Part) -> Iterator[TestResult | SuiteSummary]:
    parser = parser_for(part.suite or "test_progs")
    for piece in between(captured, part.start, part.end):
        yield from parser.feed(piece)
    end = parser.finish()
    yield from end.results
    yield end.summary


def _console(report: ConsoleReport) -> dict[str, Any]:
    return {
        "events": [
            {
                "kind": str(event.kind),
                "title": event.title,
                "frames": list(event.frames),
                "fingerprint": event.fingerprint,
                "line": event.line,
                "count": event.count,
                "excerpt": event.excerpt,
            }
            for event in report.events
        ],
        "reached_userspace": report.reached_userspace,
        "lines": report.lines,
        "dropped": report.dropped,
    }


def _summary(summary: SuiteSummary) -> dict[str, Any]:
    tally, claimed = summary.tally, summary.claimed
    return {
        "complete": summary.complete,
        "tests": tally.tests,
        "counted": tally.leaves,
        "passed": tally.passed,
        "failed": tally.failed,
        "errors": tally.errors,
        "skipped": tally.skipped,
        "crash": summary.crash,
        "dropped": summary.dropped,
        "rest": summary.rest,
        "claimed": claimed
        and {
            "passed": claimed.passed,
            "subtests": claimed.subtests,
            "skipped": claimed.skipped,
            "failed": claimed.failed,
        },
    }
