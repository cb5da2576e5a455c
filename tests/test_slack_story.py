"""What ties the Slack messages of one alarm together: the link to the last one, and what went into the thread."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import fires, recovers

CONFIG = """
server: {{auth: off}}
channels:
  ops: {{type: slack, token: {token}, channel: "#ops", api_url: "{api}"}}
  hook: {{type: slack_webhook, url: "{hook}"}}
default_channels: [{channel}]
"""


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


@asynccontextmanager
async def a_life(folder, clock, channel="ops"):
    """Run a bridge at a strict Slack; give what takes a callback at a minute of the alarm's life."""
    began = clock.now() - timedelta(seconds=93)
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, hook=slack.hook_url, channel=channel)
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
