"""Clients that send too much, too little, or too slowly: memory stays flat, they are cut off, and nobody else notices."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

from tests.process.running import edges
from tests.process.telling import callback

LIMIT = 64 * 1024  # bytes of a body, by the config
PIECE = b"x" * 65536
PIECES = 1024  # 64 MiB in all, a thousand times the limit
GROWTH_KIB = 32 * 1024  # of memory, in KiB: half of what one of them sends
LONGEST_LINE = 2000  # characters of the log
SLOW = 100  # clients of each kind
TOKEN = "a-token-of-sixteen"
BODY_SECONDS = 4.0
PROMPT_SECONDS = 2.0  # on a machine that does other things as well
HERE = {
    "server": {"listen": "127.0.0.1:0", "max_body": "64KiB", "auth": {"tokens": [TOKEN]}},
    "channels": {"here": {"type": "terminal"}},
}


def highest_memory(bridge):
    """Give the most memory that the bridge and its edge, which reads the bodies, have had, in KiB."""
    (edge,) = edges(bridge.pid)
    return sum(highest_of(pid) for pid in (bridge.pid, edge))


def highest_of(pid):
    status = Path("/proc", str(pid), "status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


@asynccontextmanager
async def connected(bridge):
    reader, writer = await asyncio.open_connection(*bridge.address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(*headers, path=f"/callback/{TOKEN}"):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: bridge", *headers, "", ""]).encode()


async def stream(bridge, headers, *, piece=PIECE):
    """Send the head, and a body until the bridge does not want more; give the answer and how much it took."""
    async with connected(bridge) as (reader, writer):
        writer.write(headers)
        sent = 0
        try:
            for _ in range(PIECES):
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        except ConnectionError:
            pass
        try:
            return await reader.read(), sent
        except ConnectionError:
            return b"", sent


CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
STREAMS = {  # what is sent, and the statuses that may answer it; none where the connection was cut
    "chunked": (head("Transfer-Encoding: chunked"), CHUNK, {b"413"}),
    "as long as it says": (head(f"Content-Length: {10**10}"), PIECE, {b"413"}),
    "longer than it says": (head("Content-Length: 1000"), PIECE, {b"200", b""}),
    "chunked by a stranger": (head("Transfer-Encoding: chunked", path="/callback/wrong"), CHUNK, {b"401"}),
}


async def test_memory_stays_flat_while_bodies_far_over_the_limit_are_streamed(runner):
    bridge = await runner.serve(HERE)
    assert await take(bridge, callback()) == 200
    before = highest_memory(bridge)
    for name, (headers, piece, statuses) in STREAMS.items():
        answer, sent = await stream(bridge, headers, piece=piece)
        assert answer[9:12] in statuses, name
        assert sent > LIMIT, name
    assert highest_memory(bridge) - before < GROWTH_KIB
    assert await take(bridge, callback(2)) == 200
    assert max(map(len, bridge.err)) < LONGEST_LINE  # what strangers send is not logged


async def take(bridge, body):
    async with bridge.http.post(f"{bridge.url}/{TOKEN}", data=body) as response:
        return response.status


async def test_half_sent_bodies_are_given_up_and_slow_clients_keep_nobody_waiting(runner):
    bridge = await runner.serve(HERE)

    async def half_a_body(number):
        async with connected(bridge) as (reader, writer):
            writer.write(head("Content-Length: 1000") + callback(number)[:50])
            answer = await reader.read()  # until the bridge closes the connection
            return answer[9:12]

    async def half_a_head():
        async with connected(bridge) as (_, writer):
            while not done.is_set():
                writer.write(b"X")
                await asyncio.sleep(0.1)

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(SLOW):
            group.create_task(half_a_head())
        begun = time.monotonic()
        halves = [group.create_task(half_a_body(number)) for number in range(SLOW)]
        waits: list[float] = []
        while not all(half.done() for half in halves):
            before = time.monotonic()
            assert await take(bridge, callback(1000 + len(waits))) == 200
            waits.append(time.monotonic() - before)
            await asyncio.sleep(0.05)
        spent = time.monotonic() - begun
        done.set()
    assert {half.result() for half in halves} == {b"408"}
    assert BODY_SECONDS * 0.9 < spent < BODY_SECONDS + 3
    assert len(waits) > 5
    assert max(waits) < PROMPT_SECONDS
    assert len(bridge.logged("callback", reason="the body did not arrive in time")) == SLOW


async def test_a_body_that_is_not_encoded_as_it_says_and_that_nobody_reads_is_told_of_in_one_line(runner):
    bridge = await runner.serve(HERE)
    async with connected(bridge) as (reader, writer):
        writer.write(head("Content-Length: 8\r\nContent-Encoding: gzip", path="/callback/wrong") + b"not gzip")
        assert (await reader.read())[9:12] == b"401"
    line = await bridge.log("Unhandled exception: it is not HTTP (RequestPayloadError)")
    assert line["level"] == "warning"
    assert line.keys() == {"time", "level", "event", "logger"}
