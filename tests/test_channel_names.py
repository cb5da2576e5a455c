"""Names that are looked up for a channel: one that hangs is felt by nobody else."""

import asyncio
import socket
import threading
from contextlib import AsyncExitStack

import pytest

from bridge.channels.names import resolver
from bridge.message import Answer
from tests.fakes.channels import a_call, a_channel
from tests.fakes.endpoint import serve_endpoint

MANY = 40  # more than any loop has threads for look-ups


class Names:
    """Names as the system looks them up: those that hang do so until `end`."""

    def __init__(self):
        self.end, self.asking = threading.Event(), threading.Semaphore(0)
        self.asked: list[str] = []

    def getaddrinfo(self, host, port, **_more):
        self.asked.append(host)
        self.asking.release()
        if host.startswith("hangs"):
            self.end.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def are_asked(self, times=1):
        """Wait for so many look-ups."""
        for _ in range(times):
            assert await asyncio.to_thread(self.asking.acquire, timeout=20)


@pytest.fixture
def names(monkeypatch):
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.end.set()


async def test_a_channel_whose_name_cannot_be_looked_up_for_long_does_not_hold_up_others(names):
    async with serve_endpoint() as endpoint, AsyncExitStack() as stack:
        port = endpoint.url().split(":")[2].partition("/")[0]
        hosts = [*(f"hangs-{number}" for number in range(MANY)), "well"]
        *hanging, well = [
            await stack.enter_async_context(a_channel("webhook", url=f"http://{host}.example:{port}/"))
            for host in hosts
        ]
        posts = [asyncio.create_task(one.post(a_call())) for one in hanging]
        await names.are_asked(MANY)
        assert (await well.post(a_call())).answer is Answer.SENT
        assert not any(post.done() for post in posts)
        assert {one.daemon for one in threading.enumerate() if one.name == "look up a name"} == {True}
        names.end.set()
        assert {(await post).answer for post in posts} == {Answer.SENT}


async def test_a_name_is_looked_up_once_however_many_calls_wait_for_it(names):
    async with serve_endpoint() as endpoint:
        port = endpoint.url().split(":")[2].partition("/")[0]
        async with a_channel("webhook", url=f"http://hangs.example:{port}/") as channel:
            posts = [asyncio.create_task(channel.post(a_call())) for _ in range(8)]
            await names.are_asked()
            names.end.set()
            assert {(await post).answer for post in posts} == {Answer.SENT}
            assert names.asked == ["hangs.example"]


async def test_who_gives_up_is_not_waited_for(names):
    asking = asyncio.create_task(resolver().resolve("hangs.example", 80))
    await names.are_asked()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    names.end.set()
    assert [one["host"] for one in await resolver().resolve("well.example", 80)] == ["127.0.0.1"]


async def test_an_address_of_one_link_is_named_as_the_system_names_it(monkeypatch):
    info = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [info])
    monkeypatch.setattr(socket, "getnameinfo", lambda address, _flags: (f"{address[0]}%eth0", str(address[1])))
    assert [one["host"] for one in await resolver().resolve("link.example", 80)] == ["fe80::1%eth0"]


def test_an_answer_that_comes_after_the_end_is_nobodys(names):
    async def gives_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await resolver().resolve("hangs.example", 80)

    asyncio.run(gives_up())
    threads = [one for one in threading.enumerate() if one.name == "look up a name"]
    names.end.set()
    for one in threads:
        one.join()
