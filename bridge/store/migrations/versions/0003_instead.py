"""Why a fallback channel has a delivery, and when a channel was last mended."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("deliveries", sa.Column("instead_of", sa.Text(), nullable=False, server_default=""))
    op.add_column("channels", sa.Column("mended_at", sa.BigInteger(), nullable=True))
