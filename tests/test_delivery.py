"""One channel's worker over a real store: verdicts, waits, windows, and what they do to an alarm and its neighbours."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest

from bridge.message import Answer
from bridge.store import StoreUnavailable
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.scripted import SENT, Scripted, a_verdict, counted, in_turn, scripted, words
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels:
  tickets: {type: webhook, url: "http://127.0.0.1:9/"}
  ops: {type: slack, token: xoxb-made-up, channel: "#ops"}
default_channels: [%s]
"""
MACHINE, CHAT = CONFIG % "tickets", CONFIG % "ops"
RETRY = a_verdict(Answer.RETRY)


def of(number, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def recovery(number):
    return of(number, "r", alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


async def take(spine, *bodies):
    return await asyncio.gather(*(spine.take(body) for body in bodies))


def states(spine):
    return spine.rows("SELECT state, note FROM deliveries ORDER BY id")


def attempts(spine):
    return spine.rows("SELECT answer, said FROM attempts ORDER BY id")


# verdicts


@virtual
async def test_a_message_that_is_taken_is_done_with_its_attempt_kept(tmp_path, clock):
    channel = Scripted(clock)
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        (judgement,) = await take(spine, of(1))
        await spine.settle(1)
        assert states(spine) == [("sent", "")]
        query = "SELECT delivery_id, answer, status, said, sent FROM attempts"
        assert spine.rows(query) == [(judgement.deliveries[0].id, "sent", None, "ok", "triggered 1")]
        assert counted(spine.metrics, "tickets") == {"sent": 1}
        assert [call.delivery_id for call in channel.calls] == [str(judgement.deliveries[0].id)]


@virtual
async def test_every_attempt_of_a_delivery_has_the_same_id_and_counts(tmp_path, clock):
    channel = Scripted(clock, in_turn(RETRY, a_verdict(Answer.AMBIGUOUS)))
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(10)
        assert len({call.delivery_id for call in channel.calls}) == 1
        assert attempts(spine) == [("retry", "it said retry"), ("ambiguous", "it said ambiguous"), ("sent", "ok")]
        assert spine.rows("SELECT state, attempts FROM deliveries") == [("sent", 3)]
        assert counted(spine.metrics, "tickets") == {"retried": 2, "sent": 1}


@virtual
async def test_a_rejected_message_is_sent_once_more_as_plain_text_and_then_is_a_dead_letter(tmp_path, clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.REJECTED, plain_helps=True))
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(10)
        assert [(call.message.text, call.message.payload is None) for call in channel.calls] == [
            ("triggered 1", False),
            ("plain triggered 1", True),
        ]
        assert states(spine) == [("dead", "it said rejected")]
        assert counted(spine.metrics, "ops") == {"retried": 1, "rejected": 2, "dead": 1}


@virtual
async def test_a_dead_letter_lets_the_next_of_its_alarm_go(tmp_path, clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.REJECTED)))
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.take(of(1))
        await spine.take(recovery(1))
        await spine.settle(10)
        assert channel.told() == ["triggered 1", "recovered 1"]
        assert [state for state, _ in states(spine)] == ["dead", "sent"]


@virtual
async def test_a_message_is_given_up_after_its_time_and_says_why_it_was_not_taken(tmp_path, clock):
    channel = Scripted(clock, lambda _: RETRY)
    change = scripted(clock, {"tickets": channel}, give_up_after=timedelta(minutes=30))
    async with a_spine(tmp_path, MACHINE, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(2000)
        assert states(spine) == [("dead", "given up after 0:30:00: it said retry")]
        assert channel.times[-1] < 1800
        assert spine.rows("SELECT count(*) FROM attempts") == [(len(channel.calls),)]


@pytest.mark.parametrize("place", ["render", "post"])
@virtual
async def test_a_fault_of_the_bridges_own_makes_a_dead_letter_and_holds_nobody_up(place, tmp_path, clock):
    def stumbles(subject):
        if place == "render" and subject.event.number == 1:
            raise LookupError
        return words(subject)

    def answers(call):
        if place == "post" and "triggered 1" in call.message.text:
            raise LookupError
        return SENT

    channel = Scripted(clock, answers)
    async with a_spine(
        tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel}, render=stumbles)
    ) as spine:
        await take(spine, of(1), of(2))
        await spine.take(recovery(2))
        await spine.settle(10)
        assert states(spine) == [("dead", "the bridge failed: LookupError"), ("sent", ""), ("sent", "")]
        assert {line["log_level"] for line in spine.logged("a delivery failed")} == {"error"}


# waits


@virtual
async def test_waits_double_from_1_second_to_5_minutes_with_jitter(tmp_path, clock):
    channel = Scripted(clock, lambda _: RETRY)
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(2400)
    waits = [later - earlier for earlier, later in zip(channel.times, channel.times[1:], strict=False)]
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * 6]
    assert len(waits) == len(expected)
    assert all(abs(wait / wanted - 1) <= 0.11 for wait, wanted in zip(waits, expected, strict=True))
    assert max(waits) <= 300.1
    assert [wait / wanted for wait, wanted in zip(waits, expected, strict=True)] != [1.0] * len(waits)


