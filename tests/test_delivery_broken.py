"""Channels that take nothing until somebody mends them: trials, restarts, and the channel that takes over."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from bridge.message import Answer
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.scripted import SENT, Scripted, a_verdict, in_turn, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

BROKEN = a_verdict(Answer.BROKEN)
ONE = """
server: {auth: off}
channels: {tickets: {type: webhook, url: "http://127.0.0.1:9/", timeout: %s}}
default_channels: [tickets]
"""
TWO = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops", fallback: here}
  here: {type: webhook, url: "http://127.0.0.1:9/"}
  other: {type: terminal}
routes: [{match: {}, channels: [%s], repeat_interval: %s}]
default_channels: [ops, here]
"""


def of(number, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def recovery(number, session="r"):
    return of(number, session, alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


async def take(spine, *bodies):
    return await asyncio.gather(*(spine.take(body) for body in bodies))


def states(spine):
    return [state for (state,) in spine.rows("SELECT state FROM deliveries ORDER BY id")]


def broken(spine, name="tickets"):
    return f'alarm_bridge_channel_broken{{channel="{name}"}} 1.0' in spine.metrics.text().decode()


@virtual
async def test_a_broken_channel_is_tried_with_one_message_after_5_minutes_then_10_up_to_an_hour(tmp_path, clock):
    channel = Scripted(clock, lambda _: BROKEN)
    async with a_spine(tmp_path, ONE % "10s", clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, *(of(number) for number in range(20)))
        await spine.settle(5 * 3600)
        first, *trials = [list(group) for _, group in itertools.groupby(channel.times, lambda at: int(at // 60))]
        assert len(first) <= 4
        assert [len(trial) for trial in trials] == [1] * len(trials)
        times = [first[0], *(at for (at,) in trials)]
        waits = [round(later - earlier) for earlier, later in itertools.pairwise(times)]
        assert waits == [300, 600, 1200, 2400, 3600, 3600, 3600]
        assert len({call.delivery_id for call in channel.calls[len(first) :]}) == 1
        assert broken(spine)
        channel.answers = lambda _: SENT
        await spine.settle(3600)
        assert not broken(spine)
        assert spine.rows("SELECT state, count(*) FROM deliveries GROUP BY 1") == [("sent", 20)]
        assert [line["event"] for line in spine.logs if line["event"].startswith("the channel")][
            -1
        ] == "the channel is mended"


@virtual
async def test_a_restart_neither_hammers_a_broken_channel_nor_forgets_that_it_is_broken(tmp_path, clock):
    channel = Scripted(clock, lambda _: BROKEN)
    for count in (1, 1, 2, 2):
        async with a_spine(tmp_path, ONE % "10s", clock, change=scripted(clock, {"tickets": channel})) as spine:
            if not channel.calls:
                await take(spine, of(1))
            await spine.settle(140)
            assert (len(channel.calls), broken(spine)) == (count, True)
    assert channel.times == pytest.approx([0, 300], abs=1)


@virtual
async def test_a_pause_of_a_chat_survives_a_restart(tmp_path, clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=100)))
    text = TWO % ("ops", "0s")
    for count in (1, 2):
        async with a_spine(tmp_path, text, clock, change=scripted(clock, {"ops": channel})) as spine:
            if not channel.calls:
                await take(spine, of(1))
            await spine.settle(60)
            assert len(channel.calls) == count
    assert channel.times == pytest.approx([0, 100], abs=1)


@virtual
async def test_a_pause_that_began_under_a_clock_far_ahead_holds_once_over_all_restarts(tmp_path, clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=100)))
    clock.shift = timedelta(days=1)
    for count in (1, 1, 2):
        async with a_spine(tmp_path, TWO % ("ops", "0s"), clock, change=scripted(clock, {"ops": channel})) as spine:
            if not channel.calls:
                await take(spine, of(1))
            await spine.settle(60)
            assert len(channel.calls) == count
        clock.shift = timedelta()
    assert channel.times == pytest.approx([0, 160], abs=1)


@virtual
async def test_what_failed_under_a_clock_far_ahead_is_tried_again_after_a_restart_as_soon_as_it_was_to_be(
    tmp_path, clock
):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=100)), seconds=5)
    async with a_spine(tmp_path, ONE % "10s", clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(1)
        clock.shift = timedelta(days=1)
        await spine.settle(10)
    clock.shift = timedelta()
    async with a_spine(tmp_path, ONE % "10s", clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.settle(120)
        assert states(spine) == ["sent"]


@virtual
async def test_a_broken_channel_whose_settings_changed_is_tried_at_once(tmp_path, clock):
    channel = Scripted(clock, lambda _: BROKEN)
    async with a_spine(tmp_path, ONE % "10s", clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(10)
        assert broken(spine)
    channel.answers = lambda _: SENT
    async with a_spine(tmp_path, ONE % "11s", clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.settle(1)
        assert spine.rows("SELECT state FROM deliveries") == [("sent",)]
        assert not broken(spine)


@virtual
async def test_403_for_three_alarms_in_a_row_breaks_the_channel_and_the_third_is_not_lost(tmp_path, clock):
    async with serve_endpoint() as endpoint:
        text = (ONE % "10s").replace("http://127.0.0.1:9/", endpoint.url())
        async with a_spine(tmp_path, text, clock) as spine:
            endpoint.next.extend(Behaviour(status=status) for status in (403, 200, 403, 403, 403))
            for number in range(1, 6):
                await take(spine, of(number))
                await spine.settle(1)
                if number == 4:
                    assert states(spine) == ["dead", "sent", "dead", "dead"]
            assert states(spine) == ["dead", "sent", "waiting", "waiting", "waiting"]
            assert broken(spine)
            (note,) = spine.rows("SELECT note FROM deliveries ORDER BY id")[2]
            assert note == "waits again, since tickets is broken: 403 Forbidden: ok"
            await spine.settle(300)
            assert states(spine) == ["dead", "sent", "sent", "sent", "sent"]
            assert [received.json()["alarm"]["object_id"] for received in endpoint.received[5:]] == [
                "ins-3", "ins-4", "ins-5"
            ]  # fmt: skip
            assert not broken(spine)


@virtual
async def test_the_dead_letters_before_a_channel_broke_go_to_its_fallback_in_their_order(tmp_path, clock):
    refused = a_verdict(Answer.REJECTED, breaks_after=3)
    ops, here = Scripted(clock, lambda _: refused), Scripted(clock)
    async with a_spine(
        tmp_path, TWO % ("ops", "0s"), clock, change=scripted(clock, {"ops": ops, "here": here}, rate=None)
    ) as spine:
        for body in (of(1), of(1, "b", durationTime=600), of(2)):
            await take(spine, body)
            await spine.settle(5)
        assert [row for row in spine.deliveries() if row[0] == "ops"] == [
            ("ops", "triggered", "post", "dead"),
            ("ops", "repeat", "update", "dead"),
            ("ops", "triggered", "post", "dead"),
        ]
        await take(spine, of(3))
        await spine.settle(60)
        told = [text for text in here.told() if text[-1] in "123"]
        assert [text for text in told if text[-1] == "1"] == ["triggered 1", "repeat 1"]
        assert sorted(told) == ["repeat 1", "triggered 1", "triggered 2", "triggered 3"]


@virtual
async def test_a_dead_letter_goes_to_the_fallback_before_a_younger_one_that_was_under_way_as_the_channel_broke(
    tmp_path, clock
):
    late = a_verdict(Answer.RETRY, said="503")
    ops = Scripted(
        clock, lambda call: late if call.message.text == "repeat 1" else a_verdict(Answer.REJECTED, breaks_after=3)
    )
    ops.seconds = lambda call: 30.0 if call.message.text == "repeat 1" else 0.0
    here = Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here}, chat=False, one_by_one=False)
    async with a_spine(tmp_path, TWO % ("ops", "0s"), clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, of(1, "b", durationTime=600))
        await spine.settle(1)
        await take(spine, of(2), of(3))
        await spine.settle(60)
        assert [text for text in here.told() if text[-1] == "1"] == ["triggered 1", "repeat 1"]


@virtual
async def test_of_alarms_that_are_refused_in_one_moment_none_is_lost_and_each_keeps_its_order(tmp_path, clock):
    refused = a_verdict(Answer.REJECTED, breaks_after=3)
    ops, here = Scripted(clock, lambda _: refused), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here}, chat=False, one_by_one=False)
    async with a_spine(tmp_path, TWO % ("ops", "0"), clock, change=change) as spine:
        await take(
            spine, *(of(number) for number in range(3)), *(of(number, "b", durationTime=600) for number in range(3))
        )
        await spine.settle(5)
        assert sorted(states(spine)) == ["moved"] * 6 + ["sent"] * 6
        told = sorted(here.told(), key=lambda text: text[-1])
        assert told == [f"{state} {number}" for number in (1, 2, 3) for state in ("triggered", "repeat")]


