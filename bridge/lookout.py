"""A look at what fails silently: a store that cannot be written, and queues that do not move."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from bridge.clock import Clock
from bridge.delivery import Worker
from bridge.store import QueueLength, Queues, StoreError, Writer
from bridge.trouble import Trouble
from bridge.troubles import Troubles

LOOK_SECONDS = 1.0  # at the store
QUEUES_EVERY = 30  # looks at the store
TOO_OLD = timedelta(minutes=5)
AT_EASE = timedelta(minutes=1)  # younger than that: a queue that is served


async def look_out(
    writer: Writer,
    queues: Callable[[], Awaitable[Queues]],
    workers: Mapping[str, Worker],
    troubles: Troubles,
    clock: Clock,
) -> None:
    """Look now and then, until cancelled."""
    looks = refusals = 0
    while True:
        await clock.sleep(LOOK_SECONDS)
        if writer.trouble or writer.refusals != refusals:
            refusals = writer.refusals
            troubles.trouble(Trouble.STORE_FAILING, words=writer.last_trouble)
        else:
            troubles.over(Trouble.STORE_FAILING)
        looks += 1
        if looks % QUEUES_EVERY == 0:
            await _look_at_queues(queues, workers, troubles, clock)


async def _look_at_queues(
    queues: Callable[[], Awaitable[Queues]], workers: Mapping[str, Worker], troubles: Troubles, clock: Clock
) -> None:
    try:
        found = await queues()
    except StoreError:
        return
    for name in {**workers, **found, **dict.fromkeys(troubles.abouts(Trouble.QUEUE_OLD))}:
        queue = found.get(name)
        broken = name in workers and workers[name].condition.is_broken  # said already, and the older trouble
        if queue is not None and is_too_old(queue, clock.now()) and not broken:
            troubles.trouble(Trouble.QUEUE_OLD, name, words_of(queue, clock.now(), is_known=name in workers))
        elif broken or is_at_ease(queue, clock.now()):
            troubles.over(Trouble.QUEUE_OLD, name)


def is_too_old(queue: QueueLength, now: datetime) -> bool:
    """Say whether something has waited too long."""
    return queue.oldest is not None and now - queue.oldest > TOO_OLD


def is_at_ease(queue: QueueLength | None, now: datetime) -> bool:
    """Say whether nothing waits for long."""
    return queue is None or queue.oldest is None or now - queue.oldest < AT_EASE


def words_of(queue: QueueLength, now: datetime, *, is_known: bool) -> str:
    """Say how much waits."""
    assert queue.oldest is not None
    minutes = int((now - queue.oldest).total_seconds() // 60)
    where = "" if is_known else "; the config has no such channel"
    return f"{queue.waiting} waiting, the oldest for {minutes} min{where}"
