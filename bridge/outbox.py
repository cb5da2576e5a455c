"""The store as the workers see it: reads in a thread of their own, writes through the one writer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar, TypeVarTuple

from sqlalchemy.exc import SQLAlchemyError

from bridge.message import Delivery, Digest
from bridge.store import ChannelState, Merged, Merging, Pause, Queues, Result, StoreUnavailable, Told, Unsure, Writer
from bridge.store.digests import merge

T = TypeVar("T")
Values = TypeVarTuple("Values")


class StoreOutbox:
    """Hands a worker its queue, and the store its results."""

    def __init__(self, writer: Writer, reading: Executor) -> None:
        self.store = writer.store
        self._writer = writer
        self._reading = reading

    async def waiting(self, channel: str, after: int) -> list[Delivery]:
        """Read a page of the channel's queue; raise StoreUnavailable."""
        return await self._read(self.store.waiting, channel, after)

    async def message(self, episode_id: int, channel: str) -> Told | None:
        """Read the newest message of an episode in the channel; raise StoreUnavailable."""
        return await self._read(self.store.message, episode_id, channel)

    async def gone(self, delivery_id: int) -> str:
        """Say why the message that a delivery was to change or answer is no more; raise StoreUnavailable."""
        return await self._read(self.store.gone, delivery_id)

    async def over_unheard(self, episode_id: int, channel: str) -> bool:
        """Say whether an episode is over of which the channel never had the trigger; raise StoreUnavailable."""
        return await self._read(self.store.over_unheard, episode_id, channel)

    async def unsure(self, delivery_id: int, channel: str) -> Unsure | None:
        """Say whether an attempt at a delivery may have arrived; raise StoreUnavailable."""
        return await self._read(self.store.unsure, delivery_id, channel)

    async def digest(self, event_id: int, urgent_routes: Iterable[str]) -> Digest:
        """Read what a digest tells; raise StoreUnavailable."""
        return await self._read(self.store.digest, event_id, urgent_routes)

    async def answered(self, event_id: int, channel: str) -> Told | None:
        """Read the message that a digest answers; raise StoreUnavailable."""
        return await self._read(self.store.answered, event_id, channel)

    async def merge(self, merging: Merging) -> Merged:
        """Merge a batch of what waits for a chat; raise StoreUnavailable."""
        merged: Merged = await self._writer.do(partial(merge, merging=merging, ids=self.store.ids))
        return merged

    async def queues(self) -> Queues:
        """Count what waits for each channel, and since when; raise StoreUnavailable."""
        return await self._read(self.store.queues)

    async def begin(self, delivery_id: int) -> None:
        """Store that a step is about to be made; raise StoreUnavailable."""
        await self._writer.begin(delivery_id)

    def finish(self, result: Result) -> Awaitable[None]:
        """Store how an attempt ended, as soon as the store takes it."""
        return self._writer.finish(result)

    async def keep(self, state: ChannelState) -> None:
        """Store the channel's pause, where the store takes it: a pause is no reason to stop."""
        try:
            await self._writer.do(self.store.keep_channel(state))
        except StoreUnavailable:
            return

    async def keep_pause(self, pause: Pause) -> None:
        """Store the pause of what channels share, where the store takes it."""
        try:
            await self._writer.do(self.store.keep_pause(pause))
        except StoreUnavailable:
            return

    async def _read(self, read: Callable[[*Values], T], *values: *Values) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, read, *values)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the store cannot be read ({type(error).__name__})") from error
