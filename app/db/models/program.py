"""What the verifier spends on programs."""

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt


class ProgramCosts(Base):
    """States and instructions of the programs of a run, as veristat told them: position for position.

    A row holds what came at once, some hundreds of programs, for a row a program would be three times the size;
    `first_test_id` is the first of `test_ids`.
    """

    __tablename__ = "program_costs"

    run_id: Mapped[BigInt] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_test_id: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    test_ids: Mapped[list[int]] = mapped_column(ARRAY(BIGINT))
    states: Mapped[list[int]] = mapped_column(ARRAY(BIGINT))
    insns: Mapped[list[int]] = mapped_column(ARRAY(BIGINT))
