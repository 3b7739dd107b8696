"""Mails that answer nothing at hand, and by what they are found when more comes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stray_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_pk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_pk"], ["messages.id"], name=op.f("fk_stray_keys_message_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "message_pk", name=op.f("pk_stray_keys")),
    )
    op.create_index(op.f("ix_stray_keys_message_pk"), "stray_keys", ["message_pk"], unique=False)


def downgrade() -> None:
    op.drop_table("stray_keys")
