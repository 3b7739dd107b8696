"""A database as it is after years: many results, series and mails, told apart by numbers alone."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from psycopg import Connection
from sqlalchemy import Engine, Table
from sqlalchemy.schema import AddConstraint, DropConstraint

from app.db.models import Result

Driver = Connection[tuple[Any, ...]]
TESTS, REVISIONS = 4000, 4
RUNS_A_SERIES = REVISIONS + 1
"""Those of the revisions, and the baseline that they share."""
BROKEN, SHAKY = 40, 20
"""How many tests fail on the base always, and how many now and then: about what all of test_progs has under TCG."""
SUITES = ("test_progs", "test_progs-no_alu32", "test_progs-cpuv4", "test_verifier")
TALLEST = 1
"""Series of which every test differs in every revision: the worst that a matrix can be asked to show."""
LOG = b"#1/1   ring_0/case_1:OK\n" * 4000
DETAIL = "test_ring:FAIL:sum unexpected sum: actual 12 != expected 14\\n" * 10
RESULTS = (
    "COPY results (run_id, test_id, attempt, boot, on_base, ordinal, outcome, message, detail, aggregate, log_start,"
    " log_end) FROM STDIN"
)
LOGS = "COPY log_chunks (step_id, name, start, size, data) FROM STDIN"
CHANGES = "COPY changes (run_id, test_id, ordinal, attempt, class, base, patched, reason, message) FROM STDIN"
REASON = "passes in 3 of 3 boots of the base, fails in 3 of 3"
ROW = "\t{test}\t1\t{boot}\t{on_base}\t0\t{outcome}\t{message}\t{detail}\t{aggregate}\t{start}\t{end}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What there is to look at: ids of tests and of series with four revisions; a `tallest` differs in every test.

    The run of a series' n-th revision is `series * 5 + n`, its baseline `series * 5`.
    """

    tests: Sequence[int]
    series: Sequence[int]
    tallest: Sequence[int]
    results: int


