"""Tests that differ, as rows, over the base and the revisions of a series, as columns."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.db.models import Change, Run, Test
from app.db.queries.results import Differing, TestRef
from app.domain.flake import History
from app.domain.outcome import ChangeClass, Outcome
from app.web.addresses import address_of_test
from app.web.words import OUTCOMES, Chip, Tone

MOST_ROWS = 120
REGRESSED = "Regressed at some time"
GONE = "Gone from the base"
NEW = "New with the series"
FIXED = "Failed on the base, fixed by the series"
NOT_OURS = "Not the series' doing"
GROUPS = (REGRESSED, GONE, NEW, FIXED, NOT_OURS)

NOT_RUN = Chip(text="not run", tone=Tone.QUIET)
ABSENT = Chip(text="\N{EN DASH}", tone=Tone.QUIET)
REPAIRED = Chip(text="fixed", tone=Tone.GOOD)
FLAKY = Chip(text="flaky", tone=Tone.WARN)
FAILS = Chip(text="fails", tone=Tone.WARN)
MADE = {
    ChangeClass.FIXED: REPAIRED,
    ChangeClass.FLAKY: FLAKY,
    ChangeClass.PRE_EXISTING: FAILS,
    ChangeClass.DISAPPEARED: Chip(text="gone", tone=Tone.BAD),
    ChangeClass.NOT_RUN: NOT_RUN,
    ChangeClass.IGNORED: Chip(text="ignored", tone=Tone.WARN),
}

EXPLAINED = {ChangeClass.FLAKY, ChangeClass.DISAPPEARED, ChangeClass.IGNORED}
"""What the series is not blamed for, and still wants a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A revision: its label, its run (None: not tested), and whether that run has any results."""

    label: str
    run: Run | None
    tested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a test did in one column; `href` leads to its result, where there is none to the run, "" to nowhere."""

    chip: Chip
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A test; `why` are short lines below its name, `alike` counts other subtests of its parent that do the same."""

    test: Test
    ordinal: int
    alike: int
    why: Sequence[str]
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Groups of rows, by title; `differing` counts tests, `left_out` those that no row is about.

    `broken` are the first of the `broken_total` tests without a row that fail on the base and wherever they ran: id,
    suite and name.
    """

    columns: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Row]]]
    differing: int
    left_out: int
    suites: int
    broken: Sequence[tuple[int, str, str]]
    broken_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the database says: what differs, outcomes by run and test, histories of those that are flaky on the base."""

    differing: Differing
    outcomes: Mapping[tuple[int, TestRef], Outcome]
    flaky: Mapping[TestRef, History]
    baseline_id: int | None


def build_matrix(columns: Sequence[Column], facts: Facts) -> Matrix:
    """Return the matrix; the gravest group and within it the gravest test first."""
    by_test: dict[TestRef, list[Change]] = defaultdict(list)
    for change in facts.differing.changes:
        by_test[change.test_id, change.ordinal].append(change)
    groups: dict[str, list[Row]] = defaultdict(list)
    for ref, changes in by_test.items():
        groups[_group(changes)].append(_row(ref, changes, columns, facts))
    alike = sum(facts.differing.alike.values())
    return Matrix(
        columns=["base", *(column.label for column in columns)],
        groups=[(title, groups[title]) for title in GROUPS if title in groups],
        differing=facts.differing.total,
        left_out=facts.differing.total - len(by_test) - alike,
        suites=len({changes[0].test.suite for changes in by_test.values()}),
        broken=facts.differing.broken,
        broken_total=facts.differing.broken_total,
    )


def _group(changes: Sequence[Change]) -> str:
    kinds = {change.kind for change in changes}
    if ChangeClass.REGRESSION in kinds:
        return REGRESSED
    if ChangeClass.DISAPPEARED in kinds:
        return GONE
    if kinds & {ChangeClass.NEW_FAILURE, ChangeClass.NEW_PASS}:
        return NEW
    return FIXED if ChangeClass.FIXED in kinds and ChangeClass.FLAKY not in kinds else NOT_OURS


def _row(ref: TestRef, changes: Sequence[Change], columns: Sequence[Column], facts: Facts) -> Row:
    by_run = {change.run_id: change for change in changes}
    cells = [_base_cell(ref, changes, facts)]
    failed_before, seen = False, False
    for column in columns:
        change = by_run.get(column.run.id) if column.run else None
        outcome = facts.outcomes.get((column.run.id, ref)) if column.run else None
        chip = _chip(column, change, outcome, repaired=failed_before, first=not seen)
        cells.append(Cell(chip=chip, href=_href(column.run.id if column.run else None, ref, changes, facts)))
        if chip not in {NOT_RUN, ABSENT}:
            seen = True
            failed_before = chip.tone is Tone.BAD
    labels = {column.run.id: column.label for column in columns if column.run}
    return Row(
        test=changes[0].test,
        ordinal=ref[1],
        alike=facts.differing.alike.get(ref, 0),
        why=_why(changes, labels, facts.flaky.get(ref)),
        cells=cells,
    )


def _base_cell(ref: TestRef, changes: Sequence[Change], facts: Facts) -> Cell:
    outcome = facts.outcomes.get((facts.baseline_id, ref)) if facts.baseline_id else None
    outcome = outcome or next((change.base for change in changes if change.base), None)
    if ref in facts.flaky:
        chip = FLAKY
    elif outcome is None:
        chip = ABSENT
    else:
        chip = FAILS if outcome.failed else OUTCOMES[outcome]
    return Cell(chip=chip, href=_href(facts.baseline_id, ref, changes, facts))


def _href(run_id: int | None, ref: TestRef, changes: Sequence[Change], facts: Facts) -> str:
    if run_id is None:
        return ""
    return address_of_test(run_id, changes[0].test, ref[1]) if (run_id, ref) in facts.outcomes else f"/runs/{run_id}"


def _chip(column: Column, change: Change | None, outcome: Outcome | None, *, repaired: bool, first: bool) -> Chip:
    if change is not None and change.kind in MADE:
        return MADE[change.kind]
    outcome = outcome or (change.patched if change else None)
    if outcome is None:
        return ABSENT if column.tested else NOT_RUN
    if outcome is Outcome.PASS and repaired:
        return REPAIRED
    if change is not None and first and change.kind in {ChangeClass.NEW_PASS, ChangeClass.NEW_FAILURE}:
        passed = outcome is Outcome.PASS
        return Chip(text="new ✓" if passed else "new FAIL", tone=Tone.NEW if passed else Tone.BAD)
    return OUTCOMES[outcome]


def _why(changes: Sequence[Change], labels: Mapping[int, str], flaky: History | None) -> list[str]:
    said: dict[str, list[str]] = {}
    for change in sorted(changes, key=lambda one: one.run_id):
        if change.reason and (change.kind.blamed or change.kind in EXPLAINED):
            why = (change.message if change.kind.blamed else None) or change.reason
            said.setdefault(why, []).append(labels.get(change.run_id, ""))
    lines = [f"{', '.join(where)}: {reason}" for reason, where in said.items()][:3]
    if flaky is not None:
        lines.append(f"{flaky.words} in ninety days")
    elif any(change.kind is ChangeClass.PRE_EXISTING for change in changes):
        lines.append("fails on the base as well")
    return lines
