"""What people see when something was done to a channel in Slack before a restart: never silence, never a loop.

What Slack said of the channel is forgotten by then: its id, where the config has its name. So a message
that cannot be changed may stand in another channel than that of the config, and is followed by a new one.
"""

import pytest

from tests.fakes.slack import TOKEN, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import fires, recovers
from tests.test_slack_repair import CASES, CONFIG, FIRST, LONG, made, mended, own, renamed


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


@pytest.mark.parametrize(("happens", "word", "to_do"), CASES)
@virtual
async def test_a_channel_that_takes_nothing_since_before_a_restart_is_told_of_and_tells_all_when_it_is_mended(
    happens, word, to_do, tmp_path, clock
):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, more="", channel="#ops")
        async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
            await spine.take(fires("a"))
            await spine.settle(10)
        happens(slack)
        async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
            await spine.take(recovers("c", 10))
            await spine.settle(10)
            await spine.take(fires("d", 0, first=30))
            await spine.settle(LONG)
            assert f"Problem     200 {word}" in own(spine)
            assert to_do in own(spine)
            assert made(slack).count("ask") == 2  # no loop
            assert len(slack.calls) <= 12
            mended(slack)
            await spine.settle(LONG)
        changed = [(None, "✅ Recovered"), (FIRST, "✅ Recovered"), (None, "🔴 Triggered")]
        anew = [(None, "🔴 Triggered"), (None, "✅ Recovered"), (None, "🔴 Triggered")]
        told = [(message.thread_ts, message.text.partition(" · ")[0]) for message in slack.messages]
        assert told == (changed if happens is renamed else anew)
