"""What people read in Slack of each event after the trigger: which calls tell it, who is mentioned, in which words.

One alarm after another goes through a bridge at a strict Slack, whose token has the scope chat:write alone.
"""

import pytest

from bridge.store.requests import What
from tests.fakes.slack import OPS
from tests.fakes.virtual import virtual
from tests.test_lives import EVENT, fires, recovers
from tests.test_requests import request
from tests.test_slack_repair import made, seen
from tests.test_slack_story import a_life

SINCE = "2021-05-11 20:31:00 +08:00"
WHERE = "*MemoryUtilization* · shop-sg-batch-02 (ins-b6y3n0wd)"
FIRING = [
    f"*Since*\n{SINCE}",
    "*Region*\nSingapore (sg)",
    "*Policy*\nDefault (policy-w0k4d7sr)",
    "*Product*\nCVM · Cloud Virtual Machine",
    "*Dimensions*  name 172.21.0.14#4230981",
]
QUIET = ["Default (policy-w0k4d7sr) · CVM · Cloud Virtual Machine · Singapore (sg)", "name 172.21.0.14#4230981"]
VALUE = "90.683 % (threshold &gt; 90 %)"
SILENT = ", on_repeat: [], on_recovered: []"
CALLING = ', mention: {triggered: ["<!here>"]}'


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


# escalation


@virtual
async def test_an_escalation_changes_the_message_and_answers_it_and_mentions_as_the_trigger_does(tmp_path, clock):
    async with a_life(tmp_path, clock, more=SILENT + CALLING) as (slack, _, hear):
        await hear(2, fires("a", level="Remind"))
        await hear(7, fires("b", 5, level="Serious"))
        (message,) = slack.top_level
        (answer,) = slack.replies(message.ts)
        assert made(slack) == ["post", "update", "reply"]
        assert [one["blocks"][1]["text"]["text"] for one in (*message.edits, message.content)] == [
            "*Triggered* · remind · *90.683 %* (threshold &gt; 90 %)  <!here>",
            "*Escalated* · remind → serious · *90.683 %* (threshold &gt; 90 %)  <!here>",
        ]
        assert seen(message.content)[0] == "⏫ MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd)"
        assert [block["text"]["text"] for block in answer.content["blocks"]] == [
            "⏫ *Escalated* · remind → serious · for 5 min · *90.683 %* (threshold &gt; 90 %)  <!here>"
        ]
        what = "MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd) · 90.683 %, threshold > 90 %"
        lock = f"⏫ Escalated · remind → serious · {what}".replace(">", "&gt;")
        assert (message.text, answer.text, answer.broadcast) == (lock, lock, False)


# ends


async def expires(spine):
    await spine.receive(26 * 3600)


async def is_closed(spine):
    ((episode,),) = spine.rows("SELECT id FROM episodes")
    await request(spine, What.CLOSE, episode)


ENDS = [
    (expires, "⌛ *Expired*", "Nothing was heard of it for 26 hours; some alarms end without a callback."),
    (is_closed, "☑️ *Closed*", "Closed by hand."),
]


