"""Looking up names for one channel alone: a name server that hangs holds up nobody else.

A loop's own look-ups share a few threads (uvloop has four, asyncio two more than processors on a small machine), and
one that hangs keeps its thread for half a minute. Here each has a thread of its own, which the end of the process does
not wait for. A connector asks for a name once at a time, however many calls wait for it.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from aiohttp import ThreadedResolver


def resolver() -> ThreadedResolver:
    """Give what looks names up for one channel, as the system does, inside the running loop."""
    return ThreadedResolver(loop=cast("asyncio.AbstractEventLoop", _Names()))


class _Names:
    """The part of a loop that a resolver uses."""

    async def getaddrinfo(self, host: str, port: int, **more: Any) -> Any:
        return await _apart(lambda: socket.getaddrinfo(host, port, **more))

    async def getnameinfo(self, address: tuple[str, int], flags: int) -> Any:
        return await _apart(lambda: socket.getnameinfo(address, flags))


async def _apart(call: Callable[[], Any]) -> Any:
    """Have a thread make a call; nobody waits for it where its caller has given up."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: OSError | UnicodeError | None) -> None:
        if not answer.done():
            answer.set_result(value) if error is None else answer.set_exception(error)

    def work() -> None:
        value, failed = None, None
        try:
            value = call()
        except (OSError, UnicodeError) as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(settle, value, failed)

    threading.Thread(target=work, name="look up a name", daemon=True).start()
    return await answer
