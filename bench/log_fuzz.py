"""Mutated consoles and results by the thousand: no exception, text that can be stored, the same whatever the pieces.

Run by `make fuzz` after the mails (bench/fuzz.py); the seeds are what bench/parsers.py measures.
"""

import itertools
import random
import re
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from app.domain.console import MAX_EVENTS, ConsoleReport, ConsoleScanner
from app.domain.guest_stream import MAX_SUITES, GuestEnd, GuestStream
from app.domain.lives import Death, left_behind
from app.domain.outcome import TestResult
from app.domain.results_document import console_document
from app.domain.testlog.suite import MAX_NAME
from app.inspect.files import plain_file
from app.inspect.results_json import write_results
from bench.parsers import CONSOLES, RESULTS

LIMIT_S = 2.0
"""Of processor time, for one log of some 100 kB."""
PLAN = ("align", "bpf_iter", "test_verifier:*", "test_maps:*", "test_progs-cpuv4:x")
_UNSTORABLE = re.compile("[\ud800-\udfff\x00-\x08\x0e-\x1f]")
_FRAMES = tuple(
    b'\n@@reroll {"event":"%s"%s}\n' % (event, suite)
    for event in (b"ready", b"begin", b"end", b"done", b"leaks")
    for suite in (b"", b',"suite":"test_progs"', b',"suite":"test_maps"', b',"suite":"test_verifier","exit":1')
)
_BEGINS = tuple(frame for frame in _FRAMES if b'"begin","suite"' in frame)
_LINES = (
    b"#1/1   bpf_iter/ksym:OK\n", b"#1     bpf_iter:OK\n", b"#0/p add OK\n", b"#1/u sub FAIL\nwhy\n",
    b"test_maps: OK, 3 SKIPPED\n", b"All error logs:\n", b"Summary: 1/2 PASSED, 0 SKIPPED, 0 FAILED\n",
    b"Caught signal #11!\n", b"WATCHDOG: test case x executes for 10 seconds\n", b"VERIFIER LOG:\n=============\n",
    b"EXPECTED   SUBSTR: 'x'\n", b"1..3\n", b"    not ok 1 - x # SKIP y\n", b"ok 1 selftests: bpf: a b # exit=1\n",
    b"KTAP version 1\n", b"file_name,prog_name,verdict\n", b"a.bpf.o,p,failure\n",
    b"unreferenced object 0xffff8881 (size 64):\n  comm \"x\", pid 1\n    [<0>] frob+0x1/0x2\n",
    b"Kernel panic - not syncing: \xff\n", b"---[ end trace 0 ]---\n", b"\x1b[31m\r\n", b"\x00" * 9, b"#" * 70_000,
)  # fmt: skip


# Of uneven shares, so that no caller has the same lines of each report.
_CALLERS = (b"T1", b"T1", b"C0", b"T99", b"T100", b"C1", b"T1", b"T99", b"C0", b"T12345")


class FoundError(AssertionError):
    """Something that must not happen, in words."""


@dataclass(slots=True, kw_only=True)
class LogTally:
    """What a run saw; `slowest` is processor time in seconds of one log, and its size in bytes."""

    logs: int = 0
    results: int = 0
    events: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    findings: list[str] = field(default_factory=list)


def run_logs(count: int, *, seed: int) -> LogTally:
    """Examine so many mutated logs."""
    tally, choose = LogTally(), random.Random(seed)  # noqa: S311 - a seed gives the same logs again
    while tally.logs < count:
        data = mutated(choose)
        try:
            examine_log(data, choose, tally)
        except Exception:  # noqa: BLE001 - that none is raised is what is looked for
            tally.findings.append(f"log {tally.logs} of seed {seed}: {traceback.format_exc(limit=-3)}")
        tally.logs += 1
    return tally


