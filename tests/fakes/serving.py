"""How a fake is served: on loopback, on a port that the system chooses, in a test or as a process of its own."""

import argparse
import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from aiohttp import web

LOOPBACK = "127.0.0.1"
TURNS = 5  # of the loop, in which a connection that was let in at the last moment is handed over
Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve_app(app: web.Application, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve an aiohttp application; yield its port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_raw(connected: Connection, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve bare connections; yield the port. Whatever is still open at the end is cut."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await connected(reader, writer)

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_until_closed(one(reader, writer), writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, LOOPBACK, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_closed(work: Awaitable[None], writer: asyncio.StreamWriter) -> None:
    try:
        await work
    except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        pass
    finally:
        writer.close()


def free_port() -> int:
    """Give a port of loopback where nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def run(
    serving: Callable[[argparse.Namespace], AbstractAsyncContextManager[int]], parser: argparse.ArgumentParser
) -> None:
    """Serve until killed; print a line of JSON with the port first."""
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()

    async def forever() -> None:
        async with serving(arguments) as port:
            print(json.dumps({"port": port}), flush=True)  # noqa: T201 - whoever started it reads this
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(forever())
