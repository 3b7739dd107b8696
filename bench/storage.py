"""Pages on a database of many results: their time and statements, its size, what a worker stores in it."""

import asyncio
import gc
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event, text

from app.config import Settings
from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.models import AttemptKind, Run, RunState
from app.db.session import make_engine, make_sessions
from app.domain.outcome import Outcome, TestResult
from app.main import create_app
from app.services import attempts, records
from bench.memory import descendants
from bench.storage_fill import RUNS_A_SERIES, SUITES, TESTS, Filled, fill

ASKED = 200
"""How often each kind of page is asked for, at random places."""
WARMING = 3
PATIENCE_S = 30
"""No kind is asked for longer than this."""
FILLING = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=4GB", "maintenance_work_mem=512MB",
    "max_parallel_maintenance_workers=2", "autovacuum=off",
)  # fmt: skip
LIMIT_MS = 100
SERVING = b"postgres: reroll"
"""What the processes of PostgreSQL that answer us are called; the others, autovacuum's say, are not a page's doing."""
DICE = random.Random(18)  # noqa: S311 - the same places each time
FLUSHES, A_FLUSH = 40, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of page: its name, and an address of it at a random place; `bound` where 100 ms are asked for."""

    name: str
    address: Callable[[random.Random], str]
    bound: bool = False


def measure_storage(*, results: int, series: int) -> bool:
    """Fill a fresh database and measure the pages on it; the server has the product's own settings by then.

    Return whether the pages that have a limit keep it.
    """
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        started = time.perf_counter()
        with Cluster(root, options=FILLING).running() as url:
            engine = make_engine(url)
            upgrade(engine)
            filled = fill(engine, results=results, series=series)
            engine.dispose()
        took = time.perf_counter() - started
        console.print(f"storage: {filled.results:,} results, {series:,} series stored in {took:.0f} s")
        with Cluster(root).running() as url:
            engine = make_engine(url)
            _print_sizes(engine, console)
            good = asyncio.run(_measure_pages(url, _kinds(filled), console))
            _measure_storing(engine, filled, console)
            engine.dispose()
    return good


def _kinds(filled: Filled) -> list[Kind]:
    def run(dice: random.Random) -> int:
        return dice.choice(filled.series) * RUNS_A_SERIES + dice.randint(1, RUNS_A_SERIES - 1)

    tests, series = filled.tests, filled.series
    api = "/api/v1"
    return [
        Kind(name="a run", address=lambda dice: f"/runs/{run(dice)}", bound=True),
        Kind(name="a baseline", address=lambda dice: f"/runs/{dice.choice(series) * RUNS_A_SERIES}"),
        Kind(name="a run, narrowed", address=lambda dice: f"/runs/{run(dice)}?name=ring_{dice.randrange(100)}/*"),
        Kind(name="a run's last results", address=lambda dice: f"/runs/{run(dice)}?page={TESTS // 50 - 2}"),
        Kind(name="a test's history", address=lambda dice: f"/tests/{dice.choice(tests)}", bound=True),
        Kind(name="its tenth page", address=lambda dice: f"/tests/{dice.choice(tests)}?page=10"),
        Kind(name="a matrix v1..v4", address=lambda dice: f"/series/{dice.choice(series)}", bound=True),
        Kind(name="a matrix, all differs", address=lambda dice: f"/series/{dice.choice(filled.tallest)}", bound=True),
        Kind(name="a run, all differs", address=lambda _: f"/runs/{filled.tallest[0] * RUNS_A_SERIES + 2}"),
        Kind(name="a series not run", address=lambda dice: f"/series/{dice.randint(1, max(1, series[0] - 1))}"),
        Kind(name="/", address=lambda dice: f"/?page={dice.randint(1, 20)}"),
        Kind(name="/ searched", address=lambda dice: f"/?q=part+{dice.randrange(1 << 16):x}"),
        Kind(name="/ by author", address=lambda dice: f"/?author=Person+{dice.randrange(900)}"),
        Kind(name="/ by verdict", address=lambda _: "/?verdict=regressed"),
        Kind(name="/runs", address=lambda dice: f"/runs?page={dice.randint(1, 20)}"),
        Kind(name="/tests", address=lambda dice: f"/tests?page={dice.randint(1, 20)}"),
        Kind(name="/threads", address=lambda dice: f"/threads?page={dice.randint(1, 20)}"),
        Kind(name="REST results", address=lambda dice: f"{api}/runs/{run(dice)}/results?page={dice.randint(1, 9)}"),
        Kind(name="REST failures", address=lambda dice: f"{api}/runs/{run(dice)}/results?outcome=fail"),
        Kind(name="REST verdict", address=lambda dice: f"{api}/runs/{run(dice)}/verdict"),
        Kind(name="REST series", address=lambda dice: f"{api}/series?page={dice.randint(1, 20)}"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What asking for a kind of page took, each time: by the clock, and by the processors (ours and PostgreSQL's)."""

    clock_ms: Sequence[float]
    cpu_ms: Sequence[float]
    statements: float
    bytes: int