def mutated(choose: random.Random) -> bytes:
    """Return a log of lines that mean something, in disorder, with bytes changed, doubled and lost."""
    makers = [*RESULTS.values(), *CONSOLES.values()]
    parts: list[bytes] = [choose.choice(_BEGINS)]
    while sum(map(len, parts)) < choose.choice((300, 5_000, 100_000)):
        made = choose.choice(makers)(choose.randrange(2000))[: choose.choice((100, 2_000, 20_000))]
        parts.append(choose.choice((made, made, choose.choice(_LINES), choose.choice(_LINES), choose.choice(_FRAMES))))
    data = bytearray(b"".join(parts))
    for _ in range(choose.choice((0, 1, 10, 100))):
        at = choose.randrange(len(data))
        end = at + choose.choice((0, 1, 1, 7, 300))
        data[at:end] = choose.choice((b"", b"\n", bytes([choose.randrange(256)]), data[at:end] * 2))
        if not data:
            return b"\n"
    return bytes(data)


def examine_log(data: bytes, choose: random.Random, tally: LogTally) -> None:
    """Read a log as results and as a console, whole and in pieces.

    Raises:
        FoundError: what came out cannot be stored, is without bounds, depends on the pieces, or took too long.
    """
    started = time.process_time()
    size = choose.choice((1, 7, 1000, 65536)) if len(data) < 20_000 else choose.choice((1000, 65536))
    results, end = _results(data, size)
    report = _console(data, size)
    spent = time.process_time() - started
    tally.slowest = max(tally.slowest, (spent, len(data)))
    tally.results += len(results)
    tally.events += len(report.events)
    if spent > LIMIT_S:
        raise FoundError(f"a log of {len(data)} bytes took {spent:.1f} s")
    if (results, end) != _results(data, len(data)) or report != _console(data, len(data)):
        raise FoundError(f"what is read depends on pieces of {size} bytes")
    _check_results(results, end, len(data))
    _check_events(report)
    said = by_callers(data)
    at_once = _console(said, size)
    if at_once != _console(said, len(said)):
        raise FoundError(f"what several callers say depends on pieces of {size} bytes")
    _check_events(at_once)
    left = left_behind(PLAN, end, results, death=Death(words="x"), events=report.events)
    if not set(left.tests) <= set(PLAN):
        raise FoundError("tests are left that were not given")
    with plain_file([data]) as captured:
        write_results(captured, len)
    console_document([data])


def by_callers(data: bytes) -> bytes:
    """Return a log as several tasks and CPUs would have said it, line by line; a few lines stay without."""
    callers = itertools.cycle((*_CALLERS, b""))
    return b"\n".join(
        b"[    5.000001][%6s] %s" % (caller, line) if (caller := next(callers)) else line for line in data.split(b"\n")
    )


def _pieces(data: bytes, size: int) -> Sequence[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _results(data: bytes, size: int) -> tuple[list[TestResult], GuestEnd]:
    stream = GuestStream()
    found = list(itertools.chain.from_iterable(stream.feed(piece) for piece in _pieces(data, size)))
    end = stream.finish()
    return [*found, *end.results], end


def _console(data: bytes, size: int) -> ConsoleReport:
    scanner = ConsoleScanner()
    for piece in _pieces(data, size):
        scanner.feed(piece)
    return scanner.finish()


def _check_results(results: Sequence[TestResult], end: GuestEnd, size: int) -> None:
    keys = [result.key for result in results]
    if len(set(keys)) != len(keys):
        raise FoundError("two results of one key")
    if len(end.suites) > MAX_SUITES:
        raise FoundError(f"{len(end.suites)} suites")
    for one in results:
        if not one.name or len(one.name) > MAX_NAME:
            raise FoundError(f"a name of {len(one.name)} characters")
        if one.log_start is not None and not 0 <= one.log_start <= (one.log_end or 0) <= size + 1:
            raise FoundError(f"a log from {one.log_start} to {one.log_end} of {size}")
        _check_text(one.name, one.message, one.detail)


def _check_events(report: ConsoleReport) -> None:
    if len(report.events) > MAX_EVENTS:
        raise FoundError(f"{len(report.events)} events")
    for event in report.events:
        if not re.fullmatch(r"[0-9a-f]{16}", event.fingerprint) or not 1 <= event.line <= report.lines:
            raise FoundError(f"an event at line {event.line} of {report.lines}")
        _check_text(event.title, event.excerpt, *event.frames)
        if type(event).stored(asdict(event)) != event:
            raise FoundError("an event does not come back from the database")


def _check_text(*texts: str | None) -> None:
    for text in texts:
        if text is not None and (found := _UNSTORABLE.search(text)):
            raise FoundError(f"{found[0]!r} in what is kept")
