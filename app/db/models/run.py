"""Runs, their attempts and steps, and what the steps found."""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, query_expression, relationship

from app.db.models.base import Base, BigInt, Created, Id, Json, SmallInt, When, words
from app.db.models.series import Revision
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.domain.prerequisite import AppliedFirst, applied_first


class RunState(StrEnum):
    """Where a run is: `waiting` has executed and waits for its baseline (or for the judge)."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"


class AttemptKind(StrEnum):
    """What an attempt tries: to get results, to judge them, or, after that, each patch on its own."""

    EXECUTE = "execute"
    JUDGE = "judge"
    PATCHES = "patches"


class Run(Base):
    """(revision or none) x tree x base commit x profile; without a revision it is a baseline.

    `files` are the paths that the selection of tests follows and `only` the tests asked for alone (None: all selected);
    `prerequisites` are what is applied before the revision's own patches, in order, and by its baseline as well: each
    `named`, `called`, `root_id`, `patches` (Message-IDs) and `problem` (why there are none, or "");
    `newest_attempt` is the fence: what an older attempt still sends is refused by a trigger. `results_attempt` is the
    attempt whose results count.

    `evidence` may be megabytes where thousands of tests failed. What looks at many runs loads `gist` instead
    (app.db.queries.runs): the same but for what there is one of for each test.
    """

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "uq_runs_baseline",
            "tree",
            "base_commit",
            "profile",
            "inputs_key",
            unique=True,
            postgresql_where="revision_id IS NULL AND replaced_by_id IS NULL",
        ),
        Index(None, "revision_id"),
        Index(None, "baseline_id"),
        Index(None, "created_at"),
    )

    id: Mapped[Id]
    revision_id: Mapped[BigInt | None] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
    baseline_id: Mapped[BigInt | None] = mapped_column(ForeignKey("runs.id"))
    replaced_by_id: Mapped[BigInt | None] = mapped_column(ForeignKey("runs.id"))
    tree: Mapped[str] = mapped_column(Text)
    base_commit: Mapped[str] = mapped_column(Text)
    base_reason: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(Text)
    files: Mapped[list[str]] = mapped_column(ARRAY(Text))
    only: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    prerequisites: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    inputs_key: Mapped[str] = mapped_column(Text)
    pool: Mapped[str] = mapped_column(Text)
    state: Mapped[RunState] = mapped_column(words(RunState, "state"), default=RunState.QUEUED)
    verdict: Mapped[Verdict | None] = mapped_column(words(Verdict, "verdict"))
    sentence: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[Json] = mapped_column(JSONB, default=dict)
    newest_attempt: Mapped[int] = mapped_column(default=0)
    results_attempt: Mapped[int | None]
    toolchain: Mapped[Json] = mapped_column(JSONB, default=dict)
    selection: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    requested_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    started_at: Mapped[When | None]
    finished_at: Mapped[When | None]

    gist: Mapped[Json | None] = query_expression()
    revision: Mapped[Revision | None] = relationship(lazy="raise")
    baseline: Mapped["Run | None"] = relationship(lazy="raise", foreign_keys=[baseline_id], remote_side="Run.id")
    attempts: Mapped[list["Attempt"]] = relationship(lazy="raise", order_by="Attempt.number")
    steps: Mapped[list["Step"]] = relationship(lazy="raise", order_by="Step.id")

    @property
    def told(self) -> Json:
        """The evidence as far as it is loaded: its gist, else all of it."""
        return self.evidence if self.gist is None else self.gist

    @property
    def applied_first(self) -> list[AppliedFirst]:
        """What became of the prerequisites, or what is planned where the run has not come to them."""
        return applied_first(self.prerequisites, self.told.get("first", ()))


class Attempt(Base):
    """One try at a run by one worker; `ending` is None while it lives."""

    __tablename__ = "attempts"

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[AttemptKind] = mapped_column(words(AttemptKind, "kind"))
    worker: Mapped[str] = mapped_column(Text)
    started_at: Mapped[Created]
    finished_at: Mapped[When | None]
    ending: Mapped[str | None] = mapped_column(Text)


class Step(Base):
    """One step of one attempt; `outcome` is None while it runs. MISS means trouble of ours, said in `summary`."""

    __tablename__ = "steps"
    __table_args__ = (
        UniqueConstraint("run_id", "attempt", "name"),
        ForeignKeyConstraint(["run_id", "attempt"], ["attempts.run_id", "attempts.number"], ondelete="CASCADE"),
    )

    id: Mapped[Id]
    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    name: Mapped[StepName] = mapped_column(words(StepName, "name"))
    outcome: Mapped[Outcome | None] = mapped_column(words(Outcome, "outcome"))
    summary: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[Json] = mapped_column(JSONB, default=dict)
    started_at: Mapped[Created]
    finished_at: Mapped[When | None]


class LogChunk(Base):
    """A piece of a step's log, zstd; `start` and `size` count bytes of the plain log, so that ranges can be cut."""

    __tablename__ = "log_chunks"

    step_id: Mapped[BigInt] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    start: Mapped[BigInt] = mapped_column(primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes]


