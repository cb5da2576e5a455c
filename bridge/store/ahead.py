"""Waits that were begun by a wall clock that was far ahead: it was set back since, and the bridge begun again.

Nobody knows how much of them is over. They begin now, and are as long as they were meant to be: a platform that was to
be left alone for an hour is not called at once, and what was to wait for a second does not wait for the year 2038.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from bridge.clock import milliseconds
from bridge.store.schema import attempts, channels, deliveries, pauses
from bridge.store.statements import IS_WORK, NOT_SENT

NOW = bindparam("now_", type_=BigInteger)
MADE_AT = (
    select(func.max(attempts.c.made_at)).where(attempts.c.delivery_id == deliveries.c.id, NOT_SENT).scalar_subquery()
)

BEGUN_AHEAD = (
    update(channels)
    .where(channels.c.paused_at > NOW)
    .values(paused_until=NOW + channels.c.paused_until - channels.c.paused_at, paused_at=NOW),
    update(pauses).where(pauses.c.begun_at > NOW).values(until=NOW + pauses.c.until - pauses.c.begun_at, begun_at=NOW),
    update(deliveries)
    .where(IS_WORK, deliveries.c.due_at > NOW, MADE_AT > NOW)
    .values(due_at=NOW + deliveries.c.due_at - MADE_AT),
)


def begin_now(connection: Connection, now: datetime) -> None:
    """Have all of them begin at this moment, but for those that are over."""
    for statement in BEGUN_AHEAD:
        connection.execute(statement, {"now_": milliseconds(now)})
