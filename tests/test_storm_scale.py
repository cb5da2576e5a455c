"""Ten thousand alarms in a minute for one chat, and five thousand that come and go while it is down."""

import asyncio
import re
from contextlib import AsyncExitStack

import pytest

from bridge.store import writer
from tests.fakes.slack import TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels:
  ops: {type: slack, token: %s, channel: "#ops", api_url: "%s"}
default_channels: [ops]
"""
ALARMS = 10_000
SECONDS = 60
COUNT = re.compile(r"Digest · (\d+) alarms: (.*)")


@pytest.fixture(autouse=True)
def few_waits_for_the_disk(monkeypatch):
    monkeypatch.setattr(writer, "MAX_BATCH", 500)


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def of(number, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def recovery(number):
    return of(number, "r", alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


class Down:
    """A Slack that takes nothing until a time."""

    def __init__(self, clock, seconds):
        self._clock, self._until = clock, clock.monotonic() + seconds

    def __bool__(self):
        return self._clock.monotonic() < self._until

    def popleft(self):
        return Trouble(status=503, headers={"Retry-After": "1200"})


def told(slack):
    """Count the alarms that a chat was told of."""
    digests = [found for message in slack.messages if (found := COUNT.search(message.text))]
    return sum(int(found[1]) for found in digests) + len(slack.messages) - len(digests)


@virtual
async def test_a_storm_of_ten_thousand_is_a_handful_of_messages_in_which_every_alarm_is_counted(tmp_path, clock):
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(serve_slack(clock=clock.monotonic))
        spine = await stack.enter_async_context(a_spine(tmp_path, CONFIG % (TOKEN, slack.api_url), clock))
        for second in range(SECONDS):
            numbers = range(ALARMS * second // SECONDS, ALARMS * (second + 1) // SECONDS)
            await asyncio.gather(*(spine.take(of(number)) for number in numbers))
            if second == SECONDS // 2:
                await spine.take(of("serious", alarmLevel="Serious"))
                before = clock.monotonic()
                while not any("ins-serious" in message.text for message in slack.messages):
                    await clock.sleep(0.1)
                assert clock.monotonic() - before < 5
            else:
                await clock.sleep(1)
        await spine.settle(60)
        assert told(slack) == ALARMS + 1
        assert len(slack.messages) <= 8
        assert all(call.answer == "ok" for call in slack.calls)
        ((sent, digested),) = spine.rows("SELECT sum(state = 'sent'), sum(state = 'digested') FROM deliveries")
        assert (sent, digested) == (len(slack.messages), ALARMS + 1 - len(slack.messages) + digests(slack))
        await spine.take(of("afterwards"))
        await spine.settle(2)
        assert "ins-afterwards" in slack.messages[-1].text


def digests(slack):
    return sum(1 for message in slack.messages if COUNT.search(message.text))


@virtual
async def test_what_came_and_went_while_the_chat_was_down_is_told_in_ten_messages_at_most(tmp_path, clock):
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(serve_slack(clock=clock.monotonic))
        spine = await stack.enter_async_context(a_spine(tmp_path, CONFIG % (TOKEN, slack.api_url), clock))
        await spine.take(of("before"))
        await spine.settle(5)
        slack.next = Down(clock, 6 * 3600)  # type: ignore[assignment]  # all that the fake asks of it
        for start in range(0, 5000, 250):
            numbers = range(start, start + 250)
            await asyncio.gather(*(spine.take(of(number)) for number in numbers))
            await asyncio.gather(*(spine.take(recovery(number)) for number in numbers if number % 5))
            await clock.sleep(6 * 3600 / 20)
        await spine.settle(600)
        since = slack.messages[1:]
        assert len(since) <= 10
        ((message, count),) = [(one, found) for one in since if (found := COUNT.search(one.text))]
        assert count[0] == "Digest · 5000 alarms: 1000 triggered, 4000 recovered"
        said = str(message.content)
        assert sum(f"ins-{number} " in said for number in range(5000)) == 50
        assert sum(f"ins-{number} " in said for number in range(0, 5000, 5)) == 50
