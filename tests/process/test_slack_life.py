"""The whole life of an alarm on a strict Slack, through real slack-sdk, also across a SIGKILL between its steps."""

import time

from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack
from tests.process.running import until
from tests.process.telling import callback

HEARD_AND_SILENT = Trouble(fails="hang", takes=True)  # Slack has the message, and the bridge never hears so
POST, UPDATE = "chat.postMessage", "chat.update"
HISTORY, REPLIES = "conversations.history", "conversations.replies"
TITLE = "MemoryUtilization · 10.0.0.1 (ins-00000001)"
VALUE = "95 % (threshold &gt; 90 %)"
WHAT = ["*Region*\nGuangzhou (gz)", "*Policy*\nprod-memory (policy-process)", "*Product*\nCVM"]
BOLD = "*95 %* (threshold &gt; 90 %)"
SINCE = "<!date^1793487600^{date_short_pretty} {time}|2026-11-01 07:00:00 +08:00>"
TRIGGERED = [f"🔴 {TITLE}", f"*Triggered* · {BOLD}", f"*Since*\n{SINCE}", *WHAT, "Id jmbx4h"]
REPEAT = [f"🔥 {TITLE}", f"*Still firing* · {BOLD}", f"*Since*\n{SINCE} · for 5 min", *WHAT, "Id jmbx4h · Repeats: 1"]
RECOVERED = [
    "✅ *Recovered* · *MemoryUtilization* · 10.0.0.1 (ins-00000001)",
    f"{SINCE} to <!date^1793491200^{{time}}|2026-11-01 08:00:00 +08:00> · lasted 1 h · {VALUE}",
    "prod-memory (policy-process) · CVM · Guangzhou (gz)",
    "Id jmbx4h · Repeats: 1",
]
ANSWERED = ["✅ *Recovered* · lasted 1 h · 95 % (threshold &gt; 90 %)", "Repeats: 1"]


def ops(slack):
    return {"channels": {"ops": {"type": "slack", "token": TOKEN, "channel": "#ops", "api_url": slack.api_url}}}


def shown(content):
    """Give the texts of a message's blocks from top to bottom."""
    below = [block for one in content.get("attachments", ()) for block in one["blocks"]]
    return [text for block in (*content["blocks"], *below) for text in texts_of(block)]


def texts_of(block):
    inner = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return [text if isinstance(text, str) else text["text"] for text in (one["text"] for one in inner if one)]


async def called(slack, number):
    """Wait for so many calls, and give their methods."""
    await until(lambda: len(slack.calls) >= number, f"{number} calls")
    return [call.method for call in slack.calls]


async def test_an_alarm_is_posted_updated_on_repeat_and_updated_and_answered_in_its_thread_on_recovery(runner):
    async with serve_slack() as slack:
        bridge = await runner.serve(ops(slack))
        for number, body in enumerate((callback(), callback(minutes=5)), 1):
            await bridge.accept(body)
            await called(slack, number)
            await bridge.idle()
        await bridge.accept(callback(over=True))
        assert await called(slack, 4) == [POST, UPDATE, UPDATE, POST]
        await bridge.idle()
    assert {call.answer for call in slack.calls} == {"ok"}
    (message,) = slack.top_level
    assert message.channel == OPS
    assert [shown(content) for content in (*message.edits, message.content)] == [TRIGGERED, REPEAT, RECOVERED]
    (reply,) = slack.replies(message.ts)
    assert (shown(reply.content), reply.broadcast) == (ANSWERED, False)


async def test_a_kill_between_the_steps_of_a_life_repeats_what_was_begun_once_and_what_was_stored_never(runner):
    async with serve_slack() as slack:
        bridge = await runner.serve(ops(slack))

        slack.next.append(HEARD_AND_SILENT)  # the trigger's message is out, and nobody knows
        await bridge.accept(callback())
        await called(slack, 1)
        await bridge.kill()
        bridge = await runner.serve(ops(slack))
        assert await called(slack, 2) == [POST, POST]
        await bridge.idle()

        await bridge.kill()  # the second message is stored
        bridge = await runner.serve(ops(slack))
        slack.next.append(HEARD_AND_SILENT)
        await bridge.accept(callback(minutes=5))
        assert await called(slack, 3) == [POST, POST, UPDATE]
        await bridge.kill()
        bridge = await runner.serve(ops(slack))
        assert await called(slack, 4) == [POST, POST, UPDATE, UPDATE]
        await bridge.idle()

        slack.next += [Trouble(), HEARD_AND_SILENT]  # the update is taken and known, the answer is not
        await bridge.accept(callback(over=True))
        assert await called(slack, 6) == [POST, POST, UPDATE, UPDATE, UPDATE, POST]
        await bridge.kill()
        bridge = await runner.serve(ops(slack))
        assert await called(slack, 8) == [POST, POST, UPDATE, UPDATE, UPDATE, POST, REPLIES, POST]
        await bridge.idle()
        assert await bridge.terminate() == 0

    assert [call.answer for call in slack.calls if call.method == REPLIES] == ["missing_scope"]
    assert len(slack.calls) == 8
    orphan, message = slack.top_level
    assert shown(orphan.content) == TRIGGERED
    assert orphan.edits == []
    assert [shown(one) for one in (*message.edits, message.content)] == [TRIGGERED, REPEAT, REPEAT, RECOVERED]
    assert slack.replies(orphan.ts) == []
    assert [shown(reply.content) for reply in slack.replies(message.ts)] == [ANSWERED, ANSWERED]
    begun = [line for line in bridge.logged("attempt") if line["verdict"] == "ambiguous"]
    assert [line["said"] for line in begun] == ["the bridge stopped before an answer came"]


async def test_what_a_kill_left_without_an_answer_is_found_by_a_token_that_may_read_and_not_repeated(runner):
    async with serve_slack() as slack:
        slack.epoch = int(time.time())
        slack.scopes.append("channels:history")
        content = {"channels": {"ops": {**ops(slack)["channels"]["ops"], "channel": OPS}}}
        bridge = await runner.serve(content)
        slack.next.append(HEARD_AND_SILENT)
        await bridge.accept(callback())
        await called(slack, 1)
        await bridge.kill()
        bridge = await runner.serve(content)
        assert await called(slack, 2) == [POST, HISTORY]
        await bridge.idle()

        slack.next += [Trouble(), HEARD_AND_SILENT]
        await bridge.accept(callback(over=True))
        await called(slack, 4)
        await bridge.kill()
        bridge = await runner.serve(content)
        assert await called(slack, 5) == [POST, HISTORY, UPDATE, POST, REPLIES]
        await bridge.idle()
        assert await bridge.terminate() == 0
    (message,) = slack.top_level
    assert [shown(reply.content) for reply in slack.replies(message.ts)] == [ANSWERED[:1]]
