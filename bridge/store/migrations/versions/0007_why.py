"""Which channel has a delivery now, and why another waits or was left out: until here their notes alone said so."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

HANDED_TO = "handed to "  # and the channel's name, before a colon
NOTES = {
    "over_unheard": "it was over before the channel was mended, which never had its trigger",
    "went_round": "% handed it on, and nobody took it:%",
}
deliveries = sa.table("deliveries", *(sa.column(name) for name in ("id", "state", "note", "handed_to", "why")))
moved = sa.select(deliveries.c.id, deliveries.c.note).where(deliveries.c.state == "moved")
hand = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("id_")).values(handed_to=sa.bindparam("to_"))


def upgrade() -> None:
    """Add the columns, and fill them from the notes."""
    for name in ("handed_to", "why"):
        op.add_column("deliveries", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for states, why in ((["superseded"], "over_unheard"), (["waiting", "begun"], "went_round")):
        where = deliveries.c.state.in_(states), deliveries.c.note.like(NOTES[why])
        op.execute(sa.update(deliveries).where(*where).values(why=why))
    handed = [
        {"id_": id_, "to_": note.removeprefix(HANDED_TO).partition(":")[0]}
        for id_, note in op.get_bind().execute(moved)
    ]
    if handed:
        op.get_bind().execute(hand, handed)
