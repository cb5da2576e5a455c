"""The load: posts distinct alarms, takes the messages about them, and times each from its first byte to its message.

Both ends are in one process, so one clock times both. They speak raw HTTP/1.1 on asyncio protocols: the load must cost
less than what it measures. Requests are built before the time runs.
"""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

QUIET_SECONDS = 10.0  # without a message, after which what is missing counts as lost
NAMED = re.compile(rb"bench-(\d{9})")  # the object that an alarm is about: each message names it
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def name_of(number: int) -> str:
    """Give the name by which an alarm is known again in its message."""
    return f"bench-{number:09d}"


@dataclass
class Tally:
    """What was posted and what arrived, in seconds of `perf_counter`, by the alarm's number."""

    posted: dict[int, float] = field(default_factory=dict)
    acknowledged: dict[int, float] = field(default_factory=dict)
    arrived: dict[int, float] = field(default_factory=dict)
    refused: int = 0
    duplicates: int = 0

    def arrive(self, body: bytes) -> None:
        """Note the alarms that a message names."""
        now = perf_counter()
        for number in {int(digits) for digits in NAMED.findall(body)}:
            if number in self.arrived:
                self.duplicates += 1
            else:
                self.arrived[number] = now


class Stream(asyncio.Protocol):
    """One connection that reads HTTP messages: head, then a body by its length or in chunks."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport
        self._unread = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        """Hand on every message that is whole."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._unread[:end])
            length = LENGTH.search(head)
            if length or b"chunked" not in head.lower():
                stop = after = end + 4 + int(length[1] if length else 0)
            else:
                stop = self._unread.find(b"0\r\n\r\n", end + 4)
                after = stop + 5
            if stop < 0 or len(self._unread) < after:
                return
            body = bytes(self._unread[end + 4 : stop])
            del self._unread[:after]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        """Take one message."""
        raise AssertionError(head, body)


class Sink(Stream):
    """An endpoint that takes whatever is delivered to it."""

    def __init__(self, tally: Callable[[], Tally]) -> None:
        super().__init__()
        self._tally = tally

    def message(self, head: bytes, body: bytes) -> None:  # noqa: ARG002 - the path says nothing
        """Note it, and say that it was taken."""
        self._tally().arrive(body)
        self.transport.write(TAKEN)


class Poster(Stream):
    """A keep-alive connection that posts one request after another."""

    def __init__(self, tally: Tally, following: Callable[["Poster"], None]) -> None:
        super().__init__()
        self._tally = tally
        self._following = following
        self._number = -1
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def post(self, number: int, request: bytes, since: float | None = None) -> None:
        """Send a request; `since`: when it was due, where that is earlier."""
        self._number = number
        self._tally.posted[number] = since or perf_counter()
        self.transport.write(request)

    def message(self, head: bytes, body: bytes) -> None:  # noqa: ARG002 - the status says it
        """Note the answer and go on."""
        if head[9:12] == b"200":
            self._tally.acknowledged[self._number] = perf_counter()
        else:
            self._tally.refused += 1
        self._following(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that nothing more comes."""
        self.lost.set_result(None)
        if exc:
            self._tally.refused += 1


async def burst(port: int, requests: dict[int, bytes], tally: Tally, *, connections: int) -> None:
    """Post as fast as the answers come, on so many connections at once."""
    waiting: Iterator[tuple[int, bytes]] = iter(requests.items())

    def following(poster: Poster) -> None:
        entry = next(waiting, None)
        if entry:
            poster.post(*entry)
        else:
            poster.transport.close()

    posters = await _connect(port, tally, following, connections)
    for poster in posters:
        following(poster)
    await asyncio.gather(*(poster.lost for poster in posters))


async def steady(port: int, requests: dict[int, bytes], tally: Tally, *, rate: float, connections: int) -> None:
    """Post at an even pace. An alarm's time runs from when it was due, also where no connection was free."""
    free: asyncio.Queue[Poster] = asyncio.Queue()
    for poster in (posters := await _connect(port, tally, free.put_nowait, connections)):
        free.put_nowait(poster)
    begun = perf_counter()
    for place, (number, request) in enumerate(requests.items()):
        due = begun + place / rate
        await asyncio.sleep(max(0.0, due - perf_counter()))
        (await free.get()).post(number, request, since=due)
    for _ in posters:
        (await free.get()).transport.close()


async def _connect(port: int, tally: Tally, following: Callable[[Poster], None], count: int) -> list[Poster]:
    loop = asyncio.get_running_loop()
    made = [loop.create_connection(lambda: Poster(tally, following), "127.0.0.1", port) for _ in range(count)]
    return [poster for _, poster in await asyncio.gather(*made)]


async def all_arrived(tally: Tally) -> None:
    """Wait until what was acknowledged has arrived, or nothing has come for a while."""
    seen, since = -1, perf_counter()
    while len(tally.arrived) < len(tally.acknowledged) and perf_counter() - since < QUIET_SECONDS:
        if len(tally.arrived) != seen:
            seen, since = len(tally.arrived), perf_counter()
        await asyncio.sleep(0.02)


def numbered(counter: Iterator[int], count: int, request: Callable[[str], bytes]) -> dict[int, bytes]:
    """Build so many requests about objects that were never heard of."""
    return {number: request(name_of(number)) for number in itertools.islice(counter, count)}
