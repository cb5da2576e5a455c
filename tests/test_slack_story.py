"""What ties the Slack messages of one alarm together: the link to the last one, and what went into the thread."""

import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_delivery_restart import crash
from tests.test_lives import EVENT, fires, recovers
from tests.test_rendering_support import shown

CONFIG = """
server: {{auth: off}}
channels:
  ops: {{type: slack, token: {token}, channel: "#ops", api_url: "{api}"{more}}}
  hook: {{type: slack_webhook, url: "{hook}"}}
default_channels: [{channel}]
"""


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


@asynccontextmanager
async def a_life(folder, clock, channel="ops", *, more="", routes=""):
    """Run a bridge at a strict Slack; give what takes a callback at a minute of the alarm's life."""
    began = clock.now() - timedelta(seconds=93)
    async with serve_slack(clock=clock.monotonic) as slack:
        named = {"token": TOKEN, "api": slack.api_url, "hook": slack.hook_url}
        text = CONFIG.format(**named, channel=channel, more=more) + routes
        async with a_spine(folder, text, clock) as spine:

            async def hear(minute, *bodies, seconds=10):
                clock.shift += began + timedelta(minutes=minute) - clock.now()
                for body in bodies:
                    await spine.take(body)
                await spine.settle(seconds)

            yield slack, spine, hear


def foot(content):
    return content["attachments"][0]["blocks"][-1]["elements"][0]["text"]


def place(message):
    return f"https://example.slack.com/archives/{OPS}/p{message.ts.replace('.', '')}"


# an alarm that comes again


