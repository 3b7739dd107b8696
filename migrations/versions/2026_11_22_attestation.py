"""Signatures of mails as they were checked; prerequisites."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what this revision names."""


def downgrade() -> None:
    """Take it away again."""
