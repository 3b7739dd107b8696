"""Signatures of mails as they were checked; prerequisites."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "prerequisites",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
    op.create_index(op.f("ix_revisions_change_id"), "revisions", ["change_id"], unique=False)
    op.create_table(
        "attestations",
        sa.Column("message_pk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signatures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_pk"], ["messages.id"], name=op.f("fk_attestations_message_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_pk", name=op.f("pk_attestations")),
    )


def downgrade() -> None:
    op.drop_table("attestations")
    op.drop_index(op.f("ix_revisions_change_id"), table_name="revisions")
    op.drop_column("runs", "prerequisites")
