"""Each patch of a series built and tested on its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KINDS = ("execute", "judge")
STEPS = ("fetch", "apply", "build", "boot", "selftests", "judge", "report")
JSONB = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    _words("attempts", "kind", (*KINDS, "patches"))
    _words("steps", "name", (*STEPS, "patches"))
    op.create_table(
        "patch_checks",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "done", name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("whole", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_patch_checks_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_patch_checks")),
    )
    outcomes = ("pass", "fail", "error", "skip", "miss")
    op.create_table(
        "patch_trials",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(*outcomes, name="outcome", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("built", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("errors", JSONB, nullable=False),
        sa.Column("warnings", JSONB, nullable=False),
        sa.Column("tests", JSONB, nullable=True),
        sa.Column("advice", JSONB, nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_patch_trials_position")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_patch_trials_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_patch_trials")),
    )
    op.execute(
        "CREATE TRIGGER refuse_old_attempt BEFORE INSERT OR UPDATE ON patch_trials "
        "FOR EACH ROW EXECUTE FUNCTION reroll_refuse_old_attempt()"
    )


def downgrade() -> None:
    op.drop_table("patch_trials")
    op.drop_table("patch_checks")
    # What was said of single patches goes; a number left out is no attempt that anybody holds.
    op.execute("DELETE FROM steps WHERE name = 'patches'")
    op.execute("DELETE FROM attempts WHERE kind = 'patches'")
    _words("attempts", "kind", KINDS)
    _words("steps", "name", STEPS)


def _words(table: str, column: str, allowed: tuple[str, ...]) -> None:
    """Let a column hold these words and no others."""
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table, type_="check")
    quoted = ", ".join(f"'{word}'" for word in allowed)
    op.create_check_constraint(name, table, f"{column} IN ({quoted})")
