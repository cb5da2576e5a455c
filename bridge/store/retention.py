"""Deleting what is old: in small batches, and never what is open or waits.

Ids rise with time, so that *old* is a range of the primary key and needs no index of its own. Whether
a row belongs to an open alarm is asked row by row, by primary keys: a batch costs the same however
much is stored.
"""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Delete,
    Table,
    bindparam,
    delete,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from bridge.store.schema import attempts, callbacks, deliveries, episodes, events, message_episodes, messages, requests
from bridge.store.statements import IS_WORK

BATCH = 500  # rows of each table in one transaction: a few milliseconds

IS_OPEN = episodes.c.phase == literal_column("'open'")
IS_TOLD_BY_WORK = deliveries.c.digest.in_(select(deliveries.c.event_id).where(IS_WORK))  # by a digest that waits
WORK = select(deliveries.c.id).where(IS_WORK)
WORK_EVENTS = union_all(
    select(deliveries.c.event_id).where(IS_WORK), select(deliveries.c.event_id).where(IS_TOLD_BY_WORK)
)
WORK_CALLBACKS = select(events.c.callback_id).where(events.c.id.in_(WORK_EVENTS))
WORK_EPISODES = select(events.c.episode_id).where(events.c.id.in_(WORK_EVENTS))


def _is_open(episode_id: Column[int]) -> ColumnElement[bool]:
    return exists().where(episodes.c.id == episode_id, IS_OPEN)


def _is_of_open(event_id: Column[int]) -> ColumnElement[bool]:
    return exists().where(events.c.id == event_id, episodes.c.id == events.c.episode_id, IS_OPEN)


def _oldest(table: Table, *which: ColumnElement[bool]) -> Delete:
    """Delete the oldest rows of a table, as far as they may go."""
    old = select(table.c.id).where(table.c.id < bindparam("before"), *which).order_by(table.c.id).limit(BATCH)
    return delete(table).where(table.c.id.in_(old))


def _links() -> Delete:
    """Delete what led from episodes that are gone to their messages."""
    key: Sequence[Column[int]] = (message_episodes.c.episode_id, message_episodes.c.message_id)
    gone = ~exists().where(episodes.c.id == message_episodes.c.episode_id)
    old = select(*key).where(key[0] < bindparam("before"), gone).order_by(*key).limit(BATCH)
    return delete(message_episodes).where(tuple_(*key).in_(old))


PRUNING = (
    _oldest(
        attempts,
        attempts.c.delivery_id.not_in(WORK),
        ~exists().where(
            deliveries.c.id == attempts.c.delivery_id,
            events.c.id == deliveries.c.event_id,
            episodes.c.id == events.c.episode_id,
            IS_OPEN,
        ),
    ),
    _oldest(deliveries, ~IS_WORK, ~func.coalesce(IS_TOLD_BY_WORK, false()), ~_is_of_open(deliveries.c.event_id)),
    _oldest(messages, ~_is_of_open(messages.c.event_id)),
    _oldest(events, events.c.id.not_in(WORK_EVENTS), ~_is_open(events.c.episode_id)),
    _oldest(callbacks, callbacks.c.id.not_in(WORK_CALLBACKS), ~_is_open(callbacks.c.episode_id)),
    _oldest(
        episodes,
        ~IS_OPEN,
        episodes.c.id.not_in(WORK_EPISODES),
        episodes.c.counted_at < bindparam("before_at"),
        or_(episodes.c.recovered_at.is_(None), episodes.c.recovered_at < bindparam("before_at")),
    ),
    _links(),
    delete(requests).where(requests.c.done_at < bindparam("before_at")),
)


def prune(connection: Connection, *, before: int, before_at: int) -> int:
    """Delete one batch of what is older than an id (and a time in milliseconds); give how much it was."""
    values = {"before": before, "before_at": before_at}
    return sum(connection.execute(statement, values).rowcount for statement in PRUNING)
