"""Opening a listener."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Protocol

from aiohttp import web

from bridge.web.settings import Address

# For requests that are being answered when the listener closes: more than the 4 s in which a body may arrive, since
# aiohttp 3.14 fails with a traceback where both end in the same moment.
HANDLER_SECONDS = 4.5
LINGER_SECONDS = 1.0  # for a client to read the answer while its body is not wanted
# For the head of a request, from where the connection begins or the last answer ended. Longer than the 60 s for which
# proxies keep a connection by default: else they would use one that is being closed.
IDLE_SECONDS = 75.0
IN_USE = "; stop what listens there, or give server.listen or console.listen another port"
BACKLOG = 1024  # connections that wait to be taken
CONNECTIONS: dict[str, Any] = {
    "access_log": None,  # it would show the tokens of callback URLs
    "keepalive_timeout": IDLE_SECONDS,
    "lingering_time": LINGER_SECONDS,
}


class Serving(Protocol):
    """What answers requests by itself: an application's routes cost 10 µs a request (measured in 2026)."""

    max_body: int  # bytes; it may change

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        ...


async def listen(stack: AsyncExitStack, serves: web.Application | Serving, address: Address) -> str:
    """Open a listener; give its address as bound; raise OSError in words."""
    runner = _runner(serves)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, address.host, address.port, backlog=BACKLOG).start()
    except OSError as error:
        raise _in_words(error, address) from error
    return str(Address(host=address.host, port=runner.addresses[0][1]))


async def bound(address: Address) -> list[socket.socket]:
    """Open a listener's sockets, for another process to serve: who connects waits for it. Raise OSError in words."""
    loop, missing = asyncio.get_running_loop(), OSError("nothing is found")
    sockets: list[socket.socket] = []
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, where in dict.fromkeys(found):
            try:
                sockets.append(socket.socket(family, kind, protocol))
            except OSError as error:  # the machine has no IPv6, as an example: the others are enough
                missing = error
                continue
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sockets[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sockets[-1].bind(where)
            sockets[-1].listen(BACKLOG)
        if not sockets:
            raise missing
    except OSError as error:
        for each in sockets:
            each.close()
        raise _in_words(error, address) from error
    return sockets


async def listen_on(stack: AsyncExitStack, serves: Serving, sockets: Iterable[socket.socket]) -> None:
    """Serve on sockets that are open."""
    runner = _runner(serves)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for each in sockets:
        await web.SockSite(runner, each, backlog=BACKLOG).start()


def _in_words(error: OSError, address: Address) -> OSError:
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else error.strerror  # below 0: of a name that is not found
    hint = IN_USE if number == errno.EADDRINUSE else ""
    return OSError(f"cannot listen on {address}: {words}{hint}")


def _runner(serves: web.Application | Serving) -> web.BaseRunner:
    if isinstance(serves, web.Application):
        return web.AppRunner(serves, handle_signals=False, shutdown_timeout=HANDLER_SECONDS, **CONNECTIONS)

    make = partial(web.BaseRequest, loop=asyncio.get_running_loop())

    def request(*parts: Any) -> web.BaseRequest:
        return make(*parts, client_max_size=serves.max_body)

    server = web.Server(serves.answer, request_factory=request, **CONNECTIONS)
    return web.ServerRunner(server, handle_signals=False, shutdown_timeout=HANDLER_SECONDS)
