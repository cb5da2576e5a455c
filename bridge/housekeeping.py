"""What the bridge does by the clock: expiry, announcements, retention, and a look at the store."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from bridge.clock import Clock
from bridge.lifecycle import EXPIRY_SECONDS
from bridge.store import Judge, StoreUnavailable, Writer
from bridge.store.facts import write_fact

MINUTE = 60.0
MOST_SECONDS = 2 * MINUTE
ANNOUNCE_SECONDS = 5.0  # how late a message on unrecognised callbacks may be
PROBE_SECONDS = 1.0  # between looks at a store that could not be written
PROBE_TEXT = "-" * 65536  # as much as a large callback needs: a full disk has room for one page now and then
PRUNE_SECONDS = 600.0
PRUNE_PAUSE_SECONDS = 0.05  # between batches: others write meanwhile

log = structlog.get_logger()


async def keep_house(
    writer: Writer, judge: Callable[[], Judge], retention: Callable[[], timedelta], clock: Clock
) -> None:
    """Do all of it until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_each(clock, ANNOUNCE_SECONDS, lambda: writer.do(writer.store.announce(judge()))))
        group.create_task(_each(clock, PRUNE_SECONDS, lambda: _prune(writer, retention(), clock)))
        group.create_task(_receive(writer, judge, clock))
        group.create_task(_probe(writer, clock))


async def _each(clock: Clock, seconds: float, work: Callable[[], object]) -> None:
    while True:
        await clock.sleep(seconds)
        await _survive(work)


async def _survive(work: Callable[[], object]) -> None:
    """Do one thing; a store that cannot take it now is asked again next time."""
    try:
        await work()  # type: ignore[misc]
    except StoreUnavailable as error:
        log.debug("housekeeping waits for the store", reason=str(error))  # the writer has said it loudly


async def _receive(writer: Writer, judge: Callable[[], Judge], clock: Clock) -> None:
    """Count the time in which the bridge was receiving, and end what was not heard of for too long in it."""
    last = clock.monotonic()
    while True:
        await clock.sleep(MINUTE)
        now = clock.monotonic()
        last = max(last, now - MOST_SECONDS)  # a process that was halted meanwhile was not receiving
        if not writer.trouble:
            await _survive(lambda spent=now - last: _expire(writer, judge, round(spent)))  # type: ignore[misc]
        last = now


async def _expire(writer: Writer, judge: Callable[[], Judge], seconds: int) -> None:
    total = await writer.do(writer.store.keep_receiving_time(seconds))
    before = total - EXPIRY_SECONDS
    while before >= 0 and await writer.do(writer.store.expire(judge(), before)):
        pass


async def _prune(writer: Writer, retention: timedelta, clock: Clock) -> None:
    """Delete what is older than the retention, a batch at a time."""
    while await writer.do(writer.store.prune(clock.now() - retention)):
        await clock.sleep(PRUNE_PAUSE_SECONDS)


async def _probe(writer: Writer, clock: Clock) -> None:
    """Try a store that failed, so that it is known when it is well again."""
    while True:
        await clock.sleep(PROBE_SECONDS)
        if writer.trouble:
            await _survive(lambda: writer.do(lambda connection: write_fact(connection, "probe", PROBE_TEXT)))
