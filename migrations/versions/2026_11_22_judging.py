"""Tests to ignore, and what their failures are called."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CLASSES = (
    "regression", "fixed", "pre-existing", "flaky", "new failure", "new pass", "disappeared", "not run", "unchanged",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "ignores",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=True),
        sa.Column("tree", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(ended_by IS NULL) = (ended_at IS NULL)", name=op.f("ck_ignores_ended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ignores")),
    )
    op.create_index(op.f("ix_ignores_expires_at"), "ignores", ["expires_at"])
    _allow(*CLASSES, "ignored")


def downgrade() -> None:
    # What was ignored had failed; that nobody is blamed for it is what an older version has to keep saying.
    op.execute("UPDATE changes SET class = 'flaky' WHERE class = 'ignored'")
    _allow(*CLASSES)
    op.drop_table("ignores")


def _allow(*classes: str) -> None:
    op.drop_constraint(op.f("ck_changes_class"), "changes", type_="check")
    listed = ", ".join(f"'{one}'" for one in classes)
    op.create_check_constraint(op.f("ck_changes_class"), "changes", f"class IN ({listed})")
