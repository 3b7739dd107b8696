"""Two revisions of a series by their tests: what was fixed, broken, and stayed broken from one to the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from app.db.models import Change as Row
from app.db.models import Revision, Run, RunState, Test
from app.db.queries import results as queries
from app.db.queries.history import patches_of
from app.db.queries.runs import runs_of_revisions
from app.domain.conditions import Conditions, caveats, incomparable
from app.domain.outcome import ChangeClass, Outcome, TestKey, Verdict
from app.domain.regression import (
    Change,
    Observations,
    RevisionComparison,
    compare_revisions,
)

JUDGED_BY_TESTS = (Verdict.CLEAN, Verdict.REGRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the revision before was blamed for: its label, its run, and what has to be said when compared with it."""

    label: str
    run_id: int
    changes: tuple[Change, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsBetween:
    """Two runs compared; `comparison` is None where they cannot be, and `why_not` says why, in a sentence.

    `changes` are those of the older run, then those of the newer one.
    """

    __test__ = False  # pytest: not a test case

    old_run: Run | None
    new_run: Run | None
    why_not: str = ""
    comparison: RevisionComparison | None = None
    caveats: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def before(session: Session, run: Run, revision: Revision) -> Before | None:
    """Return the revision before, where it was judged by its tests under conditions that can be compared."""
    earlier = session.execute(
        select(Run, Revision.label)
        .join(Revision, Run.revision_id == Revision.id)
        .where(
            Revision.series_id == revision.series_id,
            Revision.position == revision.position - 1,
            Run.state == RunState.DONE,
            Run.only.is_(None),
            # A series of which only a single patch does not build was tested as a whole.
            or_(
                Run.verdict.in_(JUDGED_BY_TESTS),
                and_(Run.verdict == Verdict.DOES_NOT_BUILD, Run.evidence["built"].as_boolean()),
            ),
            Run.tree == run.tree,
            Run.profile == run.profile,
        )
        # One on the same base tells more than a newer one.
        .order_by((Run.base_commit == run.base_commit).desc(), Run.id.desc())
        .limit(1)
    ).first()
    if earlier is None:
        return None
    old, label = earlier
    said = caveats(_conditions(old, label), _conditions(run, revision.label))
    return Before(label=label, run_id=old.id, changes=stored_changes(session, old.id), caveats=said)


def compare_tests(session: Session, old: Revision, new: Revision) -> TestsBetween:
    """Compare two revisions of a series by the runs that speak for them."""
    runs = runs_of_revisions(session, [old.id, new.id])
    old_run, new_run = runs[old.id].standing, runs[new.id].standing
    for revision, run in ((old, old_run), (new, new_run)):
        why_not = _no_tests(revision, run)
        if why_not:
            return TestsBetween(old_run=old_run, new_run=new_run, why_not=why_not)
    assert old_run is not None
    assert new_run is not None
    conditions = _conditions(old_run, old.label), _conditions(new_run, new.label)
    if unlike := incomparable(*conditions):
        return TestsBetween(old_run=old_run, new_run=new_run, why_not=f"{unlike}: nothing to compare.")
    was, now = stored_changes(session, old_run.id), stored_changes(session, new_run.id)
    blamed = [one.key for one in was if one.cls.blamed]
    unchanged = _unchanged(session, new_run, set(blamed) - {one.key for one in now})
    return TestsBetween(
        old_run=old_run,
        new_run=new_run,
        comparison=compare_revisions(was, (*now, *unchanged)),
        caveats=caveats(*conditions),
        changes=(*was, *now),
    )


def stored_changes(session: Session, run_id: int) -> tuple[Change, ...]:
    """Return what the judge stored of a run's tests: all but those that did not change."""
    rows = session.scalars(select(Row).where(Row.run_id == run_id).options(joinedload(Row.test)))
    return tuple(
        Change(
            key=TestKey(suite=row.test.suite, name=row.test.name, ordinal=row.ordinal),
            cls=row.kind,
            baseline=_once(row.base),
            patched=_once(row.patched),
            reason=row.message or row.reason or "",
        )
        for row in rows
    )


def _once(outcome: Outcome | None) -> Observations:
    return Observations(outcomes=(outcome,) if outcome else ())


def _unchanged(session: Session, run: Run, keys: set[TestKey]) -> Sequence[Change]:
    """Return, of tests that the judge stored nothing of, those that have a result in a run: they are as on the base."""
    rows = session.execute(select(Test.id, Test.suite, Test.name).where(Test.name.in_({key.name for key in keys})))
    ids = {(suite, name): id_ for id_, suite, name in rows}
    refs = {(ids[key.suite, key.name], key.ordinal): key for key in keys if (key.suite, key.name) in ids}
    found = queries.outcomes(session, [run.id], list(refs))
    return [
        Change(key=refs[ref], cls=ChangeClass.UNCHANGED, baseline=_once(one), patched=_once(one), reason="")
        for (_, ref), one in found.items()
    ]


def _no_tests(revision: Revision, run: Run | None) -> str:
    if run is None:
        return f"{revision.label} has not been judged, so its tests cannot be compared."
    built_as_a_whole = run.verdict is Verdict.DOES_NOT_BUILD and bool(run.told.get("built"))
    if run.verdict not in JUDGED_BY_TESTS and not built_as_a_whole:
        return f"{revision.label} {_SAYS[run.verdict]}, so there are no tests of it to compare."
    return ""


_SAYS = {
    Verdict.DOES_NOT_APPLY: "does not apply",
    Verdict.DOES_NOT_BUILD: "does not build",
    Verdict.DOES_NOT_BOOT: "does not boot",
    Verdict.INCONCLUSIVE: "is inconclusive",
    None: "is not judged yet",
}


def _conditions(run: Run, label: str) -> Conditions:
    return Conditions(
        label=label,
        tree=run.tree,
        base_commit=run.base_commit,
        profile=run.profile,
        toolchain=run.toolchain,
        selection=frozenset(str(one.get("test")) for one in run.selection if isinstance(one, dict)),
        first=frozenset(patches_of(run.prerequisites)),
    )
