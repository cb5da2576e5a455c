"""Fallbacks of fallbacks, and what a channel hears when it is mended."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from bridge.message import Answer
from bridge.trouble import Trouble
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_delivery_broken import of, recovery, take

BROKEN = a_verdict(Answer.BROKEN, said="invalid_auth")
CHAIN = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops", fallback: dba}
  dba: {type: slack, token: xoxb-made-up, channel: "#dba", fallback: here}
  here: {type: webhook, url: "http://127.0.0.1:9/"}
default_channels: [ops]
"""
LOOP = CHAIN.replace('"#dba", fallback: here', '"#dba", fallback: ops').replace('"#ops", fallback: dba', '"#ops"')
ALONE = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops"}
  here: {type: terminal}
routes: [{match: {kind: "!bridge"}, channels: [ops]}]
default_channels: [here]
"""


def three(clock):
    return Scripted(clock, lambda _: BROKEN), Scripted(clock, lambda _: BROKEN), Scripted(clock)


def change_to(clock, ops, dba, here):
    return scripted(clock, {"ops": ops, "dba": dba, "here": here}, rate=None)


@virtual
async def test_a_fallback_of_a_fallback_takes_over_and_gets_all_that_follows_once(tmp_path, clock):
    ops, dba, here = three(clock)
    async with a_spine(tmp_path, CHAIN, clock, change=change_to(clock, ops, dba, here)) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, of(1, "b", durationTime=600))
        await spine.settle(5)
        await take(spine, recovery(1))
        await spine.settle(5)
        assert here.told() == ["triggered 1", "repeat 1", "recovered 1"]
        moved = spine.rows("SELECT DISTINCT channel, instead_of FROM deliveries WHERE instead_of != ''")
        assert moved == [("dba", "ops: invalid_auth"), ("here", "ops: invalid_auth")]
        ops.answers = dba.answers = lambda _: SENT
        await spine.settle(2000)
        assert not [text for text in (*ops.told(), *dba.told()) if text.startswith("recovered")]


@virtual
async def test_two_channels_that_fell_back_on_each_other_over_a_change_of_config_lose_nothing(tmp_path, clock):
    ops, dba, here = three(clock)
    async with a_spine(tmp_path, CHAIN, clock, change=change_to(clock, ops, dba, here)) as spine:
        dba.answers = lambda _: a_verdict(Answer.RETRY, after_seconds=3000)
        await take(spine, of(1))
        await spine.settle(5)
        assert spine.deliveries("channel, deliveries.state") == [("ops", "moved"), ("dba", "waiting")]
    ops.answers, dba.answers = lambda _: SENT, lambda _: BROKEN
    async with a_spine(tmp_path, LOOP, clock, change=change_to(clock, ops, dba, here)) as spine:
        await spine.settle(5000)
        assert spine.deliveries("channel, deliveries.state") == [("ops", "moved"), ("dba", "moved"), ("ops", "sent")]


@virtual
async def test_two_channels_that_fell_back_on_each_other_and_are_both_broken_keep_what_nobody_took(tmp_path, clock):
    ops, dba, here = three(clock)
    async with a_spine(tmp_path, CHAIN, clock, change=change_to(clock, ops, dba, here)) as spine:
        dba.answers = lambda _: a_verdict(Answer.RETRY, after_seconds=3000)
        await take(spine, of(1))
        await spine.settle(5)
    dba.answers = lambda _: BROKEN
    async with a_spine(tmp_path, LOOP, clock, change=change_to(clock, ops, dba, here)) as spine:
        await spine.settle(4000)
        assert spine.deliveries("channel, deliveries.state") == [("ops", "moved"), ("dba", "moved"), ("ops", "waiting")]
    async with a_spine(tmp_path, CHAIN, clock, change=change_to(clock, ops, dba, here)) as spine:
        await spine.settle(4000)
        assert spine.deliveries("channel, deliveries.state, note")[2:] == [
            ("ops", "waiting", "dba handed it on, and nobody took it: ops is broken: invalid_auth")
        ]
        ops.answers = lambda _: SENT
        await spine.settle(4000)
        assert spine.deliveries("channel, deliveries.state")[2:] == [("ops", "sent")]


@virtual
async def test_a_message_in_a_fallback_keeps_its_word_why_though_it_is_tried_again(tmp_path, clock):
    ops, dba, here = three(clock)
    dba.answers = lambda _: SENT
    here.answers = lambda _: a_verdict(Answer.RETRY, said="503")
    async with a_spine(tmp_path, CHAIN, clock, change=change_to(clock, ops, dba, here)) as spine:
        dba.answers = lambda _: a_verdict(Answer.RETRY, said="503")
        await take(spine, of(1))
        await spine.settle(60)
        assert spine.deliveries("channel, note, instead_of")[1] == ("dba", "503", "ops: invalid_auth")
        (delivery,) = await asyncio.to_thread(spine.store.waiting, "dba", 0)
        assert delivery.instead_of == "ops: invalid_auth"


@virtual
async def test_an_alarm_of_the_bridges_own_is_not_handed_to_the_channel_that_it_is_about(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock, lambda _: BROKEN)
    text = ALONE.replace("here: {type: terminal}", "here: {type: terminal, fallback: ops}")
    change = scripted(clock, {"ops": ops, "here": here}, rate=None)
    async with a_spine(tmp_path, text, clock, change=change, own_alarms=True) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        found = spine.rows(
            "SELECT channel, subject, object_id, deliveries.state FROM deliveries JOIN events ON events.id = event_id "
            "JOIN episodes ON episodes.id = events.episode_id WHERE kind = 'bridge' ORDER BY deliveries.id"
        )
        assert found == [("here", "channel_broken", "ops", "waiting"), ("ops", "channel_broken", "here", "waiting")]
        assert [(one["trouble"], one["about"]) for one in spine.troubles.lasting] == [
            ("channel_broken", "ops"), ("channel_broken", "here")
        ]  # fmt: skip
        await spine.settle(3600)
        assert len(here.calls) <= 6
        here.answers = lambda _: SENT
        await spine.settle(3600)
        assert [one["about"] for one in spine.troubles.lasting if one["trouble"] == Trouble.CHANNEL_BROKEN] == ["ops"]


@pytest.mark.parametrize("restarts", [False, True])
@virtual
async def test_a_mended_channel_hears_only_of_alarms_that_are_still_open(restarts, tmp_path, clock):
    ops = Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": Scripted(clock)}, rate=None)
    async with a_spine(tmp_path, ALONE, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        ops.answers = lambda _: BROKEN
        await take(spine, of(0), of(2), of(3), of(4))
        await spine.settle(5)
        await take(spine, recovery(1), recovery(2), of(3, "b", durationTime=600), recovery(4))
        await take(spine, of(4, "c", firstOccurTime="2021-05-11 20:33:00"))
        await spine.settle(5)
        assert ops.told()[1:] == ["triggered 2"]
        if not restarts:
            ops.answers = lambda _: SENT
            await spine.settle(400)
    if restarts:
        ops.answers = lambda call: SENT if len(ops.calls) == 3 else a_verdict(Answer.RETRY, after_seconds=30)
        async with a_spine(tmp_path, ALONE, clock, change=change) as spine:
            await spine.settle(310)
        ops.answers = lambda _: SENT
        ops.calls[:] = ops.calls[:3]
        async with a_spine(tmp_path, ALONE, clock, change=change) as spine:
            await spine.settle(100)
    told = list(dict.fromkeys(ops.told()[2:]))  # an ending is two calls
    assert sorted(told) == ["recovered 1", "repeat 4", "triggered 2", "triggered 4", "triggered 6"]
    assert told.index("triggered 4") < told.index("repeat 4")
    dropped = spine.deliveries("events.state, deliveries.state, note")
    assert [row[0] for row in dropped if row[1] == "superseded"] == ["triggered"] * 2 + ["recovered"] * 4
    assert {row[2] for row in dropped if row[1] == "superseded"} == {
        "it was over before the channel was mended, which never had its trigger"
    }


@virtual
async def test_an_alarm_that_may_have_been_told_gets_its_ending(tmp_path, clock):
    ops = Scripted(clock, lambda _: a_verdict(Answer.AMBIGUOUS))
    change = scripted(clock, {"ops": ops, "here": Scripted(clock)}, rate=None)
    async with a_spine(tmp_path, ALONE, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(0.5)
        ops.answers = lambda _: BROKEN
        await spine.settle(60)
        await take(spine, recovery(1))
        ops.answers = lambda _: SENT
        await spine.settle(600)
        assert ops.told()[-1] == "recovered 1"


BOTH = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops", fallback: here}
  here: {type: webhook, url: "http://127.0.0.1:9/"}
routes: %s
default_channels: [ops]
"""


