"""What people say of comments, and what bots say in fields."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what this revision names."""


def downgrade() -> None:
    """Take it away again."""