def fill(engine: Engine, *, results: int, series: int) -> Filled:
    """Fill a migrated, empty database; `results` is rounded down to whole series of runs."""
    tested = max(2, results // (RUNS_A_SERIES * TESTS))
    series = max(series, tested)
    ids = list(range(series - tested + 1, series + 1))
    driver = engine.raw_connection()
    connection = driver.driver_connection
    assert connection is not None
    # What triggers and foreign keys would check a row at a time holds by construction.
    connection.execute("SET session_replication_role = replica")
    tests = _tests(connection)
    rows = Path(__file__).with_name("storage_mails.sql").read_text()
    connection.execute(rows.replace(":series", str(series)).replace(":tested", str(tested)))
    _logs(connection, ids)
    _without_indexes(engine, connection, lambda: _results(connection, ids, tests))
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM (ANALYZE)")
    driver.invalidate()
    return Filled(tests=tests, series=ids[:-TALLEST], tallest=ids[-TALLEST:], results=tested * RUNS_A_SERIES * TESTS)


def _tests(connection: Driver) -> list[int]:
    """Insert the tests; one of forty is a parent, the others are its subtests."""
    with connection.cursor() as cursor, cursor.copy("COPY tests (suite, name, parent) FROM STDIN") as copy:
        for number in range(TESTS):
            parent, case = f"ring_{number // 40}", number % 40
            suite = SUITES[number // (TESTS // len(SUITES))]
            copy.write_row((suite, f"{parent}/case_{case}" if case else parent, parent if case else None))
    return [id_ for (id_,) in connection.execute("SELECT id FROM tests ORDER BY id")]


def _logs(connection: Driver, series: Sequence[int]) -> None:
    """Insert a log of each step of each run, as short ones are stored: in one piece."""
    packed = zstandard.ZstdCompressor(level=6).compress(LOG + random.Random(18).randbytes(4000))  # noqa: S311
    names = {1: "build", 2: "console", 3: "results"}
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY log_chunks (step_id, name, start, size, data) FROM STDIN") as copy,
    ):
        for run in (run for one in series for run in _runs(one)):
            for place, name in names.items():
                copy.write_row((run * 4 + place, name, 0, len(LOG) + 4000, packed))


def _runs(series: int) -> range:
    return range(series * RUNS_A_SERIES, (series + 1) * RUNS_A_SERIES)


def _without_indexes(engine: Engine, connection: Driver, store: Callable[[], None]) -> None:
    """Call `store` while the results have neither index nor constraint; making them afterwards takes half the time."""
    connection.commit()
    table = Result.__table__
    assert isinstance(table, Table)
    with engine.begin() as ddl:
        for index in table.indexes:
            index.drop(ddl)
        ddl.execute(DropConstraint(table.primary_key))
    store()
    connection.commit()
    with engine.begin() as ddl:
        ddl.execute(AddConstraint(table.primary_key))
        for index in table.indexes:
            index.create(ddl)


def _results(connection: Driver, series: Sequence[int], tests: Sequence[int]) -> None:
    """Send the results of all runs, a run after the other, and what the judge would make of them."""
    dice = random.Random(18)  # noqa: S311 - the same at each run
    broken = set(dice.sample(range(TESTS), BROKEN))
    shaky = sorted(set(dice.sample(range(TESTS), SHAKY)) - broken)
    passes, fails = (
        [_line(test, number, outcome) for number, test in enumerate(tests)] for outcome in ("pass", "fail")
    )
    changes: list[tuple[object, ...]] = []
    with connection.cursor() as cursor, cursor.copy(RESULTS) as copy:
        for one in series:
            tallest = one in series[-TALLEST:]
            fixed_in = {test: dice.randint(2, 5) for test in dice.sample(range(TESTS), dice.randint(0, 8))}
            baseline, *runs = _runs(one)
            flaky = set(dice.sample(shaky, 4))
            copy.write(_block(baseline, passes, fails, broken | flaky))
            for version, run in enumerate(runs, start=1):
                blamed = set(range(TESTS)) if tallest else {test for test, last in fixed_in.items() if version < last}
                blamed = {test for test in blamed - broken if test % 40}  # what only sums up is never blamed
                copy.write(_block(run, passes, fails, broken | blamed))
                copy.write("".join(_confirming(run, tests[test], test) for test in sorted(blamed)[:20]))
                changes += _changes(run, tests, broken, blamed, flaky)
    with connection.cursor() as cursor, cursor.copy(CHANGES) as copy:
        for change in changes:
            copy.write_row(change)


def _line(test: int, number: int, outcome: str, *, boot: int = 0, on_base: str = "f") -> str:
    failed = outcome == "fail"
    return ROW.format(
        test=test, boot=boot, on_base=on_base, outcome=outcome, start=number * 40, end=number * 40 + 40,
        aggregate="f" if number % 40 else "t",
        message="sum is 12, expected 14" if failed else "\\N", detail=DETAIL if failed else "\\N",
    )  # fmt: skip


def _block(run: int, passes: Sequence[str], fails: Sequence[str], failing: set[int]) -> str:
    lines = ["", *passes]
    for test in failing:
        lines[test + 1] = fails[test]
    return str(run).join(lines)


def _confirming(run: int, test: int, number: int) -> str:
    boots = ((boot, on_base) for boot in (1, 2) for on_base in "ft")
    return "".join(
        str(run) + _line(test, number, "pass" if on_base == "t" else "fail", boot=boot, on_base=on_base)
        for boot, on_base in boots
    )


def _changes(
    run: int, tests: Sequence[int], broken: set[int], blamed: set[int], flaky: set[int]
) -> Iterator[tuple[object, ...]]:
    kinds = ((broken, "pre-existing", "fail", "fail"), (blamed, "regression", "pass", "fail"))
    for some, kind, base, patched in (*kinds, (flaky - blamed, "flaky", "fail", "pass")):
        for test in sorted(some):
            message = "sum is 12, expected 14" if patched == "fail" else None
            yield (
                run,
                tests[test],
                0,
                1,
                kind,
                base,
                patched,
                "passes in 3 of 3 boots of the base, fails in 3 of 3",
                message,
            )