@virtual
async def test_an_alarm_that_comes_again_links_to_its_last_message_for_as_long_as_it_lasts(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        await hear(2, fires("a"))
        await hear(12, recovers("b", 10))
        await hear(22, fires("c", 20))
        await hear(27, fires("d", 25))
        await hear(32, recovers("e", 30))
        first, second = slack.top_level
        link = f" · <{place(first)}|Its last message>"
        assert [foot(one).partition(link)[1] for one in (*second.edits, second.content)] == [link] * 3
        assert link not in str(first)
        assert [call.answer for call in slack.calls if call.method == "chat.getPermalink"] == ["ok"]
        assert spine.rows("SELECT count(*) FROM messages") == [(2,)]


@pytest.mark.parametrize(
    "happens",
    [
        lambda slack: slack.delete(OPS, slack.top_level[0].ts),
        lambda slack: slack.next.append(Trouble(error="fatal_error")),
        lambda slack: slack.next.append(Trouble(fails="drop")),
        lambda slack: slack.next.append(Trouble(body="[]")),
        lambda slack: slack.next.append(Trouble(body='{"ok":true,"permalink":"javascript:alert(1)"}')),
    ],
    ids=["deleted", "an error", "no answer", "no sense", "no address"],
)
@virtual
async def test_where_slack_gives_no_address_the_message_goes_out_without_a_link(happens, tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, _, hear):
        await hear(2, fires("a"))
        await hear(12, recovers("b", 10))
        happens(slack)
        await hear(22, fires("c", 20))
        message = slack.top_level[-1]
        assert message.text.startswith("🔴 Triggered again")
        assert "|" not in foot(message.content)


@virtual
async def test_a_webhook_of_slacks_has_no_addresses(tmp_path, clock):
    async with a_life(tmp_path, clock, "hook") as (slack, _, hear):
        await hear(2, fires("a"))
        await hear(12, recovers("b", 10))
        await hear(22, fires("c", 20))
        assert {call.method for call in slack.calls} == {"webhook"}
        assert "|" not in foot(slack.messages[-1].content)


# what a message had no room for

STORY = "".join(f"line {number} of what went wrong with <!channel> &amp; friends; " for number in range(200))


def says(session, lasted=0, story=STORY):
    """A firing callback of an event whose details have no room in a message."""
    return json.dumps({**json.loads(fires(session, lasted, name=EVENT)), "story": story}).encode()


def sections(message):
    return [block["text"]["text"] for block in message.content["blocks"] if block["type"] == "section"]


def rest(slack):
    """Give the answers in the first message's thread that are no news of it."""
    return [one for one in slack.replies(slack.top_level[0].ts) if one.content["text"].startswith("What the message")]


@virtual
async def test_what_a_message_had_no_room_for_is_told_whole_in_its_thread_once_an_alarm(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        await hear(2, says("a"))
        await hear(7, says("b", 5))
        await hear(12, recovers("c", 10, name=EVENT))
        (message,) = slack.top_level
        assert "…" in str(message.edits[0])
        first, second = rest(slack)
        told = [shown(text) for one in (first, second) for text in sections(one)]
        assert "".join(told).replace(" ", "") == f"*Details*  story {STORY}".replace(" ", "").strip()
        assert max(map(len, sections(first))) <= 3000
        heads = [one.content["blocks"][0]["elements"][0]["text"] for one in (first, second)]
        assert heads == [f"What the message had no room for, in full ({number}/2)" for number in (1, 2)]
        assert first.text.startswith("What the message had no room for, in full (1/2) · 🔴 Triggered · ")
        steps = [
            step for step, state in spine.rows("SELECT step, state FROM deliveries ORDER BY id") if state == "sent"
        ]
        assert steps == ["post", "rest", "rest", "update", "update", "thread"]
        assert {call.answer for call in slack.calls} == {"ok"}


@virtual
async def test_what_plain_text_had_no_room_for_is_told_whole_in_the_thread_too(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        slack.refuses = lambda _caller, _method, said: "invalid_blocks" if said.get("blocks") else ""
        await hear(2, says("a"), seconds=30)
        (message,) = slack.top_level
        assert "…" in message.text
        parts = [one.text.partition("\n") for one in rest(slack)]
        heads = [f"What the message had no room for, in full ({number}/{len(parts)})" for number in (1, 2, 3, 4)]
        assert [head for head, _, _ in parts] == heads
        assert "".join(STORY.split()) in "".join("".join(shown(text) for _, _, text in parts).split())
        assert max(len(one.text) for one in slack.messages) <= 4000
        await hear(7, says("b", 5), seconds=30)
        assert len(rest(slack)) == 4
        assert {state for (state,) in spine.rows("SELECT state FROM deliveries")} == {"sent"}


@virtual
async def test_what_a_failed_template_s_plain_text_had_no_room_for_is_told_too(tmp_path, clock):
    folder = tmp_path / "templates" / "slack"
    folder.mkdir(parents=True)
    folder.joinpath("triggered.slack.json.j2").write_text("{{ 1 // 0 }}")
    async with a_life(tmp_path, clock, routes="templates: templates\n") as (slack, _, hear):
        await hear(2, says("a"), seconds=30)
        assert len(slack.top_level) == 1
        assert [one.text.partition("(")[2][:3] for one in rest(slack)] == ["1/4", "2/4", "3/4", "4/4"]


@virtual
async def test_an_update_that_is_the_first_to_have_no_room_is_told_whole_then(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, _, hear):
        await hear(2, says("a", story="short"))
        assert rest(slack) == []
        await hear(7, says("b", 5))
        await hear(12, says("c", 10))
        assert len(rest(slack)) == 2


@virtual
async def test_what_a_message_that_tells_trigger_and_recovery_had_no_room_for_is_the_recoverys(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, _, hear):
        slack.next.append(Trouble(error="ratelimited", status=429, headers={"Retry-After": "60"}))
        await hear(2, says("a", story="short"))
        over = {**json.loads(recovers("b", 2, name=EVENT)), "story": STORY}
        await hear(2.5, json.dumps(over).encode(), seconds=90)
        assert len(slack.top_level) == 1
        told = "".join(shown(text) for one in rest(slack) for text in sections(one))
        assert "".join(STORY.split()) in "".join(told.split())


@virtual
async def test_a_kill_between_the_parts_repeats_none_whose_answer_was_stored(tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, hook=slack.hook_url, channel="ops", more="")
        async with a_spine(tmp_path, text, clock) as spine:
            slack.next += [Trouble(), Trouble(), Trouble(fails="hang")]
            await spine.take(says("a"))
            await spine.settle(5)
            assert spine.rows("SELECT state FROM deliveries ORDER BY id") == [("sent",), ("sent",), ("begun",)]
            await crash(spine)
        assert len(rest(slack)) == 1
        async with a_spine(tmp_path, text, clock) as spine:
            await spine.settle(10)
            assert spine.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]
        assert [one.text.partition("(")[2][:3] for one in rest(slack)] == ["1/2", "2/2"]


@pytest.mark.parametrize(("error", "states"), [("thread_not_found", ["superseded"]), ("internal_error", ["sent"])])
@virtual
async def test_without_its_thread_the_rest_is_left_and_never_posted_as_a_message(error, states, tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        slack.next += [Trouble(), Trouble(error=error)]
        await hear(2, says("a", story=STORY[:4000]))
        assert len(slack.top_level) == 1
        assert [one for (one,) in spine.rows("SELECT state FROM deliveries WHERE step = 'rest'")] == states


@virtual
async def test_a_broken_channel_hands_no_rest_to_its_fallback(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, spine, hear):
        text = spine.config.file.read_text().replace('"#ops",', '"#ops", fallback: hook,')
        await spine.renew(text)
        slack.next += [Trouble(), Trouble(error="invalid_auth")]
        await hear(2, says("a"), seconds=30)
        assert [call.method for call in slack.calls] == ["chat.postMessage"] * 2
        assert [one for (one,) in spine.rows("SELECT state FROM deliveries WHERE step = 'rest'")] == ["superseded"] * 2


@virtual
async def test_a_webhook_of_slacks_has_no_threads_and_does_without(tmp_path, clock):
    async with a_life(tmp_path, clock, "hook") as (slack, spine, hear):
        await hear(2, says("a"))
        assert "…" in str(slack.messages[0].content)
        assert spine.rows("SELECT step FROM deliveries") == [("post",)]


@virtual
async def test_a_callback_of_a_megabyte_makes_ten_answers_at_most(tmp_path, clock):
    async with a_life(tmp_path, clock) as (slack, _, hear):
        await hear(2, says("a", story="&" * 1_000_000), seconds=60)
        parts = rest(slack)
        assert len(parts) == 10
        assert sections(parts[-1])[-1].endswith("…")
