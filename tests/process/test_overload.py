"""A store that takes nothing for a while: every caller is answered before Tencent Cloud gives up, and nothing is lost."""

import asyncio
import json
import resource
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest

from bridge.patience import WAIT_SECONDS
from tests.fakes.endpoint import serve_endpoint
from tests.process.running import until
from tests.process.telling import callback, instance, told

WAVE = 200  # callbacks at once
FLOOD = 2200  # more than the 2,000 that may wait
ANSWER_SECONDS = 4.5  # 3 for the store, and what a machine takes that does other things as well: Tencent waits for 5
LATE = "the store did not take it within 3 s"
CROWDED = "too many callbacks are waiting for the store"


@pytest.fixture(autouse=True)
def _as_many_connections_as_the_system_allows():
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@contextmanager
def stalled(store):
    """Hold the lock on a store that the bridge needs to write."""
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def post(bridge, number):
    """Post a callback that the bridge cannot take; give how long it needed to say so, in seconds."""
    begun = time.monotonic()
    status, text = await bridge.post(callback(number))
    spent = time.monotonic() - begun
    message = "the store cannot take it now: send it again"
    assert (status, json.loads(text)) == (503, {"sessionId": f"{instance(number)}-0", "retCode": 1, "message": message})
    return spent


async def takes_again(bridge):
    async def takes():
        status, _ = await bridge.post(callback(0))
        return status == 200

    await until(takes, "the store takes callbacks again")


def reasons(bridge):
    return {line["reason"] for line in bridge.logged("callback", outcome="failed")}


async def test_callbacks_before_a_stalled_store_are_answered_with_503_in_time_and_then_all_is_well(runner, tmp_path):
    store = tmp_path / "alarm-bridge.db"
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve({"channels": {"desk": {"type": "webhook", "url": endpoint.url()}}})
        with stalled(store):
            wave = await asyncio.gather(*(post(bridge, number) for number in range(1, WAVE + 1)))
        assert max(wave) < ANSWER_SECONDS
        assert reasons(bridge) == {LATE}
        await takes_again(bridge)

        with stalled(store):
            flood = await asyncio.gather(*(post(bridge, number) for number in range(1, FLOOD + 1)))
        assert min(flood) < WAIT_SECONDS  # some need not wait to be refused
        assert reasons(bridge) == {LATE, CROWDED}
        await takes_again(bridge)

        await bridge.accept(*(callback(number) for number in range(1, 21)))  # Tencent sends again
        await bridge.idle()
        assert (await bridge.get("/readyz")) == (200, "ok")
    heard = told(endpoint.received)
    assert len(set(heard)) == len(heard)
    assert {(instance(number), "triggered") for number in range(21)} <= set(heard)
