"""Messages between two processes: all that one turn of the loop has to say travels together.

A message is a tuple, its first item the kind. `marshal` writes them: both ends are of one Python and started by one
program, and nothing else that Python has is as quick (3 µs for a callback; pickle 6).
"""

import asyncio
import marshal
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, cast

import structlog

HEAD = Struct("<I")  # bytes that follow
START = Struct("<Q")  # which edge it is, before all else, with the sockets at which it takes callbacks
MOST_DOORS = 16
VERSION = 2  # of marshal's format: the last that does not look for what it wrote before

log = structlog.get_logger()


class Kind:
    """What a message says: plain numbers, since `marshal` knows no enums."""

    SETTINGS = 0  # to the edge: by what to take callbacks
    CHANNEL = 1  # a webhook's settings
    VIEW = 2  # of a channel: its language, its clocks
    FORGET = 3  # a channel that is closed
    POST = 4  # make a call
    TAKE_BACK = 9  # begin no more calls of a channel that were handed over
    STORED = 5  # what became of a callback
    READY = 6  # whether callbacks can be taken
    PING = 7
    STOP = 8  # take no more callbacks
    SERVING = 20  # from the edge: it takes callbacks
    SETTLED = 29  # by which settings it does
    CALLBACK = 21
    TURNED_AWAY = 22  # a callback that was not let in
    ASKED = 23  # whether callbacks can be taken
    VERDICT = 24  # what became of a call
    NOT_BEGUN = 28  # a call that is handed back
    UNKNOWN = 25  # a call about a callback that is not kept any more
    PONG = 26
    STOPPED = 27  # no callback is under way any more


Take = Mapping[int, Callable[..., None]]


class Wire(asyncio.Protocol):
    """One end."""

    def __init__(self, take: Take, lost: Callable[[], None]) -> None:
        """Take what is called with the rest of a message, by its kind, and what is called once nothing more comes."""
        self._take = take
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: list[tuple[Any, ...]] = []
        self._unread = bytearray()

    def send(self, *message: Any) -> None:
        """Send a message with the others of this turn of the loop; to nobody where the other end is gone."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(message)

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self._transport is None:
            return
        try:
            data = marshal.dumps(waiting, VERSION)
        except ValueError:
            data = marshal.dumps([message for message in waiting if _can_be_written(message)], VERSION)
        self._transport.write(HEAD.pack(len(data)) + data)

    def close(self) -> None:
        """End it."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - either way nothing more comes
        """Say so."""
        self._transport = None
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Hand on what is whole."""
        self._unread += data
        if len(self._unread) < HEAD.size or len(self._unread) < HEAD.size + HEAD.unpack_from(self._unread)[0]:
            return  # before all of it is copied
        view, at = memoryview(bytes(self._unread)), 0
        while len(view) - at >= HEAD.size:
            end = at + HEAD.size + HEAD.unpack_from(view, at)[0]
            if end > len(view):
                break
            for message in marshal.loads(view[at + HEAD.size : end]):  # noqa: S302 - from our own process
                self._hand_on(*message)
            at = end
        del self._unread[:at]

    def _hand_on(self, kind: int, *rest: Any) -> None:
        try:
            self._take[kind](*rest)
        except Exception:
            log.exception("a message between the processes could not be taken", kind=kind)


def _can_be_written(message: tuple[Any, ...]) -> bool:
    try:
        marshal.dumps(message, VERSION)
    except ValueError:
        log.exception("a message between the processes cannot be written", kind=message[0])
        return False
    return True
