"""The console listener: metrics and health, for people of the house."""

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import aiohttp
import pytest

from bridge.message import Answer, Verdict
from bridge.retry import next_move
from bridge.watch import Watch
from bridge.web.console import console
from bridge.web.credentials import Credentials
from bridge.web.settings import Auth
from tests.fakes.deliveries import a_delivery
from tests.fakes.serving import serve_app
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import START, virtual

CONFIG = """
server: {auth: off}
channels:
  here: {type: terminal}
  tickets: {type: webhook, url: "http://127.0.0.1:9/"}
default_channels: [here, tickets]
"""
AUTH = Auth.model_validate({"tokens": ["right"], "basic": [{"username": "ops", "password": "geheim"}]})
CALM = {
    "status": "ok",
    "reason": "",
    "broken_since": None,
    "next_try_seconds": 0.0,
    "waiting": 0,
    "oldest_seconds": 0.0,
}


@asynccontextmanager
async def a_console(folder, clock, *, auth=None):
    async with a_spine(folder, CONFIG, clock, workers=False) as spine:
        with ThreadPoolExecutor(1) as reading:
            watch = Watch(
                store=spine.store,
                reading=reading,
                writer=spine.writer,
                workers=spine.workers,
                clock=clock,
                troubles=lambda: spine.troubles.lasting,
                metrics=spine.metrics,
            )
            app = console(Credentials(auth), health=watch.health, metrics=watch.metrics_text)
            async with serve_app(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                yield spine, session


async def health(session):
    async with session.get("/health") as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


@virtual
async def test_health_tells_store_alarms_and_channels(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        calm = {
            "status": "ok",
            "store": "ok",
            "edge": "off",
            "alarms_open": 0,
            "troubles": [],
            "channels": {"here": CALM, "tickets": CALM},
        }
        assert await health(session) == (200, calm)
        await spine.take(a_body())
        clock.shift += timedelta(seconds=90)
        waiting = CALM | {"waiting": 1, "oldest_seconds": 90}
        status, told = await health(session)
        assert (status, told["alarms_open"]) == (200, 1)
        assert {
            name: dict(one, oldest_seconds=round(one["oldest_seconds"])) for name, one in told["channels"].items()
        } == {
            "here": waiting,
            "tickets": waiting,
        }


@virtual
async def test_health_says_why_a_channel_pauses_or_is_broken_and_stays_well(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        broken = Verdict(answer=Answer.BROKEN, said="404 Not Found")
        move = next_move(a_delivery(), broken, Random(1), strikes=1)
        job = asyncio.create_task(spine.workers["tickets"].condition.learn(broken, move))
        await job
        status, told = await health(session)
        assert status == 200
        shown = told["channels"]["tickets"]
        assert shown.pop("next_try_seconds") == pytest.approx(300, abs=0.1)
        assert shown.pop("broken_since").startswith(START.isoformat()[:19])
        assert shown == {"status": "broken", "reason": "404 Not Found", "waiting": 0, "oldest_seconds": 0.0}
        text = await (await session.get("/metrics")).text()
        assert 'alarm_bridge_channel_broken{channel="tickets"} 1.0' in text.splitlines()


@virtual
async def test_health_says_why_the_store_cannot_be_written_and_answers_503(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        spine.writer.trouble = "the store cannot be written: database or disk is full"
        status, told = await health(session)
        assert (status, told["status"], told["store"]) == (503, "unavailable", spine.writer.trouble)


@virtual
async def test_a_store_that_cannot_be_read_leaves_what_is_known(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        await spine.writer.do(lambda connection: connection.exec_driver_sql("DROP TABLE deliveries") and None)
        status, told = await health(session)
        assert (status, told["channels"]["here"]) == (200, CALM)
        assert (await session.get("/metrics")).status == 200


@virtual
async def test_metrics_are_prometheus_text_with_the_queues_as_they_are_now(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        await spine.take(a_body())
        clock.shift += timedelta(seconds=60)
        async with session.get("/metrics") as response:
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            lines = (await response.text()).splitlines()
        assert 'alarm_bridge_queue_waiting{channel="here"} 1.0' in lines
        assert "alarm_bridge_alarms_open 1.0" in lines
        oldest = next(line for line in lines if line.startswith('alarm_bridge_queue_oldest_seconds{channel="here"}'))
        assert float(oldest.split()[1]) == pytest.approx(60, abs=0.1)


def basic(user):
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


@pytest.mark.parametrize("path", ["/metrics", "/health", "/nowhere"])
@virtual
async def test_the_console_asks_for_credentials_where_the_config_has_them(path, tmp_path, clock):
    known = 404 if path == "/nowhere" else 200
    async with a_console(tmp_path, clock, auth=AUTH) as (_, session):
        for headers in ({"Authorization": "Bearer right"}, basic("ops:geheim")):
            assert (await session.get(path, headers=headers)).status == known
        assert (await session.get(f"{path}?token=right")).status == known
        for headers in ({}, {"Authorization": "Bearer wrong"}, basic("ops:wrong"), {"Authorization": "Bearer è"}):
            async with session.get(path, headers=headers) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == 'Basic realm="alarm-bridge"'
                assert await response.text() == "wrong or missing credentials"


@virtual
async def test_without_credentials_in_the_config_everybody_on_this_machine_may_look(tmp_path, clock):
    async with a_console(tmp_path, clock) as (_, session):
        assert (await session.get("/health", headers={"Authorization": "Bearer wrong"})).status == 200


@virtual
async def test_the_console_takes_no_callbacks_and_health_is_json_with_its_own_letters(tmp_path, clock):
    async with a_console(tmp_path, clock) as (spine, session):
        assert (await session.post("/callback", data=b"{}")).status == 404
        spine.writer.trouble = "磁盘已满"
        assert json.loads(text := await (await session.get("/health")).text())["store"] == "磁盘已满"
        assert "磁盘已满" in text
