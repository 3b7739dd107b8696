"""What came of each patch of a series on its own, after the verdict on the whole."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created, Json, When, words
from app.domain.outcome import Outcome


class CheckState(StrEnum):
    """Whether the patches of a run are still to be tried."""

    OPEN = "open"
    DONE = "done"


class PatchCheck(Base):
    """That the patches of a run are tried one by one, and what all of them together showed.

    `findings` are `app.domain.patches.Finding`s as JSON, the gravest first. `trouble` says why patches were not tried,
    for trouble of ours; it is nobody's fault and turns nothing red. `whole` is what the judge said before any of it:
    its verdict and sentence.
    """

    __tablename__ = "patch_checks"

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[CheckState] = mapped_column(words(CheckState, "state"), default=CheckState.OPEN)
    whole: Mapped[Json] = mapped_column(JSONB, default=dict)
    findings: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    trouble: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    finished_at: Mapped[When | None]


class PatchTrial(Base):
    """One patch of a run, on its own upon those before it.

    `built` names what was built (`kernel`, `selftests`); empty where the patch touches nothing that is. `outcome` is
    the build's: PASS, FAIL, or SKIP where nothing had to be built. `errors` are `CompilerError`s as JSON; `warnings`
    are what no file of the base has said, as JSON; `tests` counts a boot's results (null: not booted); `advice` is
    checkpatch's and get_maintainer's.
    """

    __tablename__ = "patch_trials"
    __table_args__ = (CheckConstraint("position > 0", name="position"),)

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(words(Outcome, "outcome"))
    built: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reason: Mapped[str | None] = mapped_column(Text)
    errors: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    warnings: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    tests: Mapped[Json | None] = mapped_column(JSONB)
    advice: Mapped[Json] = mapped_column(JSONB, default=dict)
    duration_s: Mapped[float | None]
    finished_at: Mapped[When]
