"""What a stop, a crash and a lost message leave behind, and how it goes on."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from bridge.message import Answer
from tests.fakes.scripted import Scripted, a_verdict, scripted
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
MADE_UP = CONFIG % ("xoxb-made-up", "http://127.0.0.1:9/api/", "ops")


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def of(number=1, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def recovery(number=1, session="r"):
    return of(number, session, alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


async def take(spine, *bodies):
    return await asyncio.gather(*(spine.take(body) for body in bodies))


def states(spine):
    return [state for (state,) in spine.rows("SELECT state FROM deliveries ORDER BY id")]


async def crash(spine):
    """End a bridge as SIGKILL does: nothing is finished and nothing stored any more."""
    for task in [*spine.tasks, *(task for worker in spine.workers.values() for task in worker._tasks)]:
        task.cancel()
    await asyncio.sleep(0)


# stop


@virtual
async def test_a_stop_finishes_what_is_under_way_and_leaves_the_rest_on_disk(tmp_path, clock):
    channel = Scripted(clock, seconds=5)
    text = CONFIG % ("xoxb-made-up", "http://127.0.0.1:9/api/", "tickets")
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, *(of(number) for number in range(10)))
        await spine.settle(2)
        begun = clock.monotonic()
    assert clock.monotonic() - begun == pytest.approx(3, abs=0.1)
    assert len(channel.calls) == 4
    assert sorted(states(spine)) == ["sent"] * 4 + ["waiting"] * 6
    assert channel.is_closed
    channel.seconds = lambda _: 0
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.settle(1)
        assert states(spine) == ["sent"] * 10
        assert len(channel.calls) == 10


@virtual
async def test_a_stop_waits_8_seconds_and_what_is_late_is_ambiguous_where_a_second_one_would_show(tmp_path, clock):
    channel = Scripted(clock, seconds=3600)
    async with a_spine(tmp_path, MADE_UP, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1), of(2))
        await spine.settle(2)
        begun = clock.monotonic()
    assert clock.monotonic() - begun == pytest.approx(8, abs=0.1)
    assert states(spine) == ["begun", "waiting"]


# after a crash


@virtual
async def test_what_was_begun_before_a_crash_is_told_again_and_counted_as_ambiguous(tmp_path, clock):
    channel = Scripted(clock, seconds=3600)
    async with a_spine(tmp_path, MADE_UP, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1), of(2))
        await spine.settle(2)
        await crash(spine)
    channel.seconds = lambda _: 0
    async with a_spine(tmp_path, MADE_UP, clock, change=scripted(clock, {"ops": channel})) as spine:
        await spine.settle(10)
        assert channel.told() == ["triggered 1", "triggered 1", "triggered 2"]
        assert spine.rows("SELECT answer, said FROM attempts ORDER BY id") == [
            ("ambiguous", "the bridge stopped before an answer came"),
            ("sent", "ok"),
            ("sent", "ok"),
        ]
        assert states(spine) == ["sent", "sent"]


@virtual
async def test_a_machine_that_knows_messages_by_their_ids_is_simply_sent_it_again(tmp_path, clock):
    channel = Scripted(clock, seconds=3600)
    text = CONFIG % ("xoxb-made-up", "http://127.0.0.1:9/api/", "tickets")
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(2)
        await crash(spine)
    assert states(spine) == ["waiting"]
    channel.seconds = lambda _: 0
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": channel})) as spine:
        await spine.settle(2)
        assert len({call.delivery_id for call in channel.calls}) == 1
        assert spine.rows("SELECT answer FROM attempts") == [("sent",)]


@virtual
async def test_a_chat_that_was_broken_before_the_crash_is_broken_after_it(tmp_path, clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.BROKEN))
    async with a_spine(tmp_path, MADE_UP, clock, change=scripted(clock, {"ops": channel})) as spine:
        await take(spine, of(1))
        await spine.settle(2)
        channel.seconds = lambda _: 3600
        await spine.settle(310)
        assert states(spine) == ["begun"]
        await crash(spine)
    async with a_spine(tmp_path, MADE_UP, clock, change=scripted(clock, {"ops": channel})) as spine:
        await spine.settle(1)
        assert spine.workers["ops"].condition.is_broken
        assert spine.logged("the channel is mended") == []


# Slack, with its messages


@asynccontextmanager
async def a_slack(folder, clock, **more):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG % (TOKEN, slack.api_url, "ops")
        async with a_spine(folder, text, clock, **more) as spine:
            yield slack, spine


def methods(slack):
    return [
        "update" if call.method == "chat.update" else "reply" if "thread_ts" in call.arguments else "post"
        for call in slack.calls
    ]


@virtual
async def test_between_the_steps_of_one_event_a_crash_repeats_neither(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG % (TOKEN, slack.api_url, "ops")
        async with a_spine(tmp_path, text, clock) as spine:
            await take(spine, of())
            await spine.settle(5)
            await take(spine, recovery())
            while len(slack.calls) < 2 or states(spine).count("sent") < 2:
                await clock.sleep(0.001)
            await crash(spine)
        async with a_spine(tmp_path, text, clock) as spine:
            await spine.settle(10)
            assert states(spine) == ["sent", "sent", "sent"]
        assert methods(slack)[:2] == ["post", "update"]
        assert methods(slack).count("update") == 1
        assert len(slack.top_level) == 1
        assert len(slack.replies(slack.top_level[0].ts)) == methods(slack).count("reply")


@virtual
async def test_an_update_of_a_message_that_was_deleted_becomes_one_new_message_and_its_answer_is_superseded(
    tmp_path, clock
):
    async with a_slack(tmp_path, clock) as (slack, spine):
        await take(spine, of())
        await spine.settle(5)
        slack.delete(OPS, slack.top_level[0].ts)
        await take(spine, recovery())
        await spine.settle(10)
        assert methods(slack) == ["post", "update", "post"]
        assert states(spine) == ["sent", "sent", "superseded"]
        assert spine.rows("SELECT note FROM deliveries WHERE state = 'superseded'") == [
            ("a new message tells it already",)
        ]
        assert len(slack.top_level) == 1


@virtual
async def test_an_update_and_an_answer_without_a_message_post_once(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG % (TOKEN, slack.api_url, "tickets")
        async with a_spine(tmp_path, text, clock, change=scripted(clock, {"tickets": Scripted(clock)})) as spine:
            await take(spine, of())
            await spine.settle(5)
            # the episode was given to ops, but its message never was stored
            with closing(sqlite3.connect(spine.path)) as connection:
                connection.execute("UPDATE episodes SET given = replace(given, 'tickets', 'ops')")
                connection.commit()
            await take(spine, recovery())
            await spine.settle(10)
            assert methods(slack) == ["post"]
            assert states(spine) == ["sent", "sent", "superseded"]


@pytest.mark.parametrize("deleted", [True, False])
@virtual
async def test_a_replacement_is_told_by_an_update_or_not_at_all(deleted, tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        await take(spine, of())
        await spine.settle(5)
        if deleted:
            slack.delete(OPS, slack.top_level[0].ts)
        await take(spine, of(session="b", firstOccurTime="2021-05-11 21:31:00"))
        await spine.settle(10)
        assert methods(slack) == ["post", "update", "post"]
        assert states(spine) == ["sent", "superseded" if deleted else "sent", "sent"]
        assert len(slack.top_level) == (1 if deleted else 2)


@pytest.mark.parametrize(
    ("name", "made"), [("doc-2019-event-triggered", ["post", "update"]), ("", ["post", "update", "post"])]
)
@virtual
async def test_the_expiry_of_an_event_is_told_by_an_update_or_not_at_all_and_that_of_a_metric_is_posted(
    name, made, tmp_path, clock
):
    async with a_slack(tmp_path, clock) as (slack, spine):
        await take(spine, a_body(*[name] * bool(name), firstOccurTime="2021-05-11 20:31:00"))
        await spine.settle(5)
        slack.delete(OPS, slack.top_level[0].ts)
        await spine.receive(26 * 3600)
        await spine.settle(40)
        assert methods(slack) == made
        assert len(slack.top_level) == len(made) - 2


@virtual
async def test_an_alarm_whose_message_was_deleted_goes_on_in_the_new_one(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        await take(spine, of())
        await spine.settle(5)
        slack.delete(OPS, slack.top_level[0].ts)
        await take(spine, of(session="b", durationTime=600))
        await spine.settle(10)
        (message,) = slack.top_level
        await take(spine, recovery())
        await spine.settle(10)
        assert methods(slack) == ["post", "update", "post", "update", "reply"]
        assert slack.top_level == [message]
        assert len(slack.replies(message.ts)) == 1
        assert spine.rows("SELECT count(*) FROM messages") == [(2,)]


@virtual
async def test_a_post_whose_answer_was_lost_is_told_again_rather_than_lost(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.next.append(Trouble(fails="drop", takes=True))
        await take(spine, of())
        await spine.settle(10)
        assert len(slack.top_level) == 2
        assert [answer for (answer,) in spine.rows("SELECT answer FROM attempts ORDER BY id")] == ["ambiguous", "sent"]


MAY_READ = ["chat:write", "channels:history"]


@pytest.mark.parametrize("more", [0, 250], ids=["on the first page", "below many others"])
@virtual
async def test_a_post_whose_answer_was_lost_is_found_by_its_metadata_and_not_made_again(more, tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))  # its answer tells the channel's id
        await spine.settle(5)
        slack.next.append(Trouble(fails="drop", takes=True))
        await take(spine, of(2))
        await spine.settle(0.5)
        for number in range(more):
            slack._keep(OPS, {"text": f"somebody else's {number}"})
        await spine.settle(10)
        assert methods(slack)[:2] == ["post", "post"]
        assert [call.method for call in slack.calls[2:]] == ["conversations.history"] * (2 if more else 1)
        assert len(slack.top_level) == 2 + more
        assert spine.rows("SELECT answer, said FROM attempts ORDER BY id")[2:] == [
            ("sent", "it had arrived before: found by its metadata")
        ]
        await take(spine, recovery(2))
        await spine.settle(10)
        assert slack.top_level[1].edits  # it is the alarm's message
        assert len(slack.replies(slack.top_level[1].ts)) == 1


@pytest.mark.parametrize(
    ("lost", "edits", "replies"),
    [
        ([Trouble(fails="drop"), Trouble(), Trouble(fails="drop", takes=True)], 0, 0),  # between: nothing is found
        ([Trouble(fails="drop", takes=True)], 1, 1),
    ],
    ids=["it told of the recovery, too", "it told of the trigger alone"],
)
@virtual
async def test_what_follows_a_message_that_is_found_hangs_on_what_that_tells(lost, edits, replies, tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next += lost
        await take(spine, of(2))
        await spine.settle(0.5)
        await take(spine, recovery(2))
        await spine.settle(20)
        assert len(slack.top_level) == 2
        found = slack.top_level[1]
        assert (len(found.edits), len(slack.replies(found.ts))) == (edits, replies)
        assert states(spine) == ["sent", "sent", *(["sent", "sent"] if edits else ["superseded", "superseded"])]


@virtual
async def test_an_answer_in_the_thread_that_was_begun_before_a_crash_is_found_there(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        slack.scopes = MAY_READ
        text = CONFIG % (TOKEN, slack.api_url, "ops")
        async with a_spine(tmp_path, text, clock) as spine:
            await take(spine, of())
            await spine.settle(5)
            slack.next += [Trouble(), Trouble(fails="hang", takes=True)]
            await take(spine, recovery())
            await spine.settle(5)
            assert states(spine) == ["sent", "sent", "begun"]
            await crash(spine)
        async with a_spine(tmp_path, text, clock) as spine:
            await spine.settle(10)
            assert states(spine) == ["sent", "sent", "sent"]
        assert [call.method for call in slack.calls[3:]] == ["conversations.replies"]
        assert len(slack.replies(slack.top_level[0].ts)) == 1


@virtual
async def test_what_was_begun_and_never_arrived_is_made_when_it_is_not_found(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next.append(Trouble(fails="drop"))
        await take(spine, of(2))
        await spine.settle(10)
        assert [call.method for call in slack.calls[1:]] == [
            "chat.postMessage", "conversations.history", "chat.postMessage",
        ]  # fmt: skip
        assert len(slack.top_level) == 2


@virtual
async def test_plain_text_whose_answer_was_lost_is_found_too(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next += [Trouble(error="invalid_blocks"), Trouble(fails="drop", takes=True)]
        await take(spine, of(2))
        await spine.settle(10)
        assert [call.method for call in slack.calls[1:]] == ["chat.postMessage"] * 2 + ["conversations.history"]
        _, plain = slack.top_level
        assert plain.content.keys() == {"text", "metadata"}
        ids = spine.rows("SELECT e.episode_id, e.id, d.id FROM deliveries d JOIN events e ON e.id = d.event_id")[1]
        named = dict(zip(("episode_id", "event_id", "delivery_id"), map(str, ids), strict=True))
        assert plain.content["metadata"] == {"event_type": "alarm_bridge", "event_payload": named}
        assert states(spine) == ["sent", "sent"]


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        (Trouble(error="ratelimited", status=429, headers={"Retry-After": "60"}), 60),
        (Trouble(error="internal_error"), 1),
        (Trouble(status=503), 1),
        (Trouble(fails="drop"), 1),
    ],
    ids=["limited", "an error inside", "unavailable", "no answer"],
)
@virtual
async def test_what_cannot_be_looked_for_just_now_waits_and_is_looked_for_again(trouble, seconds, tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next += [Trouble(fails="drop", takes=True), trouble]
        await take(spine, of(2))
        await spine.settle(5)
        looks = [call.method for call in slack.calls[2:]]
        assert looks == ["conversations.history"] * (1 if seconds > 5 else 2)
        await take(spine, of(3))  # of another alarm: it waits for none of that
        await spine.settle(5)
        assert len(slack.top_level) == 3
        await spine.settle(60)
        assert [call.method for call in slack.calls if call.method != "chat.postMessage"] == [
            "conversations.history"
        ] * 2
        assert len(slack.top_level) == 3
        assert states(spine) == ["sent"] * 3


@virtual
async def test_what_cannot_be_looked_for_within_five_minutes_is_made_again_and_counted(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next.append(Trouble(fails="drop", takes=True))
        slack.refuses = lambda _caller, method, _said: "fatal_error" if method == "conversations.history" else ""
        await take(spine, of(2))
        await spine.settle(240)
        assert states(spine) == ["sent", "waiting"]
        assert spine.rows("SELECT note FROM deliveries WHERE state = 'waiting'") == [
            ("it may have arrived, and is looked for again: 200 fatal_error",)
        ]
        await spine.settle(360)
        assert states(spine) == ["sent", "sent"]
        assert len(slack.top_level) == 3


@virtual
async def test_a_room_that_may_not_be_read_is_posted_to_again(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of(1))
        await spine.settle(5)
        slack.next += [Trouble(fails="drop", takes=True), Trouble(error="not_in_channel")]
        await take(spine, of(2))
        await spine.settle(5)
        assert len(slack.top_level) == 3


@virtual
async def test_a_token_that_may_not_read_is_asked_once(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        await take(spine, of(1))
        await spine.settle(5)
        for number in (2, 3):
            slack.next.append(Trouble(fails="drop", takes=True))
            await take(spine, of(number))
            await spine.settle(10)
        assert [call.answer for call in slack.calls if call.method == "conversations.history"] == ["missing_scope"]
        assert len(slack.top_level) == 5
        said = "200 missing_scope; needed channels:history; provided chat:write"
        assert [line["said"] for line in spine.logged("looked for a message without an answer")] == [said, said]


@virtual
async def test_without_the_channels_id_nothing_is_looked_for(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        slack.next.append(Trouble(fails="drop", takes=True))
        await take(spine, of())
        await spine.settle(10)
        assert methods(slack) == ["post", "post"]
        (line,) = spine.logged("looked for a message without an answer")
        assert line["said"] == "the channel's id is not known yet"


@virtual
async def test_a_digest_without_an_answer_is_told_again_with_what_came_since(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        slack.scopes = MAY_READ
        text = CONFIG.replace('"#ops",', '"#ops", digest_over: 2,') % (TOKEN, slack.api_url, "ops")
        async with a_spine(tmp_path, text, clock) as spine:
            slack.next += [Trouble(), Trouble(status=429, headers={"Retry-After": "10"})]
            await take(spine, of(0))
            await spine.settle(5)
            await take(spine, *map(of, range(1, 6)))
            await spine.settle(5)
            slack.next.append(Trouble(fails="drop", takes=True))
            while len(slack.top_level) < 2:
                await spine.settle(0.1)
            await take(spine, of(6))
            await spine.settle(30)
            assert [one.text for one in slack.top_level][1:] == [
                "📋 Digest · 5 alarms: 5 triggered", "📋 Digest · 6 alarms: 6 triggered",
            ]  # fmt: skip


@virtual
async def test_a_change_without_an_answer_is_made_again_without_looking(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.scopes = MAY_READ
        await take(spine, of())
        await spine.settle(5)
        slack.next.append(Trouble(fails="drop", takes=True))
        await take(spine, of(session="b", durationTime=600))
        await spine.settle(10)
        assert methods(slack) == ["post", "update", "update"]
        assert len(slack.top_level) == 1


@virtual
async def test_a_slack_that_says_429_pauses_for_as_long_as_it_says(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.next.append(Trouble(error="ratelimited", status=429, headers={"Retry-After": "30"}))
        await take(spine, of(1), of(2))
        await spine.settle(28)
        assert len(slack.calls) == 1
        await spine.settle(5)
        assert methods(slack) == ["post"] * 3
        assert states(spine) == ["sent", "sent"]


@virtual
async def test_a_message_that_slack_refuses_is_sent_as_plain_text(tmp_path, clock):
    async with a_slack(tmp_path, clock) as (slack, spine):
        slack.next.append(Trouble(error="invalid_blocks"))
        await take(spine, of())
        await spine.settle(10)
        rich, plain = [call.arguments for call in slack.calls]
        assert rich.keys() - {"text", "channel", "unfurl_links", "unfurl_media"}
        assert plain.keys() == {"text", "channel", "metadata", "unfurl_links", "unfurl_media"}
        assert states(spine) == ["sent"]


@virtual
async def test_a_token_that_is_taken_back_breaks_the_channel_and_a_new_one_mends_it_at_once(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG % (TOKEN, slack.api_url, "ops")
        slack.tokens = {"xoxb-new"}
        async with a_spine(tmp_path, text, clock) as spine:
            await take(spine, of())
            await spine.settle(100)
            assert states(spine) == ["waiting"]
            assert spine.workers["ops"].condition.state.reason == "200 invalid_auth"
            assert TOKEN not in str(spine.logs)
        async with a_spine(tmp_path, text.replace(TOKEN, "xoxb-new"), clock) as spine:
            await spine.settle(5)
            assert states(spine) == ["sent"]
