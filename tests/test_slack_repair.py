"""What people see when something was done to a message or its channel in Slack: never silence, never a loop.

Each case is a life in which one thing happens between the trigger and what comes next.
"""

import re
from contextlib import asynccontextmanager

import pytest

from bridge.channels.slack_codes import CODES, WEBHOOK_CODES
from bridge.rendering.remedies import _REMEDIES, _SENTENCES, remedy
from tests.fakes.slack import OPS, TOKEN, Conversation, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import fires, recovers

CONFIG = """
server: {{auth: off}}
channels:
  ops: {{type: slack, token: {token}, channel: "{channel}", api_url: "{api}"{more}}}
  dba: {{type: slack, token: {token}, channel: "#dba", api_url: "{api}"}}
  here: {{type: terminal}}
routes: [{{match: {{kind: bridge}}, channels: [here]}}]
default_channels: [ops]
"""
A_WHILE = 300.0
LONG = 1300.0  # in which a broken channel is asked after 5 and 15 minutes
FIRST = "1700000000.000001"  # the trigger's message


@asynccontextmanager
async def told(folder, clock, more="", channel="#ops"):
    """Run a bridge whose first alarm stands in Slack."""
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, more=more, channel=channel)
        async with a_spine(folder, text, clock, own_alarms=True) as spine:
            await spine.take(fires("a"))
            await spine.settle(10)
            yield slack, spine


def seen(content):
    """Give what a reader sees of a message from top to bottom, without ids and times."""
    holders = [content, *content.get("attachments", ())]
    blocks = [block for holder in holders for block in holder.get("blocks", ())]
    objects = [
        one for block in blocks for one in (block.get("text"), *block.get("fields", ()), *block.get("elements", ()))
    ]
    texts = [re.sub(r"<!date[^|]*\||>|(Id \w{6}( · )?)", "", one["text"]) for one in objects if one]
    return [text for text in texts if text]


def own(spine):
    """Give what the bridge says of itself, without ids and times."""
    return re.sub(r"(?m)^  (Id|Since|From) .*\n", "", spine.out.getvalue())


def made(slack):
    """Give the calls by what they do."""
    names = {"chat.update": "update", "auth.test": "ask"}
    return [names.get(call.method) or ("reply" if "thread_ts" in call.arguments else "post") for call in slack.calls]


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


# the message


def deleted(slack):
    slack.delete(OPS, FIRST)


def too_old(slack):
    slack.refuses = lambda _caller, _method, said: "edit_window_closed" if said.get("ts") == FIRST else ""


def of_another_app(slack):
    slack.find(OPS, FIRST).author = "B0000OTHER"


@pytest.mark.parametrize(
    ("happens", "word"),
    [(deleted, "message_not_found"), (too_old, "edit_window_closed"), (of_another_app, "cant_update_message")],
)
@virtual
async def test_a_message_that_cannot_be_changed_is_followed_by_one_that_says_so_and_lives_on(
    happens, word, tmp_path, clock
):
    async with told(tmp_path, clock) as (slack, spine):
        happens(slack)
        await spine.take(fires("b", 5))
        await spine.settle(10)
        *_, fresh = slack.messages
        assert seen(fresh.content) == [
            "🔥 MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd)",
            "*Still firing* · *90.683 %* (threshold &gt; 90 %)",
            "*Since*\n2021-05-11 20:31:00 +08:00 · for 5 min",
            "*Region*\nSingapore (sg)",
            "*Policy*\nDefault (policy-w0k4d7sr)",
            "*Product*\nCVM · Cloud Virtual Machine",
            "*Dimensions*  name 172.21.0.14#4230981",
            f"Goes on from a message that cannot be changed or answered any more: 200 {word}",
            "Repeats: 1",
        ]
        assert fresh.text.startswith("🔥 Still firing · MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd)")
        await spine.take(recovers("c", 10))
        await spine.settle(A_WHILE)
        assert made(slack) == ["post", "update", "post", "update", "reply"]
        assert fresh.text.startswith("✅ Recovered · MemoryUtilization")
        assert [seen(reply.content) for reply in slack.replies(fresh.ts)] == [
            ["✅ *Recovered* · lasted 10 min · 90.683 % (threshold &gt; 90 %)", "Repeats: 1"]
        ]
        assert own(spine) == ""


@virtual
async def test_a_thread_that_is_locked_is_followed_by_a_message_that_says_so(tmp_path, clock):
    async with told(tmp_path, clock) as (slack, spine):
        slack.refuses = lambda _caller, _method, said: (
            "restricted_action_thread_locked" if said.get("thread_ts") == FIRST else ""
        )
        await spine.take(recovers("c", 10))
        await spine.settle(A_WHILE)
        assert made(slack) == ["post", "update", "reply", "post"]
        first, fresh = slack.top_level
        over = [
            "✅ *Recovered* · *MemoryUtilization* · shop-sg-batch-02 (ins-b6y3n0wd)",
            "2021-05-11 20:31:00 +08:00 to 2021-05-11 20:41:00 +08:00 · lasted 10 min · 90.683 % (threshold &gt; 90 %)",
            "Default (policy-w0k4d7sr) · CVM · Cloud Virtual Machine · Singapore (sg)",
            "name 172.21.0.14#4230981",
        ]
        why = "Goes on from a message that cannot be changed or answered any more: 200 restricted_action_thread_locked"
        assert seen(first.content) == over
        assert seen(fresh.content) == [*over, why]
        assert own(spine) == ""