@virtual
async def test_what_nobody_knows_about_one_message_is_a_dead_letter_and_does_not_hold_up_the_others(tmp_path, clock):
    unknown = a_verdict(Answer.RETRY, tries=5, breaks_after=3)
    ops = Scripted(
        clock,
        lambda call: unknown if call.message.text == "triggered 1" else SENT,
    )
    async with a_spine(tmp_path, TWO % ("ops", "0s"), clock, change=scripted(clock, {"ops": ops}, rate=None)) as spine:
        await take(spine, of(1), of(2))
        await spine.settle(40)
        rows = spine.rows("SELECT state, attempts FROM deliveries WHERE channel = 'ops' ORDER BY id")
        assert rows[:2] == [("dead", 5), ("sent", 1)]
        assert not broken(spine, "ops")
        assert ops.times[-1] < 20


@virtual
async def test_what_nobody_knows_about_three_alarms_in_a_row_breaks_the_channel(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: a_verdict(Answer.RETRY, tries=5, breaks_after=3)), Scripted(clock)
    async with a_spine(
        tmp_path, TWO % ("ops", "0s"), clock, change=scripted(clock, {"ops": ops, "here": here}, rate=None)
    ) as spine:
        await take(spine, of(1), of(2), of(3))
        await spine.settle(100)
        assert broken(spine, "ops")
        assert {"triggered 1", "triggered 2", "triggered 3"} <= set(here.told())


