"""What is handed over to a fallback that knows better already, or would never hear of the end."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest

from bridge.attempt import ended, goes_along
from bridge.message import Answer, DeliveryState
from bridge.store.requests import What
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_delivery_broken import of, recovery, take
from tests.test_requests import request

BROKEN = a_verdict(Answer.BROKEN, said="invalid_auth")
LATER = a_verdict(Answer.RETRY, said="503", after_seconds=600)
CHAT = '{type: slack, token: xoxb-made-up, channel: "#dba"}'
SILENT_AT_THE_END = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops", fallback: dba, on_repeat: [post], on_recovered: []}
  dba: %s
default_channels: [ops]
"""
BOTH = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops", fallback: dba, on_repeat: [thread]}
  dba: {type: slack, token: xoxb-made-up, channel: "#dba", on_repeat: [post]}
routes:
  - {match: {state: escalated}, channels: [ops]}
  - {match: {kind: "!bridge"}, channels: [ops], continue: true}
  - {match: {kind: "!bridge"}, channels: [dba], repeat_interval: 500s}
default_channels: [ops]
"""
MOVED = DeliveryState.MOVED
EITHER_FALLBACK = pytest.mark.parametrize(
    ("fallback", "told"),
    [
        ('{type: webhook, url: "http://127.0.0.1:9/"}', ["triggered 1", "recovered 1"]),
        (CHAT, ["recovered 1"]),  # one message that says both
    ],
)
OF_ALARM = "channel, events.state, step, deliveries.state, note"


def the_two(clock, **options):
    ops, dba = Scripted(clock), Scripted(clock)
    return ops, dba, scripted(clock, {"ops": ops, "dba": dba}, rate=None, **options)


def repeat(minutes):
    return of(1, f"p{minutes}", durationTime=minutes * 60)


@EITHER_FALLBACK
@virtual
async def test_a_trigger_that_waited_at_a_channel_silent_at_ends_is_handed_over_with_its_end(
    fallback, told, tmp_path, clock
):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, SILENT_AT_THE_END % fallback, clock, change=change) as spine:
        ops.answers = lambda _: LATER
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, recovery(1))
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert [text for text in dba.told() if text.endswith(" 1")] == told


@virtual
async def test_a_repeat_that_is_handed_over_after_its_alarms_end_is_followed_by_the_end(tmp_path, clock):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, SILENT_AT_THE_END % CHAT, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        ops.answers = lambda _: LATER
        await take(spine, repeat(5))
        await spine.settle(5)
        await take(spine, recovery(1))
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert dba.told() == ["repeat 1", "recovered 1"]


@virtual
async def test_the_end_that_waits_with_its_trigger_is_handed_over_once(tmp_path, clock):
    ops, dba, change = the_two(clock)
    text = SILENT_AT_THE_END.replace("on_recovered: []", "on_recovered: [post]") % CHAT
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        ops.answers = lambda _: LATER
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, recovery(1))
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert dba.told() == ["recovered 1"]  # one message that says both


WITH_AN_END = """
server: {auth: off}
channels:
  ops: {type: webhook, url: "http://127.0.0.1:9/", fallback: dba}
  dba: {type: webhook, url: "http://127.0.0.1:9/"}
