"""What `reroll inspect results` and `reroll inspect console` print: a file as the parsers see it, as JSON values."""

from collections.abc import Iterable
from typing import Any

from app.domain.captured import by_suite, plain
from app.domain.console import ConsoleReport, ConsoleScanner
from app.domain.guest_stream import MARK, GuestStream
from app.domain.outcome import TestResult
from app.domain.testlog import SuiteSummary, parser_for

_PIECE = 1 << 20


def results_document(data: bytes, *, suite: str | None = None, expected: Iterable[str] = ()) -> dict[str, Any]:
    """Read a suite's output, or a guest's whole results stream.

    Args:
        data: the file's bytes.
        suite: whose rules to read by; None: what the output looks like (a guest's stream, test_progs ...).
        expected: names of tests that should have run; those without a result are listed as `not_run`.

    Returns:
        `{"suite", "summary": {...}, "results": [{"name", "outcome", "message", "duration_s", ...}], "not_run": []}`;
        where several suites were run `{"suites": [...]}` with one such object a suite.
    """
    data = plain(data)
    if suite is None and (data.startswith(MARK) or b"\n" + MARK in data):
        return _guest_document(data, tuple(expected))
    parts = by_suite(data) if suite is None else [(suite, data)]
    documents = [_captured_document(part, one or "test_progs", tuple(expected)) for one, part in parts]
    return documents[0] if len(documents) == 1 else {"suites": documents}


def console_document(data: bytes) -> dict[str, Any]:
    """Read a console: `{"events": [{"kind", "title", "frames", "fingerprint", "line", ...}], "reached_userspace"}`."""
    scanner = ConsoleScanner()
    scanner.feed(plain(data, of_kernel=True))
    return _console(scanner.finish())


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


def _captured_document(data: bytes, suite: str, expected: tuple[str, ...]) -> dict[str, Any]:
    parser = parser_for(suite)
    results: list[TestResult] = []
    for at in range(0, len(data), _PIECE):
        results += parser.feed(data[at : at + _PIECE])
    end = parser.finish()
    return _suite_document(end.summary, [*results, *end.results], expected)


def _guest_document(data: bytes, expected: tuple[str, ...]) -> dict[str, Any]:
    stream = GuestStream()
    results = stream.feed(data)
    end = stream.finish()
    results += end.results
    suites = [
        _suite_document(run.summary, [each for each in results if each.suite == run.suite], expected)
        | {"exit_code": run.exit_code, "ended": run.ended}
        for run in end.suites
    ]
    machine = {"ready": end.ready, "done": end.done, "stray": list(end.stray)}
    return suites[0] | machine if len(suites) == 1 else {"suites": suites, **machine}


def _suite_document(summary: SuiteSummary, results: list[TestResult], expected: Iterable[str]) -> dict[str, Any]:
    seen = {result.name for result in results}
    return {
        "suite": summary.suite,
        "summary": _summary(summary),
        "results": [_result(result) for result in results],
        "not_run": [name for name in expected if name not in seen],
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


def _result(result: TestResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "ordinal": result.ordinal,
        "outcome": str(result.outcome),
        "aggregate": result.aggregate,
        "message": result.message,
        "detail": result.detail,
        "duration_s": result.duration_s,
    }