@pytest.mark.parametrize(("ends", "state", "note"), ENDS)
@virtual
async def test_an_expiry_and_a_closing_are_told_as_a_recovery_is(ends, state, note, tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        await hear(2, fires("a"))
        await ends(spine)
        await spine.settle(10)
        (message,) = slack.top_level
        (answer,) = slack.replies(message.ts)
        assert made(slack) == ["post", "update", "reply"]
        over = seen(message.content)
        assert over[:1] + over[2:] == [f"{state} · {WHERE}", note, *QUIET]
        assert over[1].startswith(f"Since {SINCE} · lasted ")
        first, *rest = seen(answer.content)
        assert (first.partition(" · ")[0], first.endswith(VALUE), rest) == (state, True, [note])


@pytest.mark.parametrize(("ends", "state", "_note"), ENDS)
@virtual
async def test_they_are_posted_where_recoveries_are_and_silent_where_those_are(ends, state, _note, tmp_path, clock):
    async with a_life(tmp_path, clock, more=", on_recovered: [post]") as (slack, spine, hear):
        await hear(2, fires("a"))
        await ends(spine)
        await spine.settle(10)
        assert made(slack) == ["post", "post"]
        assert seen(slack.messages[1].content)[0] == f"{state} · {WHERE}"
    (tmp_path / "silent").mkdir()
    async with a_life(tmp_path / "silent", clock, more=SILENT) as (slack, spine, hear):
        await hear(30, fires("a", first=28))
        await ends(spine)
        await spine.settle(10)
        assert made(slack) == ["post"]


@virtual
async def test_the_expiry_of_an_event_is_told_by_an_update_alone(tmp_path, clock):
    async with a_life(tmp_path, clock, more=", on_recovered: [thread, post]") as (slack, spine, hear):
        await hear(2, fires("a", name=EVENT))
        await spine.receive(26 * 3600)
        await spine.settle(10)
        (message,) = slack.messages
        assert made(slack) == ["post", "update"]
        assert message.text.startswith("⌛ Expired · ")
        assert "Nothing was heard of it for 26 hours; some alarms end without a callback." in seen(message.content)


@virtual
async def test_the_message_of_an_alarm_that_a_newer_one_replaced_names_that_by_an_update_alone(tmp_path, clock):
    async with a_life(tmp_path, clock, more=", on_recovered: [thread, post]") as (slack, _, hear):
        await hear(2, fires("a"))
        await hear(62, fires("b", first=60))
        old, new = slack.messages
        successor = new.content["metadata"]["event_payload"]["alarm_id"]
        assert sorted(made(slack)) == ["post", "post", "update"]
        assert seen(old.content) == [
            f"➡️ *Replaced* · {WHERE}",
            f"Since {SINCE} · lasted 1 h 2 min · {VALUE}",
            f"A newer alarm of the same object began: {successor}",
            *QUIET,
        ]


@virtual
async def test_a_broadcast_is_an_answer_that_shows_to_all_and_says_what_it_is_about(tmp_path, clock):
    async with a_life(tmp_path, clock, more=", on_recovered: [broadcast]") as (slack, _, hear):
        await hear(2, fires("a"))
        await hear(12, recovers("b", 10))
        first, answer = slack.messages
        assert (answer.thread_ts, answer.broadcast, made(slack)) == (first.ts, True, ["post", "reply"])
        assert seen(answer.content) == [
            f"✅ *Recovered* · MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd) · lasted 10 min · {VALUE}"
        ]
        assert first.text.startswith("🔴 Triggered")


# nothing to change or answer


@pytest.mark.parametrize(
    ("state", "body", "says"),
    [
        ("repeat", fires("b", 5), "🔥 Still firing"),
        ("escalated", fires("b", 5, level="Serious"), "⏫ Escalated"),
    ],
)
@virtual
async def test_several_steps_with_nothing_to_change_or_answer_are_one_message(state, body, says, tmp_path, clock):
    """A route gives this channel the alarm only now: another one has its trigger."""
    more = ", on_repeat: [update, thread], on_recovered: [update, thread, broadcast]"
    routes = f"routes: [{{match: {{state: {state}}}, channels: [ops]}}]\n"
    async with a_life(tmp_path, clock, "hook", more=more, routes=routes) as (slack, _, hear):
        await hear(2, fires("a"))
        await hear(7, body)
        calls = [call for call in slack.calls if call.method != "webhook"]
        (message,) = [one for one in slack.messages if one.text.startswith(says)]
        assert [call.method for call in calls] == ["chat.postMessage"]
        assert message.thread_ts is None


@virtual
async def test_a_recovery_whose_trigger_was_never_heard_is_one_message(tmp_path, clock):
    async with a_life(tmp_path, clock, more=", on_recovered: [update, thread, broadcast]") as (slack, _, hear):
        await hear(12, recovers("b", 10))
        assert made(slack) == ["post"]
        assert seen(slack.messages[0].content) == [
            f"✅ *Recovered* · {WHERE}",
            f"{SINCE} to 2021-05-11 20:41:00 +08:00 · lasted 10 min · {VALUE}",
            "Its trigger was never heard.",
            *QUIET,
        ]


# mentions


async def whole_life(hear):
    await hear(2, fires("a"))
    await hear(7, fires("b", 5))
    await hear(12, recovers("c", 10))


def mentioning(slack):
    """Give the calls that mention somebody, by their number."""
    return [number for number, call in enumerate(slack.calls) if "<!here>" in str(call.arguments)]


@virtual
async def test_repeats_and_recoveries_mention_nobody_unless_told_so(tmp_path, clock):
    steps = ", on_repeat: [update, thread, post], on_recovered: [update, thread, broadcast, post]"
    async with a_life(tmp_path, clock, more=steps + CALLING) as (slack, _, hear):
        await whole_life(hear)
        assert len(slack.calls) == 8
        assert mentioning(slack) == [0]


@virtual
async def test_they_mention_whom_they_are_told_to_on_the_channel_and_on_the_route(tmp_path, clock):
    more = ', on_recovered: [thread], mention: {repeat: ["<!here>"]}'
    routes = 'routes: [{match: {}, mention: {recovered: ["<!here>"]}, channels: [ops]}]\n'
    async with a_life(tmp_path, clock, more=more, routes=routes) as (slack, _, hear):
        await whole_life(hear)
        assert (made(slack), mentioning(slack)) == (["post", "update", "reply"], [1, 2])


# scopes


@virtual
async def test_a_life_needs_the_scope_chat_write_alone_and_learns_the_channels_id_from_the_answer(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, _, hear):
        await whole_life(hear)
        assert slack.scopes == ["chat:write"]
        assert [(call.method, call.arguments["channel"], call.answer) for call in slack.calls] == [
            ("chat.postMessage", "#ops", "ok"),
            ("chat.update", OPS, "ok"),
            ("chat.update", OPS, "ok"),
            ("chat.postMessage", OPS, "ok"),
        ]


# times


@pytest.mark.parametrize(
    ("more", "since"),
    [
        ("", "<!date^1620736260^{date_short_pretty} {time}|2021-05-11 14:31:00 +02:00>"),
        (", timezone: America/New_York", "2021-05-11 08:31:00 -04:00"),
    ],
    ids=["of the config", "of the channel itself"],
)
@virtual
async def test_times_are_the_readers_with_those_of_the_config_in_their_place_and_the_channels_where_it_has_a_zone(
    more, since, tmp_path, clock
):
    async with a_life(tmp_path, clock, more=more, routes="timezone: Europe/Berlin\n") as (slack, _, hear):
        await hear(2, fires("a"))
        (message,) = slack.messages
        assert message.content["attachments"][0]["blocks"][0]["fields"][0]["text"] == f"*Since*\n{since}"


# what nobody understood


@pytest.mark.parametrize(
    ("language", "first", "problem"),
    [
        ("en", "❓ Callback not understood", "*Problem*  the body is not JSON: Expecting value (line 1, column 1)"),
        ("zh", "❓ 无法识别的回调", "*原因*  内容不是 JSON：缺少值（第 1 行，第 1 列）"),
    ],
)
@virtual
async def test_why_a_callback_was_not_understood_is_said_in_the_channels_language(
    language, first, problem, tmp_path, clock
):
    async with a_life(tmp_path, clock, more=f", language: {language}") as (slack, _, hear):
        await hear(2, b"what?")
        (message,) = slack.messages
        assert seen({**message.content, "attachments": []}) == [first]
        shown, received = message.content["attachments"][0]["blocks"]
        assert shown["text"]["text"] == problem
        assert received["elements"][0]["elements"][0]["text"] == "what?"
        assert message.text.startswith(first)
