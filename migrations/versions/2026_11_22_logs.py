"""What the verifier spends on each program, as veristat tells it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the costs of programs, fenced as all that attempts store."""
    numbers = postgresql.ARRAY(sa.BIGINT())
    op.create_table(
        "program_costs",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_test_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("test_ids", numbers, nullable=False),
        sa.Column("states", numbers, nullable=False),
        sa.Column("insns", numbers, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_program_costs_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "attempt", "first_test_id", name=op.f("pk_program_costs")),
    )
    op.execute(
        "CREATE TRIGGER refuse_old_attempt BEFORE INSERT OR UPDATE ON program_costs "
        "FOR EACH ROW EXECUTE FUNCTION reroll_refuse_old_attempt()"
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("program_costs")
