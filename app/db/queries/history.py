"""What tests and kernels did on unpatched trees, run by run, and what tests did on patched ones."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import Session

from app.db.models import Result, Run
from app.db.queries.results import TestRef
from app.domain.outcome import Outcome

MOST_RUNS = 60
"""How many of a test's newest results on unpatched trees count: enough for an interval of a few per cent."""

First = tuple[str, ...]
"""The patches applied to a tree before anything was judged on it, as Message-IDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """Unpatched trees like a run's own: of its tree, in its profile, with nothing or one of `first` applied first."""

    tree: str
    profile: str
    first: Collection[First] = ()

    @property
    def clauses(self) -> list[ColumnElement[bool]]:
        """What is true of their runs."""
        had = func.jsonb_path_query_array(Run.prerequisites, cast("$[*].patches[*]", JSONPATH))
        may = [literal(list(one), JSONB) for one in ((), *self.first)]
        return [Run.tree == self.tree, Run.profile == self.profile, had.in_(may)]


_OF_RESULT = (Result.test_id, Result.ordinal, Result.run_id, Result.attempt, Result.boot, Result.outcome)
_OF_RUN = (Run.revision_id, Run.tree, Run.base_commit, Run.prerequisites, Run.profile, Run.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One result on an unpatched tree: of a baseline (`boot` 0 is its own), or of a judge's boot of the base.

    `prerequisites` are what was applied to that tree first; `attempt` is the run's.
    """

    ref: TestRef
    run_id: int
    attempt: int
    boot: int
    of_baseline: bool
    tree: str
    base_commit: str
    prerequisites: First
    profile: str
    outcome: Outcome
    when: datetime


def on_unpatched(
    session: Session,
    test_ids: Iterable[int],
    *,
    since: datetime,
    like: Like | None = None,
    most: int = MOST_RUNS,
    ordinals: int | None = None,
) -> Sequence[Seen]:
    """Return what some tests did on unpatched trees since then, the oldest first.

    Of each in each tree and profile the newest `most` results, and of many of one name the first `ordinals`; with
    `like` on such trees only.
    """
    newest = func.row_number().over(
        partition_by=(Result.test_id, Result.ordinal, Run.tree, Run.profile),
        order_by=(Run.id.desc(), Result.attempt.desc(), Result.boot),
    )
    rows = (
        select(*_OF_RESULT, *_OF_RUN, newest.label("age"))
        .join(Run, Run.id == Result.run_id)
        .where(
            Result.test_id.in_(list(test_ids)),
            Result.on_base,  # all of a baseline's, and the judge's boots of the base: an index has them
            Result.outcome.in_((Outcome.PASS, Outcome.FAIL, Outcome.ERROR)),
            Run.created_at >= since,
        )
    )
    if ordinals is not None:
        rows = rows.where(Result.ordinal < ordinals)
    if like is not None:
        rows = rows.where(*like.clauses)
    wanted = rows.subquery()
    ordered = select(wanted).where(wanted.c.age <= most).order_by(wanted.c.run_id, wanted.c.attempt, wanted.c.boot)
    return [_seen(row) for row in session.execute(ordered)]


def _seen(row: Any) -> Seen:  # noqa: ANN401 - a row of the statement above
    return Seen(
        ref=(row.test_id, row.ordinal),
        run_id=row.run_id,
        attempt=row.attempt,
        boot=row.boot,
        of_baseline=row.revision_id is None,
        tree=row.tree,
        base_commit=row.base_commit,
        prerequisites=patches_of(row.prerequisites),
        profile=row.profile,
        outcome=row.outcome,
        when=row.created_at,
    )


def with_same_patches(session: Session, run: Run, test_ids: Collection[int]) -> Sequence[tuple[int, int, Outcome]]:
    """Return what some tests did in other boots of the very kernel and tests of a run, in its profile.

    The oldest first, as (test, ordinal, outcome), those outcomes that say something. Those of other runs count, their
    own and their judge's; and of the run itself those of attempts between the one that counts and the one under way.
    """
    if not run.evidence.get("image"):
        return []
    rows = session.execute(
        select(Result.test_id, Result.ordinal, Result.outcome)
        .join(Run, Run.id == Result.run_id)
        .where(
            Run.revision_id == run.revision_id,
            or_(Run.id != run.id, Result.attempt.between((run.results_attempt or 0) + 1, run.newest_attempt - 1)),
            Run.profile == run.profile,
            Run.evidence["image"].as_string() == run.evidence["image"],
            Run.evidence["accelerator"].as_string() == run.evidence.get("accelerator"),
            Result.test_id.in_(test_ids),
            ~Result.on_base,
            Result.outcome.in_((Outcome.PASS, Outcome.FAIL, Outcome.ERROR)),
        )
        .order_by(Result.run_id, Result.attempt, Result.boot)
    )
    return [(test_id, ordinal, outcome) for test_id, ordinal, outcome in rows]


def patches_of(prerequisites: Sequence[Mapping[str, Any]]) -> First:
    """Return the patches that a run's `prerequisites` name, in their order."""
    return tuple(patch for one in prerequisites for patch in one["patches"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Complained:
    """What the kernel of one baseline complained of, as fingerprints; `ran` are the tests that have results there."""

    tree: str
    base_commit: str
    prerequisites: First
    profile: str
    ran: frozenset[str]
    complaints: frozenset[str]


def heard_on_unpatched(session: Session, *, since: datetime, like: Like) -> Sequence[Complained]:
    """Return what kernels complained of in the newest MOST_RUNS baselines that booted since then, the oldest first."""
    complaints = func.jsonb_path_query_array(Run.evidence, cast("$.events[*].fingerprint", JSONPATH))
    rows = session.execute(
        select(Run.base_commit, Run.prerequisites, Run.evidence["ran"], complaints)
        .where(
            Run.revision_id.is_(None),
            Run.created_at >= since,
            Run.evidence["booted"].as_boolean(),
            *like.clauses,
        )
        .order_by(Run.id.desc())
        .limit(MOST_RUNS)
    ).all()
    return [
        Complained(
            tree=like.tree,
            base_commit=commit,
            prerequisites=patches_of(prerequisites),
            profile=like.profile,
            ran=frozenset(ran or ()),
            complaints=frozenset(found),
        )
        for commit, prerequisites, ran, found in reversed(rows)
    ]


def on_patched(session: Session, test_id: int, *, since: datetime) -> tuple[int, int]:
    """Count how often a test failed, and how often it ran, in the own boots of revisions' runs since then."""
    failing = func.count().filter(Result.outcome.in_((Outcome.FAIL, Outcome.ERROR)))
    counting = (
        select(failing, func.count())
        .join(Run, Run.id == Result.run_id)
        .where(
            Result.test_id == test_id,
            Result.boot == 0,
            Run.revision_id.is_not(None),
            Run.created_at >= since,
            Result.outcome.in_((Outcome.PASS, Outcome.FAIL, Outcome.ERROR)),
        )
    )
    failed, ran = session.execute(counting).one()
    return failed, ran
