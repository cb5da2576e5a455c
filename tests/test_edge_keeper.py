"""Who keeps the edge: starts it, watches it, starts another one."""

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from bridge.clock import SystemClock
from bridge.edge import birth
from bridge.edge import keeper as keeping
from bridge.edge.hello import Hello
from bridge.edge.keeper import Keeper
from bridge.metrics import Metrics
from bridge.store import Overloaded
from bridge.web.listening import bound
from bridge.web.reception import Reception
from bridge.web.settings import Address, ServerSettings
from tests.process.running import until

SECRET = "made-up-token-of-the-edge"


@pytest.fixture
async def http():
    async with ClientSession(trust_env=False) as session:
        yield session


async def refused(_callback):
    raise Overloaded("nobody is here")


@asynccontextmanager
async def a_keeper(**settings):
    """Give what keeps a real edge before a store that takes nothing, its port, and what was logged."""
    clock, metrics = SystemClock(), Metrics()
    server = ServerSettings(**{"auth": "off", **settings})
    reception = Reception(refused, lambda: "no disk", clock=clock, metrics=metrics)
    hello = Hello(server=server, level="info", secrets=frozenset())
    keeper = Keeper(lambda: hello, lambda: reception, environ=dict(os.environ), clock=clock)
    doors = await bound(Address(host="127.0.0.1", port=0))
    port = doors[0].getsockname()[1]
    with capture_logs() as logs:
        running = asyncio.create_task(keeper.run())
        try:
            await keeper.open(doors)
            yield keeper, port, logs
        finally:
            await keeper.stop()
            await keeper.end()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def asked(http, port, method="GET", target="/readyz"):
    async with http.request(
        method, f"http://127.0.0.1:{port}{target}", data=b"{}" if method == "POST" else None
    ) as got:
        return got.status, await got.text()


async def test_the_edge_says_of_the_store_what_the_bridge_says(http):
    async with a_keeper() as (keeper, port, logs):
        assert await asked(http, port) == (503, "unavailable")
        status, text = await asked(http, port, "POST", "/callback")
        assert (status, '"retCode": 1' in text) == (503, True)
        assert keeper.trouble == ""
    assert [(line["event"], line["reason"]) for line in logs] == [("callback", "nobody is here")]


async def test_one_that_says_nothing_is_ended_and_another_one_answers(monkeypatch, http):
    monkeypatch.setattr(keeping, "PING_SECONDS", 0.5)
    async with a_keeper() as (keeper, port, logs):
        os.kill(keeper._process.pid, signal.SIGSTOP)
        assert await asked(http, port) == (503, "unavailable")  # by the next one: it waited
        assert keeper.ends == 1
    said = [line["event"] for line in logs]
    assert said == ["the edge says nothing: it is ended", "the edge ended: another one is started"]


async def test_one_that_was_halted_together_with_the_bridge_goes_on(monkeypatch, http):
    monkeypatch.setattr(keeping, "PING_SECONDS", 0.5)
    monkeypatch.setattr(keeping, "HALT_SECONDS", 0.1, raising=False)
    async with a_keeper() as (keeper, port, logs):
        edge, link = keeper._process.pid, keeper.link
        await until(lambda: link.answered.done(), "it lives")  # noqa: PLW0108 - another future with each question
        os.kill(edge, signal.SIGSTOP)
        await until(lambda: not link.answered.done(), "it is asked whether it lives")
        time.sleep(0.6)  # noqa: ASYNC251 - so long nothing of the bridge runs, either
        for _ in range(3):
            await asyncio.sleep(0)  # the bridge goes on first
        os.kill(edge, signal.SIGCONT)
        await until(lambda: link.answered.done() or link.lost.done(), "it says that it lives, or is ended")
        assert await asked(http, port) == (503, "unavailable")
        assert (keeper.ends, keeper._process.pid) == (0, edge)
    assert logs == []


async def test_another_config_holds_in_it_and_who_is_turned_away_is_logged(http):
    async with a_keeper(auth={"tokens": [SECRET]}) as (keeper, port, logs):
        keeper._hello = lambda: Hello(
            server=ServerSettings(auth={"tokens": ["another-made-up-token"]}), level="info", secrets=frozenset()
        )
        assert (await asked(http, port, target=f"/callback/{SECRET}"))[0] == 200
        keeper.renew()

        async def is_refused():
            return (await asked(http, port, target=f"/callback/{SECRET}"))[0] == 401

        await until(is_refused, "the old token is not taken any more")
        assert (await asked(http, port, target="/callback/another-made-up-token"))[0] == 200
    assert {line["outcome"] for line in logs} == {"unauthorized"}
    assert SECRET not in str(logs)


async def test_who_waits_for_another_config_to_hold_waits_until_the_edge_has_it(http):
    async with a_keeper(auth={"tokens": [SECRET]}) as (keeper, port, _logs):
        auth = {"tokens": ["another-made-up-token"]}
        keeper._hello = lambda: Hello(server=ServerSettings(auth=auth), level="info", secrets=frozenset())
        os.kill(keeper._process.pid, signal.SIGSTOP)
        keeper.renew()
        waiting = asyncio.create_task(keeper.renewed())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        os.kill(keeper._process.pid, signal.SIGCONT)
        await waiting
        assert (await asked(http, port, target=f"/callback/{SECRET}"))[0] == 401


async def test_nobody_waits_for_another_config_to_hold_in_an_edge_that_is_gone():
    async with a_keeper() as (keeper, _port, _logs):
        link = keeper.link
        os.kill(keeper._process.pid, signal.SIGSTOP)
        keeper.renew()
        waiting = asyncio.create_task(keeper.renewed())
        os.kill(keeper._process.pid, signal.SIGKILL)
        await waiting
        assert link.lost.done()
        await until(lambda: keeper.link is None, "it is known to be gone")
        await keeper.renewed()


async def test_an_edge_that_does_not_begin_is_said_in_words(monkeypatch):
    monkeypatch.setattr(birth, "MODULE", "bridge.edge.nothing")
    with pytest.raises(OSError, match=r"^the process that takes callbacks did not begin$"):
        async with a_keeper():
            pass
