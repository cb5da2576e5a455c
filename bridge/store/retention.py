"""Deleting what is old: in small batches, and never what is open or waits.

Ids rise with time, so that *old* is a range of the primary key and needs no index of its own.
"""

from sqlalchemy import Connection, Delete, Table, bindparam, delete, literal_column, or_, select

from bridge.store.schema import attempts, callbacks, deliveries, episodes, events, message_episodes, messages
from bridge.store.statements import IS_WORK

BATCH = 500  # rows of each table in one transaction: a few milliseconds

OPEN = select(episodes.c.id).where(episodes.c.phase == literal_column("'open'"))
WORK = select(deliveries.c.id).where(IS_WORK)
WORK_EVENTS = select(deliveries.c.event_id).where(IS_WORK)
WORK_CALLBACKS = select(events.c.callback_id).where(events.c.id.in_(WORK_EVENTS))
WORK_EPISODES = select(events.c.episode_id).where(events.c.id.in_(WORK_EVENTS))
OF_OPEN = select(events.c.id).where(events.c.episode_id.in_(OPEN))


def _oldest(table: Table, *spared: object) -> Delete:
    """Delete the oldest rows of a table but those spared."""
    old = select(table.c.id).where(table.c.id < bindparam("before"), *spared).order_by(table.c.id).limit(BATCH)  # type: ignore[arg-type]
    return delete(table).where(table.c.id.in_(old))


PRUNING = (
    _oldest(attempts, attempts.c.delivery_id.not_in(WORK)),
    _oldest(deliveries, ~IS_WORK, deliveries.c.event_id.not_in(OF_OPEN)),
    _oldest(events, events.c.id.not_in(WORK_EVENTS), events.c.episode_id.not_in(OPEN)),
    _oldest(callbacks, callbacks.c.id.not_in(WORK_CALLBACKS), callbacks.c.episode_id.not_in(OPEN)),
    _oldest(
        messages,
        messages.c.id.not_in(select(message_episodes.c.message_id).where(message_episodes.c.episode_id.in_(OPEN))),
    ),
    _oldest(
        episodes,
        episodes.c.phase != literal_column("'open'"),
        episodes.c.id.not_in(WORK_EPISODES),
        episodes.c.counted_at < bindparam("before_at"),
        or_(episodes.c.recovered_at.is_(None), episodes.c.recovered_at < bindparam("before_at")),
    ),
    delete(message_episodes).where(
        message_episodes.c.message_id < bindparam("before"), message_episodes.c.episode_id.not_in(OPEN)
    ),
)


def prune(connection: Connection, *, before: int, before_at: int) -> int:
    """Delete one batch of what is older than an id (and a time in milliseconds); give how much it was."""
    values = {"before": before, "before_at": before_at}
    return sum(connection.execute(statement, values).rowcount for statement in PRUNING)