class Test(Base):
    """A test by suite and name; numbers shift between revisions, names stay. `parent` is what it is a subtest of."""

    __tablename__ = "tests"
    __test__ = False  # pytest: not a test case
    __table_args__ = (UniqueConstraint("suite", "name"),)

    id: Mapped[Id]
    suite: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    parent: Mapped[str | None] = mapped_column(Text)


class Result(Base):
    """One test's outcome in one boot: boot 0 is the run's own; 1.. are the judge's confirming boots, alone.

    `on_base` marks boots of the unpatched image: all of a baseline's, and some of the confirming ones. `aggregate`: the
    outcome only sums up subtests. `duration_s` is None where the suite tells no time. `log_start` and `log_end` are
    byte offsets in the results log.

    There are millions: the widest columns come first, so that no room is lost between them, and what a test did over
    all runs is read from the key alone (docs/decisions/0018-millions-of-results.md).
    """

    __tablename__ = "results"
    __table_args__ = (
        PrimaryKeyConstraint(
            "test_id", "run_id", "ordinal", "attempt", "boot", "on_base", postgresql_include=["outcome"]
        ),
        Index(None, "run_id"),
        Index(
            "ix_results_on_base", "test_id", "run_id", postgresql_include=["outcome"], postgresql_where=text("on_base")
        ),
        CheckConstraint("boot >= 0", name="boot"),
        {"postgresql_with": {"autovacuum_vacuum_insert_scale_factor": 0.02}},
    )

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    test_id: Mapped[BigInt] = mapped_column(ForeignKey("tests.id"))
    duration_s: Mapped[float | None]
    log_start: Mapped[int | None]
    log_end: Mapped[int | None]
    ordinal: Mapped[int]
    attempt: Mapped[SmallInt]
    boot: Mapped[SmallInt]
    on_base: Mapped[bool] = mapped_column(default=False)
    aggregate: Mapped[bool]
    outcome: Mapped[Outcome] = mapped_column(words(Outcome, "outcome"))
    message: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text, deferred=True)

    test: Mapped[Test] = relationship(lazy="raise")


class Change(Base):
    """What the judge makes of one test of a run against its baseline; `unchanged` ones are not stored.

    `reason` gives the figures, `message` says in a line why the test fails, where it does.
    """

    __tablename__ = "changes"
    __table_args__ = (Index(None, "test_id"),)

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    test_id: Mapped[BigInt] = mapped_column(ForeignKey("tests.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    kind: Mapped[ChangeClass] = mapped_column("class", words(ChangeClass, "class"))
    base: Mapped[Outcome | None] = mapped_column(words(Outcome, "base"))
    patched: Mapped[Outcome | None] = mapped_column(words(Outcome, "patched"))
    reason: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str | None] = mapped_column(Text)

    test: Mapped[Test] = relationship(lazy="raise")