@pytest.mark.parametrize(("header", "expected"), [("30", 30), ("0", 0), ("1.5", 1.5), ("date", 90)])
@virtual
async def test_the_platform_says_how_long_to_wait_in_seconds_or_as_a_date(header, expected, tmp_path, clock):
    async with serve_endpoint() as endpoint:
        text = MACHINE.replace("http://127.0.0.1:9/", endpoint.url())
        async with a_spine(tmp_path, text, clock) as spine:
            value = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True) if header == "date" else header
            endpoint.next.append(Behaviour(status=503, headers={"Retry-After": value}))
            begun = clock.monotonic()
            await take(spine, of(1))
            while len(endpoint.received) < 2:
                await clock.sleep(0.4)
            assert clock.monotonic() - begun == pytest.approx(expected, abs=1.4 if header == "date" else 0.5)
            await spine.settle(1)
            assert [state for state, _ in states(spine)] == ["sent"]
            ids = {request.header("webhook-id") for request in endpoint.received}
            assert ids == {request.header("Idempotency-Key") for request in endpoint.received}
            assert len(ids) == 1


# a machine: many at once


@virtual
async def test_a_window_opens_with_4_grows_by_one_a_round_and_never_beyond_32(tmp_path, clock):
    channel = Scripted(clock, seconds=1)
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, *(of(number) for number in range(60)))
        await spine.settle(0.5)
        assert channel.under_way.total() == 4
        await spine.settle(1)
        assert channel.under_way.total() == 5
        await spine.settle(1)
        assert channel.under_way.total() == 6
        for start in range(100, 1000, 100):
            await take(spine, *(of(number) for number in range(start, start + 100)))
        await spine.settle(100)
        assert channel.most == 32
        assert spine.rows("SELECT state, count(*) FROM deliveries GROUP BY 1") == [("sent", 960)]


@pytest.mark.parametrize("status", [429, 503, "slow"])
@virtual
async def test_the_window_is_halved_when_the_endpoint_has_too_much_to_do(status, tmp_path, clock):
    async with serve_endpoint() as endpoint:
        text = MACHINE.replace('9/"', f'{endpoint.port}/hook", timeout: 5s')
        async with a_spine(tmp_path, text, clock) as spine:
            worker = spine.workers["tickets"]
            await take(spine, *(of(number) for number in range(30)))
            await spine.settle(1)
            before = worker._window.limit
            assert before > 6
            endpoint.next.append(Behaviour(fails="hang") if status == "slow" else Behaviour(status=status))
            await take(spine, of(100))
            await spine.settle(6)
            assert worker._window.limit in {before // 2, before // 2 + 1}


@virtual
async def test_a_failed_request_holds_back_its_own_alarm_only(tmp_path, clock):
    channel = Scripted(clock, lambda call: RETRY if call.message.text.endswith(" 1") else SENT)
    async with a_spine(tmp_path, MACHINE, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.take(of(1))
        await spine.take(recovery(1))
        for number in range(2, 40):
            await spine.take(of(number))
            await spine.settle(1)
        told = channel.told()
        assert [text for text in told if not text.endswith(" 1")] == [f"triggered {number}" for number in range(2, 40)]
        assert set(told) - {f"triggered {number}" for number in range(40)} == set()
        channel.answers = lambda _: SENT
        await spine.settle(300)
        assert channel.told()[-1] == "recovered 1"
        assert [state for state, _ in states(spine)] == ["sent"] * 40


@virtual
async def test_an_endpoint_that_asks_one_alarm_to_wait_is_told_of_the_others_meanwhile(tmp_path, clock):
    async with (
        serve_endpoint() as endpoint,
        a_spine(tmp_path, MACHINE.replace("9/", f"{endpoint.port}/"), clock) as spine,
    ):
        endpoint.next.append(Behaviour(status=429, headers={"Retry-After": "60"}))
        await take(spine, *(of(number) for number in range(100)))
        await spine.settle(30)
        assert [len(endpoint.received), sorted(state for state, _ in states(spine))] == [
            100,
            ["sent"] * 99 + ["waiting"],
        ]
        await spine.settle(31)
        assert [len(endpoint.received), {state for state, _ in states(spine)}] == [101, {"sent"}]


# a chat: one by one


@virtual
async def test_a_chat_gets_one_message_at_a_time_spaced_with_bursts_of_three(tmp_path, clock):
    channel = Scripted(clock, seconds=0.1)
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, *(of(number) for number in range(8)))
        await spine.settle(20)
        assert channel.most == 1
        assert channel.times == pytest.approx([0, 0.1, 0.2, 1, 2, 3, 4, 5], abs=0.02)
        assert channel.told() == [f"triggered {number}" for number in range(1, 9)]


@virtual
async def test_a_slow_or_failing_chat_is_not_noticed_by_its_neighbours(tmp_path, clock):
    text = CONFIG % "ops, tickets"
    ops, tickets = Scripted(clock, lambda _: RETRY, seconds=10), Scripted(clock)
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"ops": ops, "tickets": tickets})) as spine:
        await take(spine, *(of(number) for number in range(20)))
        await spine.settle(1)
        assert len(tickets.calls) == 20
        assert len(ops.calls) == 1


