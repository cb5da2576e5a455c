"""The edge's desk: what the listener lets in goes over the wire, and what was said is kept for its messages."""

import asyncio
from typing import TypeVar

from bridge.alarm import Alarm, Callback
from bridge.clock import milliseconds
from bridge.edge.packing import pack_reading
from bridge.edge.wire import Kind, Wire
from bridge.patience import WAIT_SECONDS, Patience
from bridge.web.desk import Taken

MOST_KEPT = 1000  # callbacks: as many as a worker has ready
MOST_BYTES = 16 * 1024  # of one that is kept: Tencent's have 1 to 3 KiB, and what they say takes some times as much
ANSWER_SECONDS = WAIT_SECONDS + 0.5  # where the bridge says nothing: its own limit comes first
READY_SECONDS = 2.0
GENERATION = 40  # bits of a number that count within one edge
T = TypeVar("T")


class WireDesk:
    """Hands callbacks on."""

    def __init__(self, wire: Wire, generation: int) -> None:
        """Take the wire, and which edge this is: no two of a bridge give the same number to a callback."""
        self._wire = wire
        self._last = generation << GENERATION
        self._waiting: dict[int, asyncio.Future[Taken]] = {}
        self._asked: dict[int, asyncio.Future[bool]] = {}
        self._kept: dict[int, tuple[bytes, Alarm | None]] = {}  # by number, the oldest first
        words = f"the bridge did not answer within {ANSWER_SECONDS:g} s"
        self._patience = Patience(ANSWER_SECONDS, lambda: TimeoutError(words))

    async def take(self, callback: Callback, begun: float) -> Taken:
        """Have a callback stored; raise TimeoutError where nobody says that it is."""
        number, future = self._numbered(self._waiting)
        self._patience.add(future)
        if len(callback.body) <= MOST_BYTES:
            self._keep(number, callback)
        at = milliseconds(callback.received_at)
        self._wire.send(Kind.CALLBACK, number, begun, at, callback.body, *pack_reading(callback.reading))
        try:
            return await future
        finally:
            del self._waiting[number]

    def turn_away(self, outcome: str, **fields: str | None) -> None:
        """Have it counted and logged."""
        self._wire.send(Kind.TURNED_AWAY, outcome, fields)

    async def is_ready(self) -> bool:
        """Ask."""
        number, future = self._numbered(self._asked)
        self._wire.send(Kind.ASKED, number)
        try:
            async with asyncio.timeout(READY_SECONDS):
                return await future
        except TimeoutError:
            return False
        finally:
            del self._asked[number]

    def kept(self, number: int) -> tuple[bytes, Alarm | None] | None:
        """Give what a callback said; None where it is not kept any more."""
        return self._kept.get(number)

    def stored(self, number: int, is_stored: bool, message: str) -> None:  # noqa: FBT001 - as it came over the wire
        """Answer a callback."""
        _settle(self._waiting.get(number), Taken(is_stored=is_stored, message=message))

    def ready(self, number: int, is_ready: bool) -> None:  # noqa: FBT001 - as it came over the wire
        """Answer who asked."""
        _settle(self._asked.get(number), is_ready)

    def _numbered(self, among: dict[int, asyncio.Future[T]]) -> tuple[int, asyncio.Future[T]]:
        self._last += 1
        future = among[self._last] = asyncio.get_running_loop().create_future()
        return self._last, future

    def _keep(self, number: int, callback: Callback) -> None:
        self._kept[number] = callback.body, callback.reading.alarm
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]


def _settle(future: asyncio.Future[T] | None, value: T) -> None:
    if future is not None and not future.done():
        future.set_result(value)
