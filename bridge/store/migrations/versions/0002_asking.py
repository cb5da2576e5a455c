"""What commands ask for, and indexes on what is not where its id says."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LATER = "episode_id > 0 AND (id > episode_id OR id < episode_id - 1000)"


def upgrade() -> None:
    """Make them."""
    op.add_column("deliveries", sa.Column("replayed_at", sa.BigInteger(), nullable=True))
    _index("ix_callbacks_later", "callbacks", "episode_id", LATER)
    _index("ix_events_no_trigger", "events", "episode_id", "state <> 'triggered'")
    _index("ix_deliveries_not_at_once", "deliveries", "event_id", "id > event_id + 1000")
    _index("ix_attempts_not_sent", "attempts", "delivery_id", "answer <> 'sent'")
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("result", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_subject"), "requests", ["subject"], unique=False)
    _index("ix_requests_undone", "requests", "id", "done_at IS NULL")


def _index(name: str, table: str, column: str, where: str) -> None:
    """Make an index on the rows that its condition holds for."""
    op.create_index(name, table, [column], unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
