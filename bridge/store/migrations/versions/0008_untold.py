"""Which dead letters nobody was told of yet."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNTOLD = sa.text("why = 'untold'")


def upgrade() -> None:
    """Add an index of them; of those that are there already people were told, or it is too late."""
    op.create_index(
        "ix_deliveries_untold",
        "deliveries",
        ["channel"],
        unique=False,
        sqlite_where=UNTOLD,
        postgresql_where=UNTOLD,
    )
