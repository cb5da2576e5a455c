"""A whole life on a Slack that no one here wrote, read back through its API."""

import re
from functools import partial

import pytest

from tests.judges.emulator import BOT, emulated
from tests.judges.judging import INSTALLED, MISSING, blocks_of
from tests.process.running import ROOT, until
from tests.process.telling import callback

pytestmark = pytest.mark.skipif(not INSTALLED.is_file(), reason=MISSING)


@pytest.fixture
async def slack(tmp_path, http):
    async with emulated(tmp_path, http) as emulator:
        yield emulator


def config(slack):
    ops = {"type": "slack", "token": BOT, "channel": "ops", "api_url": slack.api_url}
    general = {"type": "slack_webhook", "url": slack.webhook}
    return {"channels": {"ops": ops, "general": general}}


def first_line(message):
    """Give the text of a message's first block, which says in every state what it is about."""
    return next(blocks_of(message))["text"]["text"]


async def test_a_life_with_two_kills_between_its_steps_leaves_one_message_and_its_thread(runner, slack):
    bridge = await runner.serve(config(slack))
    for body in (callback(), callback(minutes=5)):
        await bridge.accept(body)
        await bridge.idle()
        await bridge.kill()
        bridge = await runner.serve(config(slack))
    await bridge.accept(callback(over=True))
    await bridge.idle()
    assert await bridge.terminate() == 0

    (message,) = await slack.history("ops")
    assert message["edited"]
    assert message["text"].startswith("✅ Recovered · MemoryUtilization · 10.0.0.1 (ins-00000001)")
    assert first_line(message) == "✅ *Recovered* · *MemoryUtilization* · 10.0.0.1 (ins-00000001)"
    assert [one["color"] for one in message["attachments"]] == ["#2EB67D"]
    (reply,) = await slack.thread("ops", message["ts"])
    assert first_line(reply) == "✅ *Recovered* · lasted 1 h · 95 % (threshold &gt; 90 %)"
    assert reply["text"] == message["text"]
    ids = [one["metadata"]["event_payload"] for one in (message, reply)]
    assert [one["alarm_id"] for one in ids] == ["jmbx4h", "jmbx4h"]
    assert ids[0]["event_id"] == ids[1]["event_id"]
    assert ids[0]["delivery_id"] != ids[1]["delivery_id"]


async def test_an_incoming_webhook_gets_the_trigger_and_the_end_as_messages_of_their_own(runner, slack):
    bridge = await runner.serve(config(slack))
    for body in (callback(), callback(minutes=5), callback(over=True)):
        await bridge.accept(body)
        await bridge.idle()
    assert await bridge.terminate() == 0

    posted = await slack.history("general")
    assert [first_line(one) for one in posted] == [
        "🔴 MemoryUtilization · 10.0.0.1 (ins-00000001)",
        "✅ *Recovered* · *MemoryUtilization* · 10.0.0.1 (ins-00000001)",
    ]


def attempted(bridge, number):
    return len(bridge.logged("attempt")) >= number


async def test_a_newcomer_gets_from_the_page_about_slack_to_a_message_that_lives_and_ends(runner, slack, tmp_path):
    """What the page says to do, in its own words, with the emulator that it names and ports that are free here."""
    page = (ROOT / "docs" / "slack.md").read_text("utf-8")
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", page.split("### Without a workspace")[1], re.MULTILINE | re.DOTALL)
    text = blocks[0].replace("http://127.0.0.1:4003/api/", slack.api_url)
    text = text.replace("server:", "console: {listen: 127.0.0.1:0}\nserver:\n  listen: 127.0.0.1:0")
    (tmp_path / "config.yaml").write_text(text)
    environ = {"SLACK_BOT_TOKEN": BOT}

    code, _, said = await runner.run("check", environ=environ)
    assert code == 0, said
    bridge = await runner.serve(tmp_path / "config.yaml", environ=environ)
    seen: list[str] = []
    for command in re.findall(r"^ *alarm-bridge (send .*)$", page, re.MULTILINE):
        code, _, said = await runner.run(*command.split(), "--url", bridge.url, environ=environ)
        assert code == 0, said
        await until(partial(attempted, bridge, len(seen) + 1 + ("recovered" in command)), command)
        (message,) = await slack.history("general")
        seen.append(message["text"].split(" · ")[0])
    assert seen == ["🔴 Triggered", "🔥 Still firing", "✅ Recovered"]
    (reply,) = await slack.thread("general", message["ts"])
    assert reply["text"] == message["text"]