@pytest.mark.parametrize("status", [301, 302, 401, 404, 405, 407, 410])
@virtual
async def test_these_answers_break_the_channel_at_once(status, tmp_path, clock):
    async with serve_endpoint() as endpoint:
        text = (ONE % "10s").replace("http://127.0.0.1:9/", endpoint.url())
        endpoint.always = Behaviour(status=status, headers={"Location": "http://127.0.0.1:9/"})
        async with a_spine(tmp_path, text, clock) as spine:
            await take(spine, of(1))
            await spine.settle(250)
            assert len(endpoint.received) == 1
            assert broken(spine)
            assert spine.rows("SELECT state FROM deliveries") == [("waiting",)]


# the channel that takes over


@virtual
async def test_a_fallback_takes_the_trigger_and_gets_the_ending(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    async with a_spine(
        tmp_path, TWO % ("ops", "0s"), clock, change=scripted(clock, {"ops": ops, "here": here}, rate=None)
    ) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, of(1, "b", durationTime=600))
        await take(spine, of(2))
        await spine.settle(5)
        assert here.told() == ["triggered 1", "repeat 1", "triggered 2"]
        ops.answers = lambda _: SENT
        await spine.settle(400)
        await take(spine, recovery(1), recovery(2))
        await spine.settle(5)
        assert here.told() == ["triggered 1", "repeat 1", "triggered 2", "recovered 1", "recovered 2"]
        assert ops.told() == ["triggered 1"]
        assert spine.rows("SELECT DISTINCT note FROM deliveries WHERE state = 'moved'") == [
            ("handed to here: ops is broken: it said broken",)
        ]


def a_network(routes):
    """Two Slack channels that fall back on one webhook."""
    return f"""
server: {{auth: off}}
channels:
  ops: {{type: slack, token: xoxb-made-up, channel: "#ops", fallback: here}}
  dba: {{type: slack, token: xoxb-made-up, channel: "#dba", fallback: here}}
  here: {{type: webhook, url: "http://127.0.0.1:9/"}}
routes: {routes}
default_channels: [here]
"""


@virtual
async def test_an_escalation_that_only_the_broken_channel_gets_reaches_its_fallback(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    text = a_network("[{match: {severity: serious}, channels: [ops]}]")
    change = scripted(clock, {"ops": ops, "here": here, "dba": Scripted(clock)}, rate=None)
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        await take(spine, of(1, alarmLevel="Warn"))
        await take(spine, of(1, "b", alarmLevel="Serious", durationTime=60))
        await spine.settle(5)
        assert here.told() == ["triggered 1", "escalated 1"]


@virtual
async def test_a_channel_that_took_the_trigger_hears_of_the_end_though_another_took_a_repeat(tmp_path, clock):
    ops, here = Scripted(clock), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here, "dba": Scripted(clock)}, rate=None)
    async with a_spine(tmp_path, a_network("[{match: {}, channels: [ops]}]"), clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        ops.answers = lambda _: BROKEN
        await take(spine, of(1, "b", durationTime=600))
        await spine.settle(5)
        ops.answers = lambda _: SENT
        await spine.settle(400)
        await take(spine, recovery(1))
        await spine.settle(5)
        assert [state for state in ops.told() if state.startswith("recovered")]
        assert here.told() == ["repeat 1", "recovered 1"]


@virtual
async def test_a_fallback_of_two_broken_channels_is_told_of_an_event_once(tmp_path, clock):
    ops, dba, here = Scripted(clock, lambda _: BROKEN), Scripted(clock, lambda _: BROKEN), Scripted(clock)
    change = scripted(clock, {"ops": ops, "dba": dba, "here": here}, rate=None)
    async with a_spine(tmp_path, a_network("[{match: {}, channels: [ops, dba]}]"), clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, of(2))
        await spine.settle(5)
        assert here.told() == ["triggered 1", "triggered 2"]
