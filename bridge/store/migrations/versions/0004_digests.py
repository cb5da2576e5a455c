"""Digests: which one tells of a delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

IN_A_DIGEST = sa.text("digest IS NOT NULL")


def upgrade() -> None:
    """Add the column, and an index of those that have it."""
    op.add_column("deliveries", sa.Column("digest", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_deliveries_digest",
        "deliveries",
        ["digest"],
        unique=False,
        sqlite_where=IN_A_DIGEST,
        postgresql_where=IN_A_DIGEST,
    )
