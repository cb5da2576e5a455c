"""`make soak`: the real process for twenty minutes, killed fifty times, its edge alone ten times, its disk full now and
then, before three chats that misbehave. At the end each callback that was answered with 200 is accounted for, what was told twice
is at most what was under way at a kill or had its answer lost, and neither process has grown.
"""

import argparse
import asyncio
import itertools
import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from tests.fakes.endpoint import Received, read_request
from tests.fakes.serving import LOOPBACK, serve_raw
from tests.process.running import Bridge, Runner, edges, until
from tests.process.telling import callback, instance

SENDERS = 16
CALM = 0.25  # of the time, at its end: no kills, and a full disk no more
FULL_SECONDS = 3.0
EDGE_SECONDS = 3.0  # for another edge to take callbacks
GROWTH = 256 * 1024  # bytes that files may still grow while the disk is "full"
SETTLING = 600.0  # seconds
MOST_SOCKETS = 64  # 16 senders, 32 calls of the endpoint, one of each chat, the listeners, and some that end
CAUGHT = {"desk": 96, "ops": 1, "dba": 1}  # by a kill at most: calls, and answers on their way to the disk (32 and 64)
MESSAGES = ("/api/chat.postMessage", "/api/chat.update")  # of what a Slack is asked; the rest reads
MORE_MEMORY = 1.1  # times what it was when the calm began
SLACK = {"Content-Type": "application/json"}


class Platform:
    """A chat, or an endpoint, that takes four requests of five and loses an answer now and then."""

    def __init__(self, answer: str) -> None:
        self.taken: Counter[str] = Counter()  # messages, by webhook-id
        self.unsaid = 0  # of them: the answer was lost here
        self.requests = 0
        self._answer = answer
        self._random = Random(4)
        self._numbers = itertools.count(1)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        while (request := await read_request(reader)) is not None:
            self.requests += 1
            dice = self._random.random()
            is_lost = 0.78 < dice < 0.8
            if dice < 0.8:
                self._take(request, is_lost=is_lost)
            await asyncio.sleep(self._random.uniform(0.001, 0.02))
            if is_lost or dice > 0.98:
                return  # without an answer: taken, and not taken
            writer.write(self._words(dice))
            await writer.drain()

    def _take(self, request: Received, *, is_lost: bool) -> None:
        if not request.target.startswith("/api/") or request.target in MESSAGES:
            self.taken[str(request.header("webhook-id"))] += 1
            self.unsaid += is_lost

    def _words(self, dice: float) -> bytes:
        answer, status = self._answer, "200 OK"
        if dice >= 0.9:
            answer, status = "", "503 Sorry\r\nRetry-After: 0"
        elif dice >= 0.8:
            answer, status = "", "429 Slowly\r\nRetry-After: 1"
        if "%" in answer:
            answer = answer % next(self._numbers)
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        return (head + answer).encode()