@virtual
async def test_a_message_that_goes_on_from_another_says_so_in_chinese_and_as_plain_text_too(tmp_path, clock):
    async with told(tmp_path, clock, ", language: zh") as (slack, spine):
        slack.delete(OPS, FIRST)
        slack.refuses = lambda _caller, method, said: (
            "invalid_blocks" if method == "chat.postMessage" and said.get("blocks") else ""
        )
        await spine.take(fires("b", 5))
        await spine.settle(10)
        (fresh,) = slack.messages
        assert "接续一条已无法修改或回复的消息：200 message_not_found" in fresh.text.splitlines()


# the channel


def renamed(slack):
    slack.channels[OPS].name = "operations"


def archived(slack):
    slack.channels[OPS].is_archived = True


def made_private(slack):
    slack.channels["gone"] = slack.channels.pop(OPS)  # for whom is not in it, it is not there
    slack.channels["gone"].name = ""


def bot_removed(slack):
    slack.channels[OPS].is_member = False


def mended(slack):
    slack.channels.pop("gone", None)
    slack.channels[OPS] = Conversation(id=OPS, name="ops")


INVITE = (
    "/invite the bot into the room of ops; if that was renamed, put its new name or its id into the config; then try it:"
    " alarm-bridge test-channel ops"
)
CASES = [
    (renamed, "channel_not_found", INVITE),
    (
        archived,
        "is_archived",
        "Unarchive the room of ops, or put another into the config, then try it: alarm-bridge test-channel ops",
    ),
    (made_private, "channel_not_found", INVITE),
    (bot_removed, "not_in_channel", INVITE),
]


@pytest.mark.parametrize(("happens", "word", "to_do"), CASES)
@virtual
async def test_a_channel_that_takes_nothing_is_told_of_elsewhere_with_slacks_word_and_what_to_do(
    happens, word, to_do, tmp_path, clock
):
    async with told(tmp_path, clock) as (slack, spine):
        happens(slack)
        await spine.take(recovers("c", 10))
        await spine.settle(10)
        await spine.take(fires("d", 0, first=30))
        await spine.settle(LONG)
        trouble = (
            "▲ Triggered · serious · Channel broken · ops\n"
            f"  Problem     200 {word}\n"
            f"  To do       {to_do}\n"
            "  Policy      alarm-bridge\n"
        )
        assert own(spine).strip("\n") == trouble.strip("\n")
        assert made(slack).count("ask") == 2  # no loop
        assert len(slack.calls) <= 10
        mended(slack)
        await spine.settle(LONG)
        assert [(message.thread_ts, message.text.partition(" · ")[0]) for message in slack.messages] == [
            (None, "✅ Recovered"),
            (FIRST, "✅ Recovered"),
            (None, "🔴 Triggered"),
        ]
        assert own(spine).split("\n\n")[1].strip("\n") == (
            f"✔ Recovered · serious · Channel broken · ops\n  Problem     200 {word}\n  Policy      alarm-bridge"
        )


@pytest.mark.parametrize(("happens", "word", "to_do"), CASES)
@virtual
async def test_the_fallback_of_a_channel_that_takes_nothing_says_so_with_slacks_word(
    happens, word, to_do, tmp_path, clock
):
    async with told(tmp_path, clock, ", fallback: dba") as (slack, spine):
        happens(slack)
        await spine.take(fires("d", 0, first=30))
        await spine.settle(A_WHILE)
        (message,) = [one for one in slack.messages if one.channel == "C00000DBA"]
        assert seen(message.content) == [
            "🔴 MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd)",
            "*Triggered* · *90.683 %* (threshold &gt; 90 %)",
            "*Since*\n2021-05-11 21:01:00 +08:00",
            "*Region*\nSingapore (sg)",
            "*Policy*\nDefault (policy-w0k4d7sr)",
            "*Product*\nCVM · Cloud Virtual Machine",
            "*Dimensions*  name 172.21.0.14#4230981",
            f"*Sent here*  instead of ops, which is broken: 200 {word}",
        ]
        assert to_do in own(spine)


@virtual
async def test_a_channel_that_was_renamed_goes_on_where_the_config_names_its_id(tmp_path, clock):
    async with told(tmp_path, clock, channel=OPS) as (slack, spine):
        renamed(slack)
        await spine.take(recovers("c", 10))
        await spine.take(fires("d", 0, first=30))
        await spine.settle(A_WHILE)
        assert made(slack) == ["post", "update", "reply", "post"]
        assert own(spine) == ""


def test_a_remedy_is_of_a_word_that_slack_has():
    assert _REMEDIES.keys() - CODES.keys() - WEBHOOK_CODES.keys() == set()
    assert _SENTENCES["en"].keys() == _SENTENCES["zh"].keys() == set(_REMEDIES.values())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_to_do_is_said_for_slacks_word_and_for_no_other(language):
    assert remedy("200 missing_scope; needed chat:write", language) == _SENTENCES[language]["scope"]
    assert remedy("404 no_service", language) == _SENTENCES[language]["webhook"]
    assert remedy("200 accesslimited", language) == _SENTENCES[language]["restricted"]
    assert remedy("503 service_unavailable", language) == remedy("", language) == ""
