"""Whole archives: keys that find what belongs together, and how far an inbox has been read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# pglz costs more time than all the rest of storing a mail; lz4 is built into the servers of all distributions, but
# need not be.
COMPRESSED = (("messages", "raw"), ("messages", "body"), ("patches", "diff"))
COMPRESS = """
DO $$
BEGIN
    IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        {changes}
    END IF;
END
$$
"""


def upgrade() -> None:
    op.add_column("messages", sa.Column("root", sa.Text(), nullable=True))
    op.execute('UPDATE messages SET root = coalesce("references"[1], in_reply_to, message_id)')
    op.alter_column("messages", "root", nullable=False)
    op.create_index(op.f("ix_messages_root"), "messages", ["root"], unique=False)
    op.add_column(
        "messages",
        sa.Column("lists", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    changes = "; ".join(
        f"ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION lz4" for table, column in COMPRESSED
    )
    op.execute(COMPRESS.format(changes=f"{changes};"))
    op.create_table(
        "inboxes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("mails", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inboxes")),
        sa.UniqueConstraint("place", "epoch", name=op.f("uq_inboxes_place_epoch")),
    )
    op.create_table(
        "revision_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revisions.id"], name=op.f("fk_revision_keys_revision_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "revision_id", name=op.f("pk_revision_keys")),
    )
    op.create_index(op.f("ix_revision_keys_revision_id"), "revision_keys", ["revision_id"], unique=False)


def downgrade() -> None:
    op.drop_table("revision_keys")
    op.drop_table("inboxes")
    op.drop_column("messages", "lists")
    op.drop_index(op.f("ix_messages_root"), table_name="messages")
    op.drop_column("messages", "root")
