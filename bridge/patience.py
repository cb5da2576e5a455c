"""Waiting with a limit, many at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

WAIT_SECONDS = 3.0  # for a callback to be stored: Tencent waits 5


class Patience:
    """Gives up what waits too long, by one timer for all: each would have its own in vain."""

    def __init__(self, seconds: float, error: Callable[[], Exception]) -> None:
        """Take for how long, and what is raised then."""
        self._seconds = seconds
        self._error = error
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()  # the oldest first
        self._is_timed = False

    def add(self, future: asyncio.Future[Any]) -> None:
        """Bear with this one, from now on."""
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        self._waiting.append((loop.time() + self._seconds, future))
        if not self._is_timed:
            self._time(loop)

    def _time(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_timed = bool(self._waiting)
        if self._waiting:
            loop.call_at(self._waiting[0][0], self._give_up, loop)

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= loop.time()):
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_exception(self._error())
        self._time(loop)
