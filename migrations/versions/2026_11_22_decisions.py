"""What a person decided about which postings are one series."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what this revision names."""


def downgrade() -> None:
    """Take it away again."""
