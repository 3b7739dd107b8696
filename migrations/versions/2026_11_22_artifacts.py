"""What a run leaves to download."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _words(name: str, *members: str) -> sa.Enum:
    return sa.Enum(*members, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "artifacts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", _words("kind", "bzImage", "selftests.cpio", "vmlinux", "root.cpio"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("image_key", sa.Text(), nullable=False),
        sa.Column("state", _words("state", "waiting", "kept", "gone"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("packed_size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_artifacts_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "kind", name=op.f("pk_artifacts")),
    )
    for name, columns, state in (
        ("ix_artifacts_waiting", ["created_at"], "waiting"),
        ("ix_artifacts_kept", ["sha256"], "kept"),
        ("ix_artifacts_image", ["image_key", "kind"], "kept"),
    ):
        op.create_index(name, "artifacts", columns, unique=False, postgresql_where=sa.text(f"state = '{state}'"))


def downgrade() -> None:
    op.drop_table("artifacts")