default_channels: [ops]
"""


@pytest.mark.parametrize("known", [True, False])
@virtual
async def test_what_waits_of_an_alarm_goes_to_the_fallback_all_at_once_with_the_first_of_it(known, tmp_path, clock):
    async with a_spine(tmp_path, WITH_AN_END, clock, workers=False) as spine:
        waits = [
            delivery
            for body in (of(1), repeat(5), of(2), recovery(1))
            for delivery in (await spine.take(body)).deliveries
        ]
        first, *others = (one for one in waits if one.event.number == 1)
        moved = replace(ended(first, MOVED, "handed to dba: 401", now=clock.now()), handed_to="dba", because="401")
        outbox = spine.workers["ops"]._caller.outbox
        told: list[Any] = []
        spine.writer.on_work = told.append
        await outbox.finish(goes_along(moved, others if known else ()))
        await spine.settle(1)
        assert spine.deliveries(OF_ALARM) == [
            ("ops", "triggered", "post", "moved", "handed to dba: 401"),
            ("ops", "repeat", "post", "moved", "handed to dba: 401"),
            ("ops", "triggered", "post", "waiting", ""),
            ("ops", "recovered", "post", "moved", "handed to dba: 401"),
            *(
                ("dba", state, "post", "waiting", "instead of ops, which is broken: 401")
                for state in ("triggered", "repeat", "recovered")
            ),
        ]
        assert [(one.moved, one.returned) for one in told] == [({"dba"}, set() if known else {"ops"})]
        (given,) = spine.rows("SELECT given FROM episodes WHERE number = 1")
        assert json.loads(given[0]) == [["dba", "", ANY, "ops"]]


@virtual
async def test_what_was_taken_over_is_not_taken_over_again_though_the_channel_did_not_know_of_it(tmp_path, clock):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, WITH_AN_END, clock, change=change) as spine:
        ops.answers = lambda _: BROKEN
        worker = spine.workers["ops"]
        lanes: Any = worker._lanes
        lanes.behind = lambda _: []
        await asyncio.gather(*(spine.take(body) for body in (of(1), repeat(5), recovery(1))))
        await spine.settle(60)
        assert dba.told() == ["triggered 1", "repeat 1", "recovered 1"]
        await spine.settle(1200)
        assert len(dba.calls) == 3


@virtual
async def test_an_alarm_that_came_again_is_handed_over_with_all_that_waits_of_both_its_lives(tmp_path, clock):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, WITH_AN_END, clock, change=change) as spine:
        ops.answers = lambda _: LATER
        for body in (of(1), recovery(1), repeat(30)):
            await take(spine, body)
            await spine.settle(5)
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert dba.told() == ["triggered 1", "recovered 1", "triggered 1"]


@virtual
async def test_what_a_person_put_back_behind_its_alarms_later_news_does_not_stay_behind(tmp_path, clock):
    ops, _, change = the_two(clock)
    async with a_spine(tmp_path, WITH_AN_END, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        ops.answers = lambda _: LATER
        await take(spine, repeat(5))
        await spine.settle(5)
        await break_and_tell_again(spine, ops)
        assert spine.rows("SELECT count(*) FROM deliveries WHERE channel = 'ops' AND state = 'waiting'") == [(0,)]


async def break_and_tell_again(spine, ops):
    """Break `ops`, and have it told the first trigger again: its fallback takes it over."""
    ((first, *_),) = [row for row in spine.deliveries("deliveries.id, events.state, channel") if row[1] == "triggered"]
    ops.answers = lambda _: BROKEN
    await request(spine, What.REPLAY, first)
    await spine.settle(600)


@EITHER_FALLBACK
@virtual
async def test_a_trigger_that_a_person_has_told_again_is_handed_over_with_its_end_that_was_told_long_ago(
    fallback, told, tmp_path, clock
):
    ops, dba, change = the_two(clock)
    text = SILENT_AT_THE_END.replace("on_recovered: []", "on_recovered: [post]") % fallback
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, recovery(1))
        await spine.settle(5)
        await break_and_tell_again(spine, ops)
        assert [text for text in dba.told() if text.endswith(" 1")] == told


@virtual
async def test_a_channel_that_had_the_trigger_hears_the_end_though_it_handed_over_the_trigger_told_again(
    tmp_path, clock
):
    ops, dba, change = the_two(clock)
    text = SILENT_AT_THE_END.replace("on_recovered: []", "on_recovered: [post]") % CHAT
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await break_and_tell_again(spine, ops)
        ops.answers = lambda _: SENT
        await spine.settle(1200)
        await take(spine, recovery(1))
        await spine.settle(5)
        assert (ops.told()[-1], dba.told()[-1]) == ("recovered 1", "recovered 1")


@pytest.mark.parametrize("again", [["recovered", "repeat"], ["repeat", "triggered"]])
@virtual
async def test_none_of_what_a_person_has_told_again_stays_behind_whatever_its_order(again, tmp_path, clock):
    ops, _, change = the_two(clock)
    async with a_spine(tmp_path, WITH_AN_END, clock, change=change) as spine:
        await take(spine, of(1), repeat(5))
        await spine.settle(5)
        await take(spine, recovery(1))
        await spine.settle(5)
        sent = {state: one for one, state in spine.deliveries("deliveries.id, events.state")}
        ops.answers = lambda _: BROKEN
        await take(spine, of(2))
        await spine.settle(5)
        await request(spine, What.REPLAY, *(sent[state] for state in again))
        await spine.settle(60)
        assert spine.rows("SELECT channel, step FROM deliveries WHERE state = 'waiting'") == []


@virtual
async def test_an_older_repeat_is_not_handed_over_to_a_channel_that_has_newer_news_of_its_alarm(tmp_path, clock):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, BOTH, clock, change=change) as spine:
        await take(spine, of(1), repeat(5))
        await spine.settle(300)
        ops.answers = lambda _: LATER
        await take(spine, repeat(10))  # too soon for the other one
        await spine.settle(300)
        await take(spine, repeat(15))
        await spine.settle(5)
        assert dba.told() == ["triggered 1", "repeat 1", "repeat 1"]
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert dba.told() == ["triggered 1", "repeat 1", "repeat 1"]
        newer = spine.deliveries("deliveries.id, channel")[-1]
        assert [row for row in spine.deliveries(OF_ALARM) if row[3] != "sent"] == [
            ("ops", "repeat", "thread", "superseded", f"dba has newer news of it already: delivery {newer[0]}"),
            ("ops", "repeat", "thread", "moved", "handed to dba: ops is broken: invalid_auth"),
        ]


@virtual
async def test_an_escalation_is_handed_over_though_a_newer_repeat_was_told_there(tmp_path, clock):
    ops, dba, change = the_two(clock)
    async with a_spine(tmp_path, BOTH, clock, change=change) as spine:
        await take(spine, of(1, alarmLevel="Warn"))
        await spine.settle(5)
        ops.answers = lambda _: LATER
        await take(spine, of(1, "e", alarmLevel="Serious", durationTime=300))
        await spine.settle(5)
        await take(spine, of(1, "f", alarmLevel="Serious", durationTime=600))
        await spine.settle(5)
        ops.answers = lambda _: BROKEN
        await spine.settle(1200)
        assert dba.told() == ["triggered 1", "repeat 1", "escalated 1"]
