"""Requests of commands: what `serve` does about them, inside the writer's transaction and in its workers."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from bridge.message import Answer
from bridge.store.carrying import carry_out
from bridge.store.requests import What, Wish, open_requests
from tests.fakes.asked import CONFIG, of, over
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.spine import a_spine, sample
from tests.fakes.virtual import virtual

WHO = "ann@laptop"


async def request(spine, what, *subjects):
    """Ask as a command does, and have it carried out; give what was answered."""

    def ask():
        requests = open_requests(spine.path)
        try:
            return requests.ask([Wish(what=what, subject=one) for one in subjects], who=WHO, now=spine.clock.now())
        finally:
            requests.close()

    ids = await asyncio.to_thread(ask)
    await spine.writer.do(carry_out(spine.store, spine.intake, spine.clock.now()))
    answers = dict(spine.rows("SELECT id, answer FROM requests"))
    return [answers[one] for one in ids]


def execute(spine, statement, *values):
    with closing(sqlite3.connect(spine.path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def deliveries(spine):
    return spine.rows("SELECT id, state, attempts FROM deliveries ORDER BY id")


@virtual
async def test_a_dead_letter_goes_back_into_its_queue_under_its_own_id(tmp_path, clock):
    channel = Scripted(clock, lambda _call: a_verdict(Answer.REJECTED))
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle()
        await spine.take(of("ins-b"))
        await spine.settle()
        (dead, state, _), (other, _, _) = deliveries(spine)
        assert state == "dead"
        channel.answers = lambda _call: SENT
        channel.calls.clear()
        assert await request(spine, What.REPLAY, dead) == ["put back into the queue of here"]
        await spine.settle()
        assert [call.delivery_id for call in channel.calls] == [str(dead)]
        assert deliveries(spine) == [(dead, "sent", 1), (other, "dead", 1)]


@virtual
async def test_what_waits_for_a_channel_that_is_gone_is_told_wherever_its_name_is_given_again(tmp_path, clock):
    down = Scripted(clock, lambda _call: a_verdict(Answer.RETRY, after_seconds=600))
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": down})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle(5)
    async with a_spine(tmp_path, CONFIG.replace("here", "other"), clock) as spine:
        await spine.settle(1200)
        assert [row[1] for row in deliveries(spine)] == ["waiting"]
    elsewhere = Scripted(clock)
    text = CONFIG.replace("here: {type: terminal}", 'here: {type: webhook, url: "http://127.0.0.1:9/"}')
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"here": elsewhere})) as spine:
        await spine.settle(60)
        assert (len(elsewhere.calls), [row[1] for row in deliveries(spine)]) == (1, ["sent"])


@virtual
async def test_what_was_sent_is_sent_again_under_an_id_of_its_own(tmp_path, clock):
    channel = Scripted(clock)
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle()
        ((first, _, _),) = deliveries(spine)
        (answer,) = await request(spine, What.REPLAY, first)
        await spine.settle()
        _, (second, state, _) = deliveries(spine)
        assert (answer, state) == (f"sent again to here as delivery {second}", "sent")
        assert [call.delivery_id for call in channel.calls] == [str(first), str(second)]
        assert spine.rows("SELECT result, changed FROM requests") == [(second, 1)]


@virtual
async def test_what_is_under_way_or_unknown_or_was_said_otherwise_is_not_sent_again(tmp_path, clock):
    channel = Scripted(clock, lambda _call: a_verdict(Answer.RETRY, after_seconds=3600))
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.take(of("ins-b"))
        await spine.settle(10)
        (waiting, _, _), (other, _, _) = deliveries(spine)
        execute(spine, "UPDATE deliveries SET state = 'superseded', note = 'said already' WHERE id = ?", other)
        before = deliveries(spine)
        assert await request(spine, What.REPLAY, waiting, 12345, other) == [
            "it is under way already",
            "no delivery has this id",
            "there is nothing to send again: it is superseded: said already",
        ]
        assert deliveries(spine) == before
        assert spine.rows("SELECT DISTINCT changed FROM requests") == [(0,)]


@virtual
async def test_a_dead_letter_put_back_is_tried_for_as_long_as_a_new_one(tmp_path, clock):
    channel = Scripted(clock, lambda _call: a_verdict(Answer.RETRY, after_seconds=3600))
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle(timedelta(hours=26).total_seconds())
        ((dead, state, _),) = deliveries(spine)
        assert state == "dead"
        channel.calls.clear()
        await request(spine, What.REPLAY, dead)
        await spine.settle(timedelta(hours=20).total_seconds())
        assert deliveries(spine)[0][1] == "waiting"
        assert len(channel.calls) > 10
        await spine.settle(timedelta(hours=6).total_seconds())
        assert deliveries(spine)[0][1] == "dead"


@pytest.mark.parametrize("answers_in_seconds", [1, 0])
@virtual
async def test_a_dead_letter_put_back_waits_once_though_its_channel_turns_out_to_be_broken(
    answers_in_seconds, tmp_path, clock
):
    """It was refused, as were two others: who finds the channel broken lets all three wait again."""
    refused = a_verdict(Answer.REJECTED, breaks_after=3)
    text = CONFIG.replace("here: {type: terminal}", 'here: {type: webhook, url: "http://127.0.0.1:9/"}')
    channel = Scripted(clock, lambda _call: refused)
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle()
        ((dead, _, _),) = deliveries(spine)
        channel.seconds = lambda _call: answers_in_seconds
        await request(spine, What.REPLAY, dead)
        await spine.settle(0.1)
        await asyncio.gather(spine.take(of("ins-b")), spine.take(of("ins-c")))
        await spine.settle(5)
        assert [state for _, state, _ in deliveries(spine)] == ["waiting"] * 3
        channel.answers = lambda _call: SENT
        channel.calls.clear()
        await spine.settle(600)
        assert [int(call.delivery_id) for call in channel.calls] == [id_ for id_, _, _ in deliveries(spine)]


@virtual
async def test_putting_back_tells_nothing_twice_while_other_calls_are_under_way(tmp_path, clock):
    """The queue is read from its beginning again: not before what is under way has ended."""
    text = CONFIG.replace("here: {type: terminal}", 'here: {type: webhook, url: "http://127.0.0.1:9/"}')
    channel = Scripted(clock, lambda _call: a_verdict(Answer.REJECTED))
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-dead"))
        await spine.settle()
        ((dead, _, _),) = deliveries(spine)
        channel.answers, channel.seconds = lambda _call: SENT, lambda call: 0.5 + int(call.delivery_id) % 7
        channel.calls.clear()
        for number in range(60):
            await spine.take(of(f"ins-{number}"))
            if number == 30:
                await request(spine, What.REPLAY, dead)
            await clock.sleep(0.05)
        await spine.settle(120)
        told = [call.delivery_id for call in channel.calls]
        assert sorted(told) == sorted(str(id_) for id_, _, _ in deliveries(spine))
        assert {state for _, state, _ in deliveries(spine)} == {"sent"}


@virtual
async def test_a_body_that_nobody_could_read_is_judged_as_todays_bridge_reads_it(tmp_path, clock):
    channel = Scripted(clock)
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle()
        execute(spine, "DELETE FROM episodes")  # as though an older bridge had not understood it
        execute(spine, "UPDATE callbacks SET outcome = 'unrecognised', episode_id = 0, session_id = ''")
        ((callback_id,),) = spine.rows("SELECT id FROM callbacks")
        channel.calls.clear()
        assert await request(spine, What.JUDGE, callback_id) == ["triggered; here is told"]
        await spine.settle()
        assert len(channel.calls) == 1
        ((outcome, reason, session, episode),) = spine.rows(
            "SELECT outcome, reason, session_id, episode_id FROM callbacks"
        )
        assert (outcome, session) == ("triggered", "session-ins-a")
        assert reason.endswith(f"; read again, as {WHO} asked")
        assert spine.rows("SELECT id, object_id FROM episodes") == [(episode, "ins-a")]
        assert await request(spine, What.JUDGE, callback_id) == ["it was understood: triggered"]


@virtual
async def test_bodies_of_one_alarm_that_nobody_could_read_are_judged_one_by_the_other(tmp_path, clock):
    channel = Scripted(clock)
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.take(over("ins-a"))
        await spine.settle()
        execute(spine, "DELETE FROM episodes")
        execute(spine, "UPDATE callbacks SET outcome = 'unrecognised', episode_id = 0")
        ids = [id_ for (id_,) in spine.rows("SELECT id FROM callbacks ORDER BY id")]
        channel.calls.clear()
        assert await request(spine, What.JUDGE, *ids) == ["triggered; here is told", "recovered; here is told"]
        await spine.settle()
        assert [call.state for call in channel.calls] == ["triggered", "recovered"]
        assert spine.rows("SELECT phase FROM episodes") == [("recovered",)]


@virtual
async def test_a_body_that_nobody_can_read_today_either_stays_as_it_is(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(sample("template-body-triggered"))
        await spine.settle()
        ((callback_id,),) = spine.rows("SELECT id FROM callbacks")
        (answer,) = await request(spine, What.JUDGE, callback_id)
        assert answer.startswith("this bridge cannot read it either: the body is a JSON object, but no alarm")
        assert len(deliveries(spine)) == 1


@virtual
async def test_a_closed_alarm_is_told_to_those_that_were_given_it_like_a_recovery(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(of("ins-a"))
        await spine.take(of("ins-quiet"))
        await spine.settle()
        (told,), (quiet,) = spine.rows("SELECT id FROM episodes ORDER BY id")
        assert await request(spine, What.CLOSE, told, quiet) == [
            "closed; here is told",
            "closed; nobody is told: no channel was given it",
        ]
        await spine.settle()
        assert spine.deliveries() == [
            ("here", "triggered", "post", "sent"),
            ("here", "closed", "post", "sent"),
        ]
        assert spine.rows("SELECT phase FROM episodes") == [("closed",), ("closed",)]
        assert spine.rows("SELECT cause FROM events WHERE state = 'closed'") == [("request",), ("request",)]
        assert "■ Closed" in spine.out.getvalue()


@virtual
async def test_an_alarm_that_is_over_or_unknown_is_not_closed(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(of("ins-a"))
        await spine.take(over("ins-a"))
        await spine.settle()
        ((episode,),) = spine.rows("SELECT id FROM episodes")
        assert await request(spine, What.CLOSE, episode, 77) == ["it is recovered already", "no alarm has this id"]
        assert len(spine.rows("SELECT id FROM events")) == 2


@virtual
async def test_a_closed_alarm_that_is_heard_of_again_is_open_again(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(of("ins-a"))
        await spine.settle()
        ((episode,),) = spine.rows("SELECT id FROM episodes")
        await request(spine, What.CLOSE, episode)
        await spine.take(of("ins-a", sessionId="later", durationTime=600))
        assert spine.rows("SELECT phase FROM episodes") == [("open",)]


@virtual
async def test_one_request_that_fails_is_answered_and_spoils_no_other(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(of("ins-a"))
        await spine.take(of("ins-b"))
        await spine.settle()
        (first,), (second,) = spine.rows("SELECT id FROM episodes ORDER BY id")
        execute(spine, "UPDATE episodes SET given = 'no JSON' WHERE id = ?", first)
        assert await request(spine, What.CLOSE, first, second) == [
            "the bridge failed: JSONDecodeError",
            "closed; here is told",
        ]
        assert spine.rows("SELECT phase FROM episodes ORDER BY id") == [("open",), ("closed",)]


@virtual
async def test_what_is_asked_for_twice_while_it_waits_is_one_request(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        requests = await asyncio.to_thread(open_requests, spine.path)
        wish = Wish(what=What.CLOSE, subject=1)
        first = await asyncio.to_thread(requests.ask, [wish], who=WHO, now=clock.now())
        assert await asyncio.to_thread(requests.ask, [wish, wish], who=WHO, now=clock.now()) == first * 2
        other = Wish(what=What.REPLAY, subject=1)
        assert await asyncio.to_thread(requests.ask, [other], who=WHO, now=clock.now()) != first
        requests.close()


@virtual
async def test_what_was_put_back_counts_as_waiting_since_then(tmp_path, clock):
    """Else an old dead letter would raise the alarm of a queue that does not move."""
    channel = Scripted(clock, lambda _call: a_verdict(Answer.REJECTED))
    async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, {"here": channel})) as spine:
        await spine.take(of("ins-a"))
        await spine.settle(3600)
        ((dead, _, _),) = deliveries(spine)
        channel.answers = lambda _call: a_verdict(Answer.RETRY, after_seconds=600)
        await request(spine, What.REPLAY, dead)
        oldest = (await asyncio.to_thread(spine.store.queues))["here"].oldest
        assert clock.now() - oldest < timedelta(seconds=1)


@pytest.mark.parametrize("what", list(What))
@virtual
async def test_requests_are_kept_for_as_long_as_the_rest(tmp_path, clock, what):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await request(spine, what, 1)
        await spine.writer.do(spine.store.prune(clock.now() - timedelta(days=30)))
        assert spine.rows("SELECT count(*) FROM requests") == [(1,)]
        await spine.writer.do(spine.store.prune(clock.now() + timedelta(seconds=1)))
        assert spine.rows("SELECT count(*) FROM requests") == [(0,)]
