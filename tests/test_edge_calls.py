"""Calls that the edge makes for the bridge, over a real wire between both halves."""

import asyncio
import io
import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from bridge import samples
from bridge.alarm import State
from bridge.channels import Tools, open_session
from bridge.channels.webhook import WebhookSettings
from bridge.edge.calls import Calls
from bridge.edge.link import LOST, SILENT, Known, Line, Link
from bridge.edge.wire import Kind, Wire
from bridge.episode import Event
from bridge.message import Answer, Delivery, Step
from bridge.patience import Patience
from bridge.post import NotBegun
from bridge.rendering import ChannelView
from bridge.web.reception import Reception
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import until

NOW = datetime(2026, 11, 27, 8, 0, 0, tzinfo=UTC)
BODY = samples.body("capture-2021-cvm-memory-triggered")
GENERATION = 3
ORIGIN = (GENERATION << 40) + 1
VIEW = ChannelView(name="desk", type="webhook", timezone=ZoneInfo("Asia/Shanghai"), formats=("json", "txt"))


def delivery(origin):
    event = Event(
        id=5, state=State.TRIGGERED, episode_id=6, number=7, key="k", kind="metric", callback_id=8, created_at=NOW,
        received_at=NOW, occurred_at=NOW,
    )  # fmt: skip
    return Delivery(id=9, channel="desk", step=Step.POST, event=event, due_at=NOW, body=BODY, origin=origin)


def line_to(url, *, seconds=10.0):
    settings = WebhookSettings(url=url)
    return Line(
        channel=Known(number=1, kind=Kind.CHANNEL, what=settings),
        view=Known(number=2, kind=Kind.VIEW, what=VIEW),
        patience=Patience(seconds, TimeoutError),
    )


@asynccontextmanager
async def an_edge(kept=None):
    """Give a link to calls that know what `kept` says, and the calls' end of the wire."""
    loop, asked = asyncio.get_running_loop(), list[int]()
    take: dict[int, Any] = {}
    ours, theirs = socket.socketpair()
    async with AsyncExitStack() as stack:
        link = Link(GENERATION, cast("Reception", None))
        wire = Wire(take, lambda: None)

        def what_is_kept(number):
            asked.append(number)
            return (kept or {}).get(number)

        tools = Tools(
            session=lambda settings: open_session(settings, environ={}),
            clock=lambda: NOW,
            out=io.StringIO(),
            environ={},
        )
        calls = Calls(wire, tools, what_is_kept)
        take |= {
            Kind.CHANNEL: calls.channel,
            Kind.VIEW: calls.view,
            Kind.POST: calls.post,
            Kind.FORGET: calls.forget,
            Kind.TAKE_BACK: calls.take_back,
        }
        for end, protocol in ((ours, link.wire), (theirs, wire)):
            end.setblocking(False)
            await loop.create_unix_connection(lambda: protocol, sock=end)  # noqa: B023
            stack.callback(protocol.close)
        yield link, wire, asked
        calls.forget(1)
        await asyncio.gather(*calls._tasks)


async def test_a_call_about_a_callback_that_the_edge_knows_needs_no_body():
    async with serve_endpoint() as endpoint, an_edge({ORIGIN: (BODY, None)}) as (link, _, asked):
        verdict, sent = await link.post(line_to(endpoint.url()), delivery(ORIGIN), 4, {"runbook": "https://x/"})
    assert (verdict.answer, verdict.status, asked) == (Answer.SENT, 200, [ORIGIN])
    (request,) = endpoint.received
    envelope = request.json()
    assert envelope["text"] == sent
    assert "runbook: https://x/" in sent
    assert envelope["callback"] == json.loads(BODY)
    assert (request.header("webhook-id"), envelope["delivery_id"]) == ("9", "9")


async def test_one_about_a_callback_that_the_edge_does_not_know_any_more_is_made_all_the_same():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, asked):
        verdict, _ = await link.post(line_to(endpoint.url()), delivery(ORIGIN), 4, {})
    assert (verdict.answer, asked, len(endpoint.received)) == (Answer.SENT, [ORIGIN], 1)


