"""What waits for a chat is told in fewer messages, and none of it too late without a word; machines get every event."""

import pytest

from bridge.message import Answer
from tests.fakes.scripted import Scripted, a_verdict, counted, in_turn, scripted
from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels:
  ops: {type: slack, token: %s, channel: "#ops", api_url: "%s"}
  tickets: {type: webhook, url: "http://127.0.0.1:9/"}
default_channels: [%s]
"""
CHAT = CONFIG % (TOKEN, "http://127.0.0.1:9/api/", "ops")
MACHINE = CONFIG % (TOKEN, "http://127.0.0.1:9/api/", "tickets")
RETRY = a_verdict(Answer.RETRY, after_seconds=120)


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def of(number=1, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def repeat(number=1, minutes=5):
    return of(number, f"p{minutes}", durationTime=minutes * 60)


def recovery(number=1, session="r"):
    return of(number, session, alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


async def take(spine, *bodies):
    for body in bodies:
        await spine.take(body)


def states(spine):
    return spine.deliveries("events.state, step, deliveries.state")


@virtual
async def test_of_two_waiting_updates_only_the_newest_is_made(tmp_path, clock):
    channel = Scripted(clock)
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        channel.answers = in_turn(RETRY)
        await take(spine, of(2))
        await spine.settle(5)  # refused: the channel pauses
        await take(spine, repeat(1, 5), repeat(1, 10), repeat(1, 15))
        await spine.settle(200)
        assert channel.told() == ["triggered 1", "triggered 2", "triggered 2", "repeat 1"]
        *_, last = [one for (one,) in spine.rows("SELECT id FROM deliveries ORDER BY id")]
        assert spine.deliveries("events.state, step, deliveries.state, note")[2:] == [
            ("repeat", "update", "superseded", f"a newer update waits: delivery {last}"),
            ("repeat", "update", "superseded", f"a newer update waits: delivery {last}"),
            ("repeat", "update", "sent", ""),
        ]
        assert counted(spine.metrics, "ops") == {"sent": 3, "retried": 1, "superseded": 2}


@virtual
async def test_what_is_not_sent_takes_no_time_of_what_is(tmp_path, clock):
    channel = Scripted(clock, in_turn(RETRY))
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(5)  # refused: the channel pauses
        await take(spine, *(repeat(1, minutes) for minutes in range(5, 50, 5)), of(2))
        await spine.settle(200)
        assert channel.told() == ["triggered 1", "triggered 1", "repeat 1", "triggered 2"]
        assert channel.times[1:] == pytest.approx([120, 120, 120], abs=0.1)


@virtual
async def test_a_trigger_whose_alarm_recovered_while_it_waited_is_one_message(tmp_path, clock):
    channel = Scripted(clock, in_turn(RETRY))
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, repeat(1), recovery(1), of(2))
        await spine.settle(200)
        assert channel.told() == ["triggered 1", "recovered 1", "triggered 2"]
        (first, *_) = [one for (one,) in spine.rows("SELECT id FROM deliveries ORDER BY id")]
        with_it = f"told together with its trigger: delivery {first}"
        assert spine.deliveries("events.state, step, deliveries.state, note")[:4] == [
            ("triggered", "post", "sent", "it had recovered while this waited: one message told both"),
            ("repeat", "update", "superseded", with_it),
            ("recovered", "update", "superseded", with_it),
            ("recovered", "thread", "superseded", with_it),
        ]


@virtual
async def test_the_recovery_waits_with_its_trigger_until_the_message_is_taken(tmp_path, clock):
    channel = Scripted(clock, in_turn(RETRY, RETRY, RETRY))
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, recovery(1))
        await spine.settle(195)
        assert {state for *_, state in states(spine)} == {"waiting"}
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await spine.settle(200)
        assert channel.told() == ["triggered 1", "recovered 1", "recovered 1", "recovered 1"]
        assert [state for *_, state in states(spine)] == ["sent", "superseded", "superseded"]


@virtual
async def test_a_machine_gets_every_event(tmp_path, clock):
    channel = Scripted(clock, in_turn(RETRY))
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1), repeat(1), recovery(1))
        await spine.settle(300)
        assert channel.told() == ["triggered 1", "triggered 1", "repeat 1", "recovered 1"]


@virtual
async def test_the_message_of_both_says_so_and_when_it_happened(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG % (TOKEN, slack.api_url, "ops")
        slack.next.append(Trouble(status=429, headers={"Retry-After": "1500"}))
        async with a_spine(tmp_path, text, clock) as spine:
            await take(spine, of(1))
            await spine.settle(60)
            await take(spine, recovery(1))
            await spine.settle(1600)
            (posted,) = slack.top_level
            said = str(posted.content["attachments"])
            assert "It triggered and recovered while this message waited." in said
            happened = "<!date^1620736320^{date_short_pretty} {time}|2021-05-11 20:32:00 +08:00>"
            assert f"Late: happened at {happened}, waited 24 min" in said
            assert slack.replies(posted.ts) == []
            assert posted.channel == OPS