class Sender:
    """Tencent Cloud: each alarm fires and is over, at a pace; what is refused is sent again."""

    def __init__(self, http: aiohttp.ClientSession, callbacks: int, seconds: float) -> None:
        self.acknowledged: Counter[str] = Counter()  # session
        self.refused = 0
        self.url = ""
        self._http = http
        self._work = iter(range(callbacks))
        self._pause = SENDERS * seconds / callbacks
        self._begun = asyncio.get_running_loop().time()
        self._seconds, self._callbacks = seconds, callbacks

    async def send(self) -> None:
        """Send until all is sent."""
        loop = asyncio.get_running_loop()
        for number in self._work:
            due = self._begun + self._seconds * number / self._callbacks
            await asyncio.sleep(max(0.0, due - loop.time()))
            is_over = number % 2 == 1
            body = callback(number // 2, over=is_over, minutes=0)
            while not await self._is_taken(body):
                self.refused += 1
                await asyncio.sleep(0.2)
            self.acknowledged[json.loads(body)["sessionId"]] += 1

    async def _is_taken(self, body: bytes) -> bool:
        if not self.url:
            return False
        try:
            async with self._http.post(self.url, data=body) as response:
                return response.status == 200 and (await response.json())["retCode"] == 0
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return False


class Soak:
    """One soak."""

    def __init__(self, options: argparse.Namespace, place: Path, runner: Runner, sender: Sender) -> None:
        self.options, self.place, self.runner, self.sender = options, place, runner, sender
        self.bridge: Bridge
        self.wrong: list[str] = []
        self.random = Random(options.kills)

    async def run(self, config: dict[str, Any], platforms: dict[str, Platform]) -> list[str]:
        """Run it; give what is wrong."""
        await self._start(config)
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self.sender.send())
            group.create_task(self._disturb(config))
        await self._settled()
        self._account(platforms)
        await self.bridge.terminate(seconds=30)
        return self.wrong

    async def _start(self, config: dict[str, Any]) -> None:
        self.bridge = await self.runner.serve(config)
        self.sender.url = self.bridge.url

    async def _disturb(self, config: dict[str, Any]) -> None:
        """Kill it, or its edge, and fill its disk; then look on while nobody does."""
        wild = self.options.seconds * (1 - CALM)
        for kill in range(self.options.kills):
            await asyncio.sleep(self.random.uniform(0.6, 1.4) * wild / self.options.kills)
            if kill % 5 == 2:
                await self._fill()
            if kill % 5 == 4:
                await self._kill_the_edge()
            self.sender.url = ""
            await self.bridge.kill()
            await self._start(config)
            print(f"kill {kill + 1}: {self.sender.acknowledged.total()} acknowledged", flush=True)
        await asyncio.sleep(self.options.seconds * CALM / 5)  # to warm up
        before = grown(self.bridge.pid)
        await asyncio.sleep(self.options.seconds * CALM * 0.75)
        after = grown(self.bridge.pid)
        print(
            "calm:",
            ", then ".join(
                f"{mib >> 20} MiB, {files} files, {sockets} sockets" for mib, files, sockets in (before, after)
            ),
        )
        if after[0] > before[0] * MORE_MEMORY:
            self.wrong.append(f"memory grew from {before[0]} to {after[0]} bytes")
        if after[1] > before[1]:
            self.wrong.append(f"open files grew from {before[1]} to {after[1]}")
        if after[2] > MOST_SOCKETS:
            self.wrong.append(f"{after[2]} sockets are open")

    async def _kill_the_edge(self) -> None:
        """Kill the edge alone, and let the bridge begin another."""
        for pid in edges(self.bridge.pid):
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(EDGE_SECONDS)

    async def _fill(self) -> None:
        """Let files grow no more for a while."""
        _, most = resource.prlimit(self.bridge.pid, resource.RLIMIT_FSIZE)
        size = max(file.stat().st_size for file in self.place.glob("alarm-bridge.db*"))
        resource.prlimit(self.bridge.pid, resource.RLIMIT_FSIZE, (size + GROWTH, most))
        await asyncio.sleep(FULL_SECONDS)
        resource.prlimit(self.bridge.pid, resource.RLIMIT_FSIZE, (most, most))

    async def _settled(self) -> None:
        async def is_idle() -> bool:
            waiting = {name: one["waiting"] for name, one in (await self.bridge.health())["channels"].items()}
            await asyncio.sleep(1)
            return not any(waiting.values())

        try:
            await until(is_idle, "every queue is empty", seconds=SETTLING)
        except AssertionError as error:
            self.wrong.append(str(error))

    def _account(self, platforms: dict[str, Platform]) -> None:
        """Compare what was acknowledged with the store, and the store with what arrived."""
        desk = platforms["desk"]
        copy = Path(tempfile.mkdtemp(dir=self.place))
        for file in self.place.glob("alarm-bridge.db*"):
            shutil.copy(file, copy)
        with closing(sqlite3.connect(copy / "alarm-bridge.db")) as store:
            stored = Counter(row[0] for row in store.execute("SELECT session_id FROM callbacks"))
            lost = [one for one, times in self.sender.acknowledged.items() if stored[one] < times]
            states = Counter(dict(store.execute("SELECT channel || ' ' || state, count(*) FROM deliveries GROUP BY 1")))
            sent = {
                str(one) for (one,) in store.execute("SELECT id FROM deliveries WHERE channel='desk' AND state='sent'")
            }
            told = {one for (one,) in store.execute(TOLD)}
            said = dict(store.execute(SAID))
        print(f"{self.sender.refused} refusals; {dict(states)}")
        silent = [one for one in (instance(number) for number in range(self.options.callbacks // 2)) if one not in told]
        for name, platform in platforms.items():
            self._compare(name, platform, said.get(name, 0))
        if dead := {one: number for one, number in states.items() if one.endswith(" dead")}:
            self.wrong.append(f"dead letters: {dead}")
        for what, some in (("lost", lost), ("never told", silent), ("sent but never taken", sent - desk.taken.keys())):
            if some:
                self.wrong.append(f"{len(some)} {what}, such as {next(iter(some))}")

    def _compare(self, name: str, platform: Platform, said: int) -> None:
        """Compare how often a platform took a message with how often the bridge knows that it did."""
        kills, edge_kills = self.options.kills, len(range(4, self.options.kills, 5))
        most = platform.unsaid + CAUGHT[name] * (kills + (edge_kills if name == "desk" else 0))
        again = platform.taken.total() - said
        print(
            f"{name}: {said} messages, {again} of them taken again ({platform.unsaid} answers were lost; the rest: kills)"
        )
        if not 0 <= again <= most:
            self.wrong.append(f"{name} took {platform.taken.total()} messages, of which {said} are known to be sent")


SAID = "SELECT channel, count(*) FROM attempts JOIN deliveries ON deliveries.id = delivery_id WHERE answer = 'sent' GROUP BY 1"
TOLD = (
    "SELECT object_id FROM episodes JOIN events ON events.episode_id = episodes.id "
    "JOIN deliveries ON deliveries.event_id = events.id "
    "WHERE channel = 'desk' AND deliveries.state = 'sent'"
)


def grown(pid: int) -> tuple[int, int, int]:
    """Give memory in bytes, open files and open sockets of both processes: sockets come and go with the load."""
    pids = [pid, *edges(pid)]
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in pids)
    files = [str(file.readlink()) for one in pids for file in Path(f"/proc/{one}/fd").iterdir()]
    sockets = sum(file.startswith("socket:") for file in files)
    return pages * resource.getpagesize(), len(files) - sockets, sockets


def config_of(desk: int, ops: int, hook: int) -> dict[str, Any]:
    """Give a config with an endpoint, a Slack and a webhook of Slack's."""
    slack = {"type": "slack", "token": "xoxb-1", "channel": "C1", "api_url": f"http://{LOOPBACK}:{ops}/api/"}
    return {
        "channels": {
            "desk": {"type": "webhook", "url": f"http://{LOOPBACK}:{desk}/"},
            "ops": slack,
            "dba": {"type": "slack_webhook", "url": f"http://{LOOPBACK}:{hook}/services/T1/B1/aaaaaaaaaaaaaaaa"},
        }
    }


async def soak(options: argparse.Namespace, place: Path) -> list[str]:
    """Soak in a directory."""
    desk, ops, hook = Platform("{}"), Platform('{"ok": true, "channel": "C1", "ts": "1.%06d"}'), Platform("ok")
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        serve_raw(desk.connected) as first,
        serve_raw(ops.connected) as second,
        serve_raw(hook.connected) as third,
        aiohttp.ClientSession(timeout=timeout) as http,
    ):
        runner = Runner(place, http)
        try:
            sender = Sender(http, options.callbacks, options.seconds)
            platforms = {"desk": desk, "ops": ops, "dba": hook}
            return await Soak(options, place, runner, sender).run(config_of(first, second, third), platforms)
        finally:
            await runner.end()


def main() -> int:
    """Do what the command line says; give 1 where something was lost or has grown."""
    options = argparse.ArgumentParser(prog="python -m tests.process.soak", description=__doc__)
    options.add_argument("--seconds", type=float, default=1200.0)
    options.add_argument("--callbacks", type=int, default=200_000)
    options.add_argument("--kills", type=int, default=50)
    with tempfile.TemporaryDirectory(prefix="alarm-bridge-soak-") as place:
        wrong = asyncio.run(soak(options.parse_args(), Path(place)))
    print("\n".join(wrong) or "each callback is accounted for, and nothing has grown")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
