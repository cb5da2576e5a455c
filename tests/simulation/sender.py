"""Tencent Cloud: posts each callback until it is answered with 200, but four times at most."""

import asyncio
from collections.abc import Iterable
from typing import Any

from tests.simulation.loop import START
from tests.simulation.scenario import Told

ADDRESS = ("127.0.0.1", 8080)
PATIENCE = 5.0  # seconds
AGAIN = (10.0, 60.0, 300.0)  # seconds: nothing is documented


class Sender:
    """Sends the callbacks of a scenario."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def run(self, told: Iterable[Told]) -> None:
        """Send all of them, each at its time."""
        async with asyncio.TaskGroup() as group:
            for one in told:
                for copy in (0.0, *one.copies):
                    group.create_task(self._send(one, one.at + copy, impatient=one.impatient and not copy))

    async def _send(self, told: Told, at: float, *, impatient: bool) -> None:
        await asyncio.sleep(max(0.0, START + at - self._world.loop.time()))
        body = told.body()
        for wait in (*AGAIN, 0.0):
            if await self._is_taken(told.serial, body, patience=0.002 if impatient else PATIENCE):
                return
            impatient = False
            await asyncio.sleep(wait)

    async def _is_taken(self, serial: int, body: bytes, *, patience: float) -> bool:
        self._world.history.sent[serial] += 1
        post = Posting(body)
        try:
            self._world.network.join(post, ADDRESS)
            async with asyncio.timeout(patience):
                status = await post.answered
        except (OSError, TimeoutError):
            return False
        finally:
            post.close()
        if status == 200:
            self._world.history.acknowledged.append((serial, self._world.loop.time()))
        return status == 200


class Posting(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._read = b""
        self._transport: Any = None
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        head = f"POST /callback HTTP/1.1\r\nHost: bridge\r\nContent-Length: {len(self._body)}\r\n\r\n"
        transport.write(head.encode() + self._body)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if b"\r\n\r\n" in self._read and not self.answered.done():
            self.answered.set_result(int(self._read.split(None, 2)[1]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(error or ConnectionResetError("hung up"))

    def close(self) -> None:
        if not self.answered.done():
            self.answered.cancel()
        elif not self.answered.cancelled():
            self.answered.exception()  # it was looked at
        if self._transport is not None:
            self._transport.close()
