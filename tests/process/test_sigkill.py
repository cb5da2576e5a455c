"""SIGKILL ten times under load, before an endpoint that fails one request in five: nothing lost, hardly anything twice."""

import asyncio
import itertools
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from random import Random

import aiohttp

from tests.fakes.endpoint import read_request
from tests.fakes.serving import LOOPBACK, serve_raw
from tests.process.running import until
from tests.process.telling import callback, instance

KILLS = 10
SENDERS = 12
BETWEEN = (60, 180)  # callbacks acknowledged from one kill to the next
ANSWER_SECONDS = 0.02
UNDER_WAY = 32  # requests, at most
SETTLING = 32  # answered, and not yet on disk, before a channel begins nothing more


class Unsteady:
    """An endpoint that takes four requests of five. `taken` counts by webhook-id what it took."""

    def __init__(self):
        self.taken: Counter[str] = Counter()
        self.alarms: dict[str, str] = {}  # webhook-id → instance
        self.connections = 0
        self._numbers = itertools.count(1)

    async def connected(self, reader, writer):
        self.connections += 1
        try:
            while (request := await read_request(reader)) is not None:
                number = next(self._numbers)
                if number % 5:
                    delivery = str(request.header("webhook-id"))
                    self.alarms[delivery] = request.json()["alarm"]["object_id"]
                    self.taken[delivery] += 1
                await asyncio.sleep(ANSWER_SECONDS)
                if number % 50 == 0:
                    return  # without an answer
                status = "200 OK" if number % 5 else "500 Sorry\r\nRetry-After: 0"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        finally:
            self.connections -= 1


class Sender:
    """Tencent Cloud, that sends a callback until it is answered with 200."""

    def __init__(self, http):
        self.acknowledged = set()  # instances
        self.url = ""
        self.stopping = False
        self._http = http
        self._numbers = itertools.count(1)
        self._up = asyncio.Event()

    def to(self, url):
        """Send here from now on; nowhere with an empty one."""
        self.url = url
        (self._up.set if url else self._up.clear)()

    async def send(self):
        while not self.stopping:
            number = next(self._numbers)
            while not await self._is_taken(callback(number)):
                await self._up.wait()
                await asyncio.sleep(0.01)
            self.acknowledged.add(instance(number))

    async def _is_taken(self, body):
        await self._up.wait()
        try:
            async with self._http.post(self.url, data=body) as response:
                return response.status == 200 and (await response.json())["retCode"] == 0
        except (aiohttp.ClientError, ConnectionError):
            return False


def deliveries(store, copy):
    """Read each delivery's state from a copy of a store: opening the store itself would change it."""
    copy.mkdir()
    for file in store.parent.glob(f"{store.name}*"):
        shutil.copy(file, copy)
    with closing(sqlite3.connect(copy / store.name)) as database:
        return dict(database.execute("SELECT CAST(id AS TEXT), state FROM deliveries"))


async def test_after_ten_sigkills_under_load_all_that_was_acknowledged_arrives_and_only_what_was_under_way_twice(
    runner, tmp_path, http
):
    endpoint, sender, random = Unsteady(), Sender(http), Random(3)
    unsure = set()  # deliveries that a kill caught between the endpoint's yes and the disk
    async with serve_raw(endpoint.connected) as port, asyncio.TaskGroup() as group:
        config = {"channels": {"desk": {"type": "webhook", "url": f"http://{LOOPBACK}:{port}/"}}}
        for _ in range(SENDERS):
            group.create_task(sender.send())
        for kill in range(KILLS):
            bridge = await runner.serve(config)
            sender.to(bridge.url)
            enough = len(sender.acknowledged) + random.randint(*BETWEEN)
            await until(lambda: len(sender.acknowledged) >= enough and endpoint.connections, "load")  # noqa: B023
            await bridge.kill()
            sender.to("")
            await until(lambda: not endpoint.connections, "the endpoint has read what was sent")
            states = deliveries(tmp_path / "alarm-bridge.db", tmp_path / f"copy-{kill}")
            caught = {one for one in endpoint.taken if states.get(one) != "sent"}
            assert len(caught) <= UNDER_WAY + SETTLING
            unsure |= caught
        bridge = await runner.serve(config)
        sender.to(bridge.url)
        sender.stopping = True
        await until(lambda: sender.acknowledged <= set(endpoint.alarms.values()), "all arrives", seconds=30)
        await bridge.idle(seconds=30)
    assert len(sender.acknowledged) > KILLS * BETWEEN[0]
    twice = {one for one, times in endpoint.taken.items() if times > 1}
    assert unsure  # the kills were not in moments of rest
    assert twice <= unsure
    assert sum(endpoint.taken.values()) - len(endpoint.taken) <= KILLS * (UNDER_WAY + SETTLING)
    assert max(Counter(endpoint.alarms.values()).values()) == 1  # one delivery an alarm, though Tencent sent again
    assert await bridge.terminate() == 0
    states = deliveries(tmp_path / "alarm-bridge.db", tmp_path / "copy")
    assert states == dict.fromkeys(endpoint.taken, "sent")
