"""Tests that differ, over the revisions."""

# ruff: noqa: RUF001 - the dash is what the page shows

from collections.abc import Sequence

from app.db.models import Change, Run, Test
from app.db.queries.results import Differing
from app.domain.flake import History
from app.domain.outcome import ChangeClass, Outcome
from app.web.matrix import Column, Facts, build_matrix

BASE = 1
PASSES, FAILS, SKIPS = Outcome.PASS, Outcome.FAIL, Outcome.SKIP


def column(label: str, run_id: int | None, *, tested: bool = True) -> Column:
    return Column(label=label, run=None if run_id is None else Run(id=run_id), tested=tested)


COLUMNS = (
    column("v1", 11),
    column("v2", 12, tested=False),
    column("v3", 13),
    column("v4", None, tested=False),
    column("v5", 15),
)


def change(
    run_id: int, name: str, kind: ChangeClass, base: Outcome | None, patched: Outcome | None, why: str = ""
) -> Change:
    test = Test(id=sum(name.encode()), suite="test_progs", name=name)
    return Change(
        run_id=run_id, test_id=test.id, test=test, ordinal=0, kind=kind, base=base, patched=patched, reason=why
    )


def differing(changes: Sequence[Change]) -> Differing:
    """Return changes as the database gives them: all of a test together, none of a test that only was not run."""
    tests = dict.fromkeys(one.test_id for one in changes if one.kind is not ChangeClass.NOT_RUN)
    together = [one for test in tests for one in changes if one.test_id == test]
    return Differing(changes=together, total=len(tests), alike={})


def drawn(changes: Sequence[Change], outcomes: dict[tuple[int, str], Outcome], flaky: dict[str, History]) -> str:
    """Return the matrix as text, to be read beside what it should be."""

    def number(name: str) -> int:
        return sum(name.encode())

    facts = Facts(
        differing=differing(changes),
        outcomes={(run, (number(name), 0)): outcome for (run, name), outcome in outcomes.items()},
        flaky={(number(name), 0): history for name, history in flaky.items()},
        baseline_id=BASE,
    )
    matrix = build_matrix(COLUMNS, facts)
    lines = [" | ".join(["", *matrix.columns])]
    for title, rows in matrix.groups:
        lines.append(title)
        for row in rows:
            lines.append(" | ".join([row.test.name, *(cell.chip.text for cell in row.cells)]))
            lines += [f"  {why}" for why in row.why]
    return "\n".join(lines)


def test_the_whole_of_it() -> None:
    changes = [
        change(13, "iter", ChangeClass.REGRESSION, PASSES, FAILS, "sum is 12"),
        change(11, "log", ChangeClass.NEW_FAILURE, None, FAILS, "expected R0"),
        change(13, "log", ChangeClass.NEW_PASS, None, PASSES),
        change(15, "log", ChangeClass.NEW_PASS, None, PASSES),
        change(15, "late", ChangeClass.NEW_PASS, None, PASSES),
        change(15, "gone", ChangeClass.DISAPPEARED, PASSES, None, "was in every run of the base"),
        change(13, "mended", ChangeClass.FIXED, FAILS, PASSES),
        change(13, "shaky", ChangeClass.FLAKY, PASSES, FAILS, "failed 1 of 3"),
        change(11, "broken", ChangeClass.PRE_EXISTING, FAILS, FAILS),
        change(13, "unreached", ChangeClass.NOT_RUN, PASSES, None),
    ]
    outcomes = {(run, "iter"): PASSES for run in (BASE, 11, 15)} | {(13, "iter"): FAILS}
    outcomes |= {(BASE, "gone"): PASSES, (11, "gone"): PASSES, (13, "gone"): SKIPS, (BASE, "broken"): FAILS}
    outcomes |= {(BASE, "shaky"): PASSES, (11, "shaky"): PASSES, (15, "shaky"): PASSES}
    flaky = {"shaky": History(failures=14, runs=212, bases=30)}
    assert drawn(changes, outcomes, flaky) == (
        """\
 | base | v1 | v2 | v3 | v4 | v5
Regressed at some time
iter | pass | pass | not run | FAIL | not run | fixed
  v3: sum is 12
Gone from the base
gone | pass | pass | not run | skip | not run | gone
  v5: was in every run of the base
New with the series
log | – | new FAIL | not run | fixed | not run | pass
  v1: expected R0
late | – | – | not run | – | not run | new ✓
Failed on the base, fixed by the series
mended | fails | – | not run | fixed | not run | –
Not the series' doing
shaky | flaky | pass | not run | flaky | not run | pass
  v3: failed 1 of 3
  failed 14 of 212 runs of unpatched trees (4–11 %) in ninety days
broken | fails | fails | not run | – | not run | –
  fails on the base as well"""
    )


def test_nothing_differs() -> None:
    assert drawn([], {}, {}) == " | base | v1 | v2 | v3 | v4 | v5"


def test_what_a_row_stands_for_and_what_has_no_row() -> None:
    changes = [change(11, name, ChangeClass.REGRESSION, PASSES, FAILS) for name in ("a/x", "b/x")]
    few = Differing(changes=changes, total=400, alike={(changes[0].test_id, 0): 38, (changes[1].test_id, 0): 0})
    matrix = build_matrix(COLUMNS, Facts(differing=few, outcomes={}, flaky={}, baseline_id=BASE))
    assert (matrix.differing, matrix.left_out) == (400, 400 - 40)
    assert [row.alike for _, rows in matrix.groups for row in rows] == [38, 0]
