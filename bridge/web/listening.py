"""Opening a listener."""

import os
from contextlib import AsyncExitStack

from aiohttp import web

from bridge.web.settings import Address

# For requests that are being answered when the listener closes: more than the 4 s in which a body may arrive, since
# aiohttp 3.14 fails with a traceback where both end in the same moment.
HANDLER_SECONDS = 4.5
LINGER_SECONDS = 1.0  # for a client to read the answer while its body is not wanted
# For the head of a request, from where the connection begins or the last answer ended. Longer than the 60 s for which
# proxies keep a connection by default: else they would use one that is being closed.
IDLE_SECONDS = 75.0
BACKLOG = 1024  # connections that wait to be taken


async def listen(stack: AsyncExitStack, app: web.Application, address: Address) -> str:
    """Open a listener; give its address as bound; raise OSError in words."""
    runner = web.AppRunner(
        app,
        access_log=None,  # it would show the tokens of callback URLs
        handle_signals=False,
        keepalive_timeout=IDLE_SECONDS,
        shutdown_timeout=HANDLER_SECONDS,
        lingering_time=LINGER_SECONDS,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, address.host, address.port, backlog=BACKLOG).start()
    except OSError as error:
        number = error.errno or 0
        words = os.strerror(number) if number > 0 else error.strerror  # below 0: of a name that is not found
        raise OSError(f"cannot listen on {address}: {words}") from error
    return str(Address(host=address.host, port=runner.addresses[0][1]))
