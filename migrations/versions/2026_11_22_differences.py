"""Range-diffs that git made, kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "range_diffs",
        sa.Column("old_id", sa.BigInteger(), nullable=False),
        sa.Column("new_id", sa.BigInteger(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("old_base", sa.Text(), nullable=False),
        sa.Column("new_base", sa.Text(), nullable=False),
        sa.Column("old_commit", sa.Text(), nullable=False),
        sa.Column("new_commit", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["old_id"], ["revisions.id"], name=op.f("fk_range_diffs_old_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["new_id"], ["revisions.id"], name=op.f("fk_range_diffs_new_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("old_id", "new_id", name=op.f("pk_range_diffs")),
    )
    op.create_index(op.f("ix_range_diffs_new_id"), "range_diffs", ["new_id"])


def downgrade() -> None:
    op.drop_table("range_diffs")