@pytest.mark.parametrize(
    "routes", ["[{match: {severity: serious}, channels: [ops, here]}]", "[{match: {}, channels: [ops, here]}]"]
)
@virtual
async def test_a_fallback_that_the_routes_name_too_takes_over_what_the_broken_channel_never_had(
    routes, tmp_path, clock
):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here}, rate=None)
    async with a_spine(tmp_path, BOTH % routes, clock, change=change) as spine:
        await take(spine, of(1, alarmLevel="Warn"))
        await spine.settle(5)
        await take(spine, of(1, "b", alarmLevel="Serious", durationTime=60))
        await spine.settle(5)
        ops.answers = lambda _: SENT
        await spine.settle(400)
        await take(spine, of(2))
        await spine.settle(5)
        await take(spine, recovery(1))
        await spine.settle(5)
        assert [text for text in here.told() if text.endswith(" 1")] == ["triggered 1", "escalated 1", "recovered 1"]
        assert "recovered 1" not in ops.told()


@pytest.mark.parametrize("restarts", [False, True])
@virtual
async def test_what_waits_as_long_as_its_platform_asked_is_handed_over_as_soon_as_the_channel_breaks(
    restarts, tmp_path, clock
):
    text = ALONE.replace(
        'type: slack, token: xoxb-made-up, channel: "#ops"', 'type: webhook, url: "http://127.0.0.1:9/"'
    )
    text = text.replace('9/"', '9/", fallback: here')
    ops, here = Scripted(clock, lambda _: a_verdict(Answer.RETRY, after_seconds=3600)), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here})
    async with AsyncExitStack() as stack:
        spine = await stack.enter_async_context(a_spine(tmp_path, text, clock, change=change))
        await take(spine, of(1))
        await spine.settle(5)
        if restarts:
            await stack.aclose()
            spine = await stack.enter_async_context(a_spine(tmp_path, text, clock, change=change))
        ops.answers = lambda _: BROKEN
        await take(spine, of(2))
        await spine.settle(1)
        assert sorted(here.told()) == ["triggered 1", "triggered 2"]


MANY = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops"%s}
  here: {type: webhook, url: "http://127.0.0.1:9/"}
routes: [{match: {kind: "!bridge"}, channels: [ops]}]
default_channels: [here]
"""


@virtual
async def test_a_fallback_that_is_given_to_a_broken_chat_is_told_of_all_that_came_and_went_before(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here}, rate=None)
    async with a_spine(tmp_path, MANY % "", clock, change=change) as spine:
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(5)
        await take(spine, *(recovery(number) for number in range(30)))
        await spine.settle(5)
    async with a_spine(tmp_path, MANY % ", fallback: here", clock, change=change) as spine:
        await spine.settle(600)
        told = [text for text in here.told() if text.startswith("recovered")]
        assert len(told) == 30
