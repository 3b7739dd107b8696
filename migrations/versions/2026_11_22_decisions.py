"""What a person decided about which postings are one series, and where revisions were before they moved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A trigger, so that no way of storing can forget it: new mail joins series as people do.
REMEMBER = """
CREATE FUNCTION reroll_remember_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO former_places (series_id, revision_id, label) VALUES (OLD.series_id, OLD.id, OLD.label)
    ON CONFLICT (series_id, revision_id) DO UPDATE SET label = EXCLUDED.label, left_at = now();
    RETURN NULL;
END
$$
"""
ON_MOVE = """
CREATE TRIGGER reroll_remember_place AFTER UPDATE OF series_id ON revisions FOR EACH ROW
WHEN (OLD.series_id IS DISTINCT FROM NEW.series_id) EXECUTE FUNCTION reroll_remember_place()
"""


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("link", "split", "move", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("to_message_id", sa.Text(), nullable=True),
        sa.Column("parted_from", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind != 'link' OR to_message_id IS NOT NULL", name=op.f("ck_decisions_link_names_both")),
        sa.CheckConstraint("kind != 'split' OR to_message_id IS NULL", name=op.f("ck_decisions_split_names_one")),
        sa.CheckConstraint("(undone_by IS NULL) = (undone_at IS NULL)", name=op.f("ck_decisions_undone")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    for column in ("message_id", "to_message_id", "parted_from"):
        op.create_index(op.f(f"ix_decisions_{column}"), "decisions", [column], unique=False)
    op.create_table(
        "former_places",
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revisions.id"], name=op.f("fk_former_places_revision_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "revision_id", name=op.f("pk_former_places")),
    )
    op.create_index(op.f("ix_former_places_revision_id"), "former_places", ["revision_id"], unique=False)
    op.add_column("revisions", sa.Column("link_strength", sa.Integer(), nullable=True))
    op.add_column(
        "revisions", sa.Column("supersedes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)
    )
    op.execute(REMEMBER)
    op.execute(ON_MOVE)


def downgrade() -> None:
    op.execute("DROP TRIGGER reroll_remember_place ON revisions")
    op.execute("DROP FUNCTION reroll_remember_place()")
    op.drop_column("revisions", "supersedes")
    op.drop_column("revisions", "link_strength")
    op.drop_table("former_places")
    op.drop_table("decisions")
