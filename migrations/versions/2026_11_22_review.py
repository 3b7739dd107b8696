"""What people say of comments, and what bots say in fields."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comments", sa.Column("bot_report", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_table(
        "marks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "says",
            sa.Enum(
                "addressed", "open", "withdrawn", name="says", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("marked_by", sa.Text(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
    )
    op.create_index(op.f("ix_marks_message_id_id"), "marks", ["message_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("marks")
    op.drop_column("comments", "bot_report")
