"""A store that takes nothing for a while: every caller is answered before Tencent Cloud gives up, and nothing is lost."""

import asyncio
import json
import resource
import sqlite3
import time
from contextlib import closing

import pytest

from tests.fakes.endpoint import serve_endpoint
from tests.process.running import until
from tests.process.telling import callback, instance, told

CALLBACKS = 2200  # at once: more than the 2,000 that may wait
ANSWER_SECONDS = 4.5  # under Tencent's 5: 3 s of waiting for the store, and what so many take on a slow machine


@pytest.fixture(autouse=True)
def _as_many_connections_as_the_system_allows():
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


async def test_many_callbacks_at_once_before_a_stalled_store_are_answered_with_503_in_time(runner, tmp_path):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve({"channels": {"desk": {"type": "webhook", "url": endpoint.url()}}})
        await bridge.accept(callback(0))

        async def post(number):
            begun = time.monotonic()
            status, text = await bridge.post(callback(number))
            return status, json.loads(text), time.monotonic() - begun

        with closing(sqlite3.connect(tmp_path / "alarm-bridge.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = await asyncio.gather(*(post(number) for number in range(1, CALLBACKS + 1)))
            other.execute("ROLLBACK")
        assert {status for status, _, _ in answers} == {503}
        assert [answer for _, answer, _ in answers] == [
            {
                "sessionId": f"{instance(number)}-0",
                "retCode": 1,
                "message": "the store cannot take it now: send it again",
            }
            for number in range(1, CALLBACKS + 1)
        ]
        assert max(seconds for _, _, seconds in answers) < ANSWER_SECONDS
        reasons = {line["reason"] for line in bridge.logged("callback", outcome="failed")}
        assert reasons == {
            "too many callbacks are waiting for the store",
            "the store did not take it within 3 s",
        }

        await until(lambda: takes(bridge), "the store takes callbacks again")
        await bridge.accept(*(callback(number) for number in range(1, 21)))  # Tencent sends again
        await bridge.idle()
        assert (await bridge.get("/readyz")) == (200, "ok")
    heard = told(endpoint.received)
    assert len(set(heard)) == len(heard)
    assert {(instance(number), "triggered") for number in range(21)} <= set(heard)


async def takes(bridge):
    status, _ = await bridge.post(callback(0))
    return status == 200