async def _measure_pages(url: str, kinds: Sequence[Kind], console: Console) -> bool:
    """Print what each kind of page takes; return whether those that are bound are within LIMIT_MS."""
    good = True
    app = create_app(Settings(database_url=url))
    table = Table("page", "statements", "p50 ms", "p95 ms", "p99 ms", "", "CPU p50", "CPU p95", "KB", box=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        await client.get("/")
        gc.collect()
        gc.freeze()  # as `reroll web` does
        for kind in kinds:
            asked = await _ask(client, app.state.engine, kind)
            clock, cpu = quantiles(asked.clock_ms, n=100), quantiles(asked.cpu_ms, n=100)
            good = good and not (kind.bound and clock[94] >= LIMIT_MS)
            said = "" if not kind.bound else "ok" if clock[94] < LIMIT_MS else f"over {LIMIT_MS}"
            figures = (*(f"{clock[place - 1]:.0f}" for place in (50, 95, 99)), said, f"{cpu[49]:.0f}", f"{cpu[94]:.0f}")
            table.add_row(kind.name, f"{asked.statements:.0f}", *figures, f"{asked.bytes >> 10}")
    app.state.engine.dispose()
    console.print(table)
    console.print(f"load average {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors")
    return good


async def _ask(client: httpx.AsyncClient, engine: Engine, kind: Kind) -> Asked:
    """Ask for a kind of page at random places, the first few times only so that templates and statements are ready."""
    clock, cpu, size, end = [], [], 0, time.monotonic() + PATIENCE_S
    with _statements(engine) as sent:
        while len(clock) < ASKED + WARMING and (time.monotonic() < end or len(clock) < 3 * WARMING):
            address = kind.address(DICE)
            before, started = _cpu_ms(), time.perf_counter()
            answer = await client.get(address)
            clock.append((time.perf_counter() - started) * 1000)
            cpu.append(_cpu_ms() - before)
            answer.raise_for_status()
            size = max(size, len(answer.content))
    return Asked(clock_ms=clock[WARMING:], cpu_ms=cpu[WARMING:], statements=len(sent) / len(clock), bytes=size)


def _cpu_ms() -> float:
    """Return what this process and the database's backends have computed so far (proc(5), schedstat)."""
    ours = os.getpid()
    total = time.process_time() * 1000
    for pid in descendants(ours) - {ours}:
        with suppress(OSError):
            proc = Path(f"/proc/{pid}")
            if proc.joinpath("cmdline").read_bytes().startswith(SERVING):
                total += int(proc.joinpath("schedstat").read_text().split()[0]) / 1e6
    return total


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _print_sizes(engine: Engine, console: Console) -> None:
    wanted = text(
        "SELECT relname, pg_table_size(oid) >> 20, pg_indexes_size(oid) >> 20 FROM pg_class"
        " WHERE relkind = 'r' AND pg_total_relation_size(oid) > 16 << 20 ORDER BY pg_total_relation_size(oid) DESC"
    )
    with engine.connect() as connection:
        for name, rows, indexes in connection.execute(wanted):
            console.print(f"  {name}: {rows:,} MB, indexes {indexes:,} MB")


def _measure_storing(engine: Engine, filled: Filled, console: Console) -> None:
    """Store a run's results as a worker does: a transaction a second, here as fast as they go."""
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        run = session.get_one(Run, filled.series[-1] * RUNS_A_SERIES + 1)
        run.state, run.results_attempt = RunState.QUEUED, None
        session.flush()
        held = attempts.claim(session, run.id, AttemptKind.EXECUTE, worker="bench")
    assert held is not None
    some = [_result(number) for number in range(FLUSHES * A_FLUSH)]
    started = time.perf_counter()
    for place in range(0, len(some), A_FLUSH):
        with sessions.begin() as session:
            records.store_results(session, held, records.BootKey(), some[place : place + A_FLUSH])
    rate = len(some) / (time.perf_counter() - started)
    console.print(f"a worker stores {rate:,.0f} results/s, {A_FLUSH} a transaction, with {filled.results:,} there")


def _result(number: int) -> TestResult:
    parent, case = f"ring_{number // 40}", number % 40
    return TestResult(
        suite=SUITES[number // (TESTS // len(SUITES))], name=f"{parent}/case_{case}" if case else parent,
        parent=parent if case else None, outcome=Outcome.PASS, aggregate=not case, log_start=0, log_end=40,
    )  # fmt: skip
