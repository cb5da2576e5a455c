"""Dead letters of which people were not told yet: where the process ends before they are, the next one tells them.

A letter is marked in the transaction that ends it, and no more once its channel's alarm is stored.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from bridge.alarm import BRIDGE
from bridge.episode import short_id
from bridge.message import DeliveryState, Why
from bridge.store.schema import deliveries, episodes, events
from bridge.store.work import Judgement, Result
from bridge.trouble import Trouble

IS_UNTOLD = deliveries.c.why == literal_column("'untold'")  # as in the index
newest = (  # of each channel; one that a person put back is dead no more
    select(func.max(deliveries.c.id))
    .where(IS_UNTOLD, deliveries.c.state == literal_column("'dead'"))
    .group_by(deliveries.c.channel)
)
letters = (
    select(deliveries.c.channel, deliveries.c.note, events.c.state, episodes.c.number)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id, isouter=True)
    .where(deliveries.c.id.in_(newest))
)
hear = update(deliveries).where(IS_UNTOLD, deliveries.c.channel == bindparam("channel_")).values(why="")


def why_of(result: Result) -> Why:
    """Give why a delivery stands where it does; of the bridge's own dead letters nobody is told."""
    if result.state is DeliveryState.DEAD and result.delivery.event.kind != BRIDGE:
        return Why.UNTOLD
    return result.why


def heard(connection: Connection, judgements: Iterable[Judgement]) -> None:
    """Take the mark from the letters of channels of which people are told now, or were until now."""
    for judgement in judgements:
        alarm = judgement.alarm
        if alarm is None or alarm.kind != BRIDGE or alarm.event != Trouble.DEAD_LETTERS:
            continue
        if judgement.events or alarm.recovered_at is not None:  # else it is older than what the store knows
            connection.execute(hear, {"channel_": alarm.object_id})


def read(connection: Connection) -> list[tuple[str, str]]:
    """Give the channels that have such letters, each with words of the newest."""
    return [
        (row.channel, f"{short_id(row.number) if row.number else ''} {row.state}: {row.note}".strip())
        for row in connection.execute(letters)
    ]