async def test_one_about_a_callback_that_another_edge_took_is_made_from_its_body_at_once():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, asked):
        for origin in (0, (GENERATION - 1 << 40) + 1):
            verdict, _ = await link.post(line_to(endpoint.url()), delivery(origin), 4, {})
            assert verdict.answer is Answer.SENT
    assert asked == []


async def test_a_call_is_tried_again_at_once_where_the_edge_ended_before_an_answer():
    async with serve_endpoint() as endpoint, an_edge({ORIGIN: (BODY, None)}) as (link, wire, _):
        endpoint.always = Behaviour(fails="hang")
        call = asyncio.create_task(link.post(line_to(endpoint.url()), delivery(ORIGIN), 4, {}))
        await until(lambda: endpoint.received, "the call is under way")
        wire.close()
        assert await call == (LOST, "")
    assert (LOST.answer, LOST.after_seconds) == (Answer.RETRY, 0)


async def test_no_more_calls_are_under_way_than_may_be_and_the_next_begins_when_one_ends():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, _):
        endpoint.always, line = Behaviour(delay=0.01), line_to(endpoint.url())
        answers = await asyncio.gather(*(link.post(line, delivery(0), 3, {}) for _ in range(20)))
    assert {verdict.answer for verdict, _ in answers} == {Answer.SENT}
    assert (len(endpoint.received), endpoint.most_under_way) == (20, 3)


async def test_at_an_answer_that_is_not_as_hoped_all_that_were_not_begun_come_back():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, _):
        endpoint.always, line = Behaviour(delay=0.01, status=429), line_to(endpoint.url())
        calls = [link.post(line, delivery(0), 2, {}) for _ in range(20)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in answers if not isinstance(one, tuple)] == [NotBegun] * 18
        assert len(endpoint.received) == 2
        assert (await link.post(line, delivery(0), 2, {}))[0].status == 429  # which knows of both


async def test_one_that_was_handed_over_before_the_trouble_was_known_comes_back_unbegun():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, _):
        endpoint.always, line = Behaviour(status=500), line_to(endpoint.url())
        assert (await link.post(line, delivery(0), 4, {}))[0].status == 500
        link._troubles.clear()  # as before that answer came
        with pytest.raises(NotBegun):
            await link.post(line, delivery(0), 4, {})
    assert len(endpoint.received) == 1


async def test_what_waits_is_taken_back_and_what_is_under_way_ends():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, _):
        held, line = asyncio.Event(), line_to(endpoint.url())
        endpoint.always = Behaviour(held=held)
        calls = [asyncio.create_task(link.post(line, delivery(0), 2, {})) for _ in range(6)]
        await until(lambda: len(endpoint.received) == 2, "two are under way")
        link.take_back(line)
        await until(lambda: sum(call.done() for call in calls) == 4, "the others are back")
        held.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in answers] == [tuple] * 2 + [NotBegun] * 4
    assert len(endpoint.received) == 2


async def test_a_call_that_the_edge_fails_at_is_to_be_told_plainly():
    async with serve_endpoint() as endpoint, an_edge() as (link, _, _):
        line = replace(line_to(endpoint.url()), view=Known(number=3, kind=Kind.VIEW, what="no view"))
        with capture_logs() as logs:
            verdict, _ = await link.post(line, delivery(0), 2, {})
    assert (verdict.answer, verdict.said, verdict.plain_helps) == (
        Answer.REJECTED, "the bridge failed: AttributeError", True,
    )  # fmt: skip
    assert [line["event"] for line in logs] == ["a delivery failed"]


async def test_a_call_is_tried_later_where_the_edge_never_says_what_came_of_it():
    async with serve_endpoint() as endpoint, an_edge({ORIGIN: (BODY, None)}) as (link, _, _):
        endpoint.always = Behaviour(fails="hang")
        assert await link.post(line_to(endpoint.url(), seconds=0.05), delivery(ORIGIN), 4, {}) == (SILENT, "")
    assert SILENT.answer is Answer.RETRY


async def test_a_call_that_comes_when_the_edge_has_just_ended_is_handed_back_at_once():
    async with serve_endpoint() as endpoint, an_edge() as (link, wire, _):
        wire.close()
        await link.lost
        with pytest.raises(NotBegun):
            await link.post(line_to(endpoint.url()), delivery(0), 4, {})
