"""The results of a channel's attempts on their way to the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from bridge.store import Result

Then = Callable[[Result, BaseException | None], None]  # the result, and why it could not be stored


class Settling:
    """Has results stored, and says when each of them is."""

    def __init__(self, finish: Callable[[Result], Awaitable[None]]) -> None:
        """Take `finish`, which stores a result; what it gives is done when that is on disk."""
        self._finish = finish
        self._storing: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._storing)

    def store(self, result: Result, then: Then) -> None:
        """Have a result stored; `then` is called when it is, or cannot be."""
        storing = asyncio.ensure_future(self._finish(result))
        self._storing.add(storing)
        storing.add_done_callback(partial(self._stored, result, then))

    async def wait(self, seconds: float | None) -> None:
        """Wait for all of them and for what follows from them, so long at most; None is as long as it takes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._storing:
                    await asyncio.wait(self._storing)

    def _stored(self, result: Result, then: Then, storing: asyncio.Future[None]) -> None:
        self._storing.discard(storing)
        if not storing.cancelled():
            then(result, storing.exception())