@virtual
async def test_a_message_that_a_chat_never_answers_makes_those_late_no_more_once_others_are_taken(tmp_path, clock):
    """A platform that stumbles over what one message says, as Slack's `fatal_error`: a wait of 5 minutes is its own."""
    unsure = a_verdict(Answer.AMBIGUOUS)
    channel = Scripted(clock, lambda call: unsure if call.message.text == "triggered 1" else SENT)
    async with a_spine(tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel})) as spine:
        await spine.take(of(1))
        await spine.settle(1800)
        await spine.take(of(2))
        await spine.settle(301)  # the channel pauses as a whole: nobody knows yet that it takes others
        assert channel.told()[-2:].count("triggered 2") == 1
        before = len(channel.calls)
        for number in range(3, 11):
            await spine.take(of(number))
            await spine.settle(10)
            assert f"triggered {number}" in channel.told()
            await spine.settle(140)
        assert channel.told()[before:].count("triggered 1") == 4  # in 20 minutes: it is tried every 5


# the queue


@virtual
async def test_a_long_queue_is_read_page_by_page_and_told_once_and_in_order(tmp_path, clock):
    channel = Scripted(clock)
    count = 450
    async with a_spine(tmp_path, CHAT, clock, workers=False) as spine:
        for start in range(0, count, 150):
            await take(spine, *(of(number) for number in range(start, start + 150)))
    async with a_spine(
        tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel}, rate=None, digest_over=0)
    ) as spine:
        await spine.settle(5)
        await take(spine, of(count))
        await spine.settle(5)
        assert channel.told() == [f"triggered {number}" for number in range(1, count + 2)]


@virtual
async def test_what_comes_while_much_waits_keeps_its_place(tmp_path, clock, monkeypatch):
    from bridge import queue

    monkeypatch.setattr(queue, "MOST_LOADED", 10)
    monkeypatch.setattr(queue, "PAGE", 4)
    channel = Scripted(clock, seconds=0.3)
    async with a_spine(
        tmp_path, CHAT, clock, change=scripted(clock, {"ops": channel}, rate=None, digest_over=0)
    ) as spine:
        for number in range(60):
            await spine.take(of(number))
            await spine.settle(0.1)
            assert len(spine.workers["ops"]._lanes) <= 10 + 200
        await spine.settle(60)
        assert channel.told() == [f"triggered {number}" for number in range(1, 61)]


# the store in trouble


class Trouble:
    """Lets the store refuse everything while it is on."""

    def __init__(self, spine):
        self.is_on = False
        self.reads = 0
        for name in ("begin", "write", "waiting"):
            setattr(spine.store, name, self._guarded(getattr(spine.store, name), name))

    def _guarded(self, verb, name):
        def guarded(*values):
            self.reads += name == "waiting"
            if self.is_on:
                raise StoreUnavailable("the disk is full")
            return verb(*values)

        return guarded


@pytest.mark.parametrize("text", [MACHINE, CHAT], ids=["machine", "chat"])
@virtual
async def test_a_store_in_trouble_while_messages_are_under_way_loses_and_doubles_nothing(text, tmp_path, clock):
    channel = Scripted(clock, seconds=1)
    name = "tickets" if text is MACHINE else "ops"
    change = scripted(clock, {name: channel}, rate=None, idempotent=False)
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        trouble = Trouble(spine)
        await take(spine, *(of(number) for number in range(12)))
        await spine.settle(0.5)
        trouble.is_on = True
        reads = trouble.reads
        await spine.settle(60)
        assert len(channel.calls) <= 4
        assert trouble.reads - reads < 30
        trouble.is_on = False
        await spine.settle(60)
        assert sorted(channel.told()) == sorted(f"triggered {number}" for number in range(1, 13))
        assert [state for state, _ in states(spine)] == ["sent"] * 12


@virtual
async def test_alarms_that_the_endpoint_will_not_have_do_not_starve_the_others(tmp_path, clock):
    text = (
        'server: {auth: off}\nchannels: {tickets: {type: webhook, url: "http://127.0.0.1:9/"}}\n'
        "default_channels: [tickets]\n"
    )
    channel = Scripted(clock, lambda call: RETRY if int(call.message.text.split()[1]) <= 40 else SENT)
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, *(of(number) for number in range(1, 41)))
        await spine.settle(30)
        for number in range(41, 61):
            await take(spine, of(number))
            await spine.settle(40)
        good = {call.message.text for call in channel.calls if int(call.message.text.split()[1]) > 40}
        assert good == {f"triggered {number}" for number in range(41, 61)}
