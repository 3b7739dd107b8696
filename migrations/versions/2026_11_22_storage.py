"""Results by the million: narrower rows, keyed by test first; lists and searches that read an index."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FENCED = (
    "CREATE TRIGGER refuse_old_attempt BEFORE INSERT OR UPDATE ON results"
    " FOR EACH ROW EXECUTE FUNCTION reroll_refuse_old_attempt()"
)
# Where a log is too long for an integer, nothing of that place was kept.
NARROWED = """
INSERT INTO results (run_id, test_id, duration_s, log_start, log_end, ordinal, attempt, boot, on_base, aggregate,
    outcome, message, detail)
SELECT run_id, test_id, duration_s, CASE WHEN log_end < 2147483648 THEN log_start END,
    CASE WHEN log_end < 2147483648 THEN log_end END, ordinal, attempt, boot, on_base OR runs.revision_id IS NULL,
    aggregate, outcome, message, detail
FROM results_before JOIN runs ON runs.id = run_id ORDER BY run_id, attempt, boot, on_base, test_id
"""
WIDENED = """
INSERT INTO results (run_id, test_id, duration_s, log_start, log_end, ordinal, attempt, boot, on_base, aggregate,
    outcome, message, detail)
SELECT run_id, test_id, duration_s, log_start, log_end, ordinal, attempt, boot,
    on_base AND runs.revision_id IS NOT NULL, aggregate, outcome, message, detail
FROM results_after JOIN runs ON runs.id = run_id ORDER BY run_id, attempt, boot, on_base, test_id
"""
KEY = (
    "ALTER TABLE results ADD CONSTRAINT pk_results"
    " PRIMARY KEY (test_id, run_id, ordinal, attempt, boot, on_base) INCLUDE (outcome)"
)
POSTED = ["last_posted DESC NULLS LAST", "id DESC"]
SEARCHED = ("title", "author_name", "author_email")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    _set_aside("results_before", "ix_results_test_id_run_id")
    op.create_table(
        "results",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("test_id", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("log_start", sa.Integer(), nullable=True),
        sa.Column("log_end", sa.Integer(), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("boot", sa.SmallInteger(), nullable=False),
        sa.Column("on_base", sa.Boolean(), nullable=False),
        sa.Column("aggregate", sa.Boolean(), nullable=False),
        *_said(),
    )
    # Only a fifth as many new rows as there are would have autovacuum look, and an index alone would not do till then.
    op.execute("ALTER TABLE results SET (autovacuum_vacuum_insert_scale_factor = 0.02)")
    op.execute(NARROWED)
    op.drop_table("results_before")
    op.execute(KEY)
    op.create_index(op.f("ix_results_run_id"), "results", ["run_id"])
    op.create_index(
        "ix_results_on_base",
        "results",
        ["test_id", "run_id"],
        postgresql_include=["outcome"],
        postgresql_where=sa.text("on_base"),
    )
    _related()
    op.create_index(op.f("ix_changes_test_id"), "changes", ["test_id"])
    op.drop_index(op.f("ix_series_last_posted"), "series")
    op.create_index("ix_series_posted", "series", [sa.text(one) for one in POSTED])
    operators = dict.fromkeys(SEARCHED, "gin_trgm_ops")
    op.create_index("ix_series_words", "series", list(SEARCHED), postgresql_using="gin", postgresql_ops=operators)


def downgrade() -> None:
    op.drop_index("ix_series_words", "series")
    op.drop_index("ix_series_posted", "series")
    op.create_index(op.f("ix_series_last_posted"), "series", ["last_posted"])
    op.drop_index(op.f("ix_changes_test_id"), "changes")
    _set_aside("results_after", "ix_results_run_id", "ix_results_on_base")
    op.create_table(
        "results",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("on_base", sa.Boolean(), nullable=False),
        sa.Column("test_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        *_said(),
        sa.Column("aggregate", sa.Boolean(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("log_start", sa.BigInteger(), nullable=True),
        sa.Column("log_end", sa.BigInteger(), nullable=True),
    )
    op.execute(WIDENED)
    op.drop_table("results_after")
    key = ["run_id", "attempt", "boot", "on_base", "test_id", "ordinal"]
    op.create_primary_key(op.f("pk_results"), "results", key)
    op.create_index(op.f("ix_results_test_id_run_id"), "results", ["test_id", "run_id"])
    _related()
    # pg_trgm stays: it may have been there before, and others may use it.


def _set_aside(name: str, *indexes: str) -> None:
    """Rename the table; its key and indexes, whose names the new one wants, are not needed to read it whole."""
    op.drop_constraint(op.f("pk_results"), "results", type_="primary")
    for index in indexes:
        op.drop_index(index, "results")
    op.rename_table("results", name)


def _said() -> list[sa.Column]:
    outcomes = ("pass", "fail", "error", "skip", "miss")
    kind = sa.Enum(*outcomes, name="outcome", native_enum=False, create_constraint=True, length=32)
    return [
        sa.Column("outcome", kind, nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
    ]


def _related() -> None:
    op.create_check_constraint(op.f("ck_results_boot"), "results", "boot >= 0")
    op.create_foreign_key(op.f("fk_results_run_id"), "results", "runs", ["run_id"], ["id"], ondelete="CASCADE")
    op.create_foreign_key(op.f("fk_results_test_id"), "results", "tests", ["test_id"], ["id"])
    op.execute(FENCED)
