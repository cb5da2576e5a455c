"""What a message had no room for: told in its thread, a delivery a part, once an episode and channel."""

from dataclasses import replace

from sqlalchemy import Connection, insert

from bridge.message import Delivery, DeliveryState, Step
from bridge.store import rows, statements
from bridge.store.schema import deliveries
from bridge.store.work import Ids, Result


def enqueue(connection: Connection, result: Result, ids: Ids) -> bool:
    """Enqueue the parts that a message left out; say whether there was something to enqueue."""
    delivery = result.delivery
    row = connection.execute(statements.episode_by_id, {"id_": delivery.event.episode_id}).first()
    if row is None:
        return False
    episode = rows.episode_of(row)
    given = episode.given.get(delivery.channel)
    if given is None or given.has_rest:
        return False
    told = replace(episode, given={**episode.given, delivery.channel: replace(given, has_rest=True)})
    values = {f"{name}_": value for name, value in rows.episode_row(told).items()}
    connection.execute(statements.change_episode, values)
    for part in range(1, abs(result.rest) + 1):
        owed = _part(result, ids.next())
        signed = part if result.rest > 0 else -part
        connection.execute(insert(deliveries), {**rows.delivery_row(owed), "part": signed})
    return True


def _part(result: Result, delivery_id: int) -> Delivery:
    shown = result.also[-1].delivery if result.also else result.delivery  # in a trigger's place, its recovery
    return replace(
        result.delivery,
        id=delivery_id,
        event=shown.event,
        step=Step.REST,
        state=DeliveryState.WAITING,
        attempts=0,
        plain=False,
        due_at=result.made_at,
        note=f"what delivery {result.delivery.id} had no room for",
    )
