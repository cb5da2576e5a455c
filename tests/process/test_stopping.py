"""SIGTERM: what is under way is finished, within 10 s; the rest waits on disk for the next start."""

import asyncio
from collections import Counter

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import until
from tests.process.telling import callback, instance, told

STOP_SECONDS = 10.0
NUMBERS = range(1, 13)


def desk(endpoint, **more):
    return {"channels": {"desk": {"type": "webhook", "url": endpoint.url(), **more}}}


async def test_what_is_under_way_is_finished_and_the_rest_is_delivered_by_the_next_start(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(delay=1.0)
        bridge = await runner.serve(desk(endpoint))
        await bridge.accept(*map(callback, NUMBERS))
        await until(lambda: len(endpoint.received) >= 4, "the first four are under way")
        begun = len(endpoint.received)
        assert await bridge.terminate(seconds=STOP_SECONDS) == 0
        assert bridge.logged("stopped")
        assert len(bridge.logged("attempt", becomes="sent")) == len(endpoint.received) == begun

        endpoint.always = Behaviour()
        bridge = await runner.serve(desk(endpoint))
        await bridge.idle()
        assert await bridge.terminate() == 0
    expected = {(instance(number), "triggered"): 1 for number in NUMBERS}
    assert Counter(told(endpoint.received)) == expected


async def test_neither_a_chat_nor_a_client_that_hangs_keeps_it_from_ending_in_ten_seconds(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(fails="hang")
        bridge = await runner.serve(desk(endpoint, timeout="1m"))
        await bridge.accept(callback())
        await until(lambda: endpoint.received, "a delivery is under way")
        reader, writer = await asyncio.open_connection(*bridge.address)
        writer.write(b"POST /callback HTTP/1.1\r\nHost: bridge\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        assert await bridge.terminate(seconds=STOP_SECONDS) == 0
        assert not (await reader.read()).startswith(b"HTTP/1.1 200")  # half a callback was not taken
        writer.close()

        endpoint.always = Behaviour()
        bridge = await runner.serve(desk(endpoint))
        await bridge.idle()
    first, second = endpoint.received
    assert first.header("webhook-id") == second.header("webhook-id")
