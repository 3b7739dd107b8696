"""Whole archives: keys that find what belongs together, and how far an inbox has been read."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what this revision names."""


def downgrade() -> None:
    """Take it away again."""
