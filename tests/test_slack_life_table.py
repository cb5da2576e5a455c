"""The tables of docs/slack.md: what `on_repeat` and `on_recovered` make of a life of eight events, a row each."""

import os
import re
from datetime import timedelta
from itertools import combinations, product
from pathlib import Path

import pytest

from tests.fakes.slack import TOKEN, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import DAY, fires, recovers

PAGE = Path(__file__).parents[1].joinpath("docs", "slack.md").read_text("utf-8")
ROW = re.compile(r"^\| `\[(.*?)\]`.*? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", re.MULTILINE)
CONFIG = """
server: {{auth: off}}
channels:
  ops: {{type: slack, token: {token}, channel: "#ops", api_url: "{api}", on_repeat: [{repeat}], on_recovered: [{recovered}]}}
default_channels: [ops]
"""
LIFE = (  # minutes since it began, and what comes; None: nothing for 26 hours
    (2, fires("a", level="Remind")),
    (7, fires("b", 5, level="Remind")),
    (12, fires("c", 10, level="Serious")),
    (17, fires("d", 15, level="Serious")),
    (22, recovers("e", 20)),
    (32, fires("f", 30, level="Serious")),
    (37, fires("g", 35, level="Serious")),
    (DAY + 600, None),
)
REPEAT = ("update", "thread", "post")
RECOVERED = ("update", "thread", "broadcast", "post")
USUAL = ("update", "update, thread")


def table(key):
    """Give steps → messages, edits, replies and broadcasts, of the table below a heading in the page."""
    section = PAGE.split(f"| `{key}` | messages |")[1].split("\n\n")[0] + "\n"
    return {steps: tuple(map(int, counts)) for steps, *counts in ROW.findall(section)}


def subsets(steps):
    return [", ".join(some) for size in range(len(steps) + 1) for some in combinations(steps, size)]


BOTH = list(product(subsets(REPEAT), subsets(RECOVERED)))


async def lived(folder, clock, repeat, recovered):
    """Live the life, and count what stands in Slack: messages, edits, replies, and those shown to all."""
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, repeat=repeat, recovered=recovered)
        began = clock.now() - timedelta(seconds=93)
        async with a_spine(folder, text, clock) as spine:
            for minute, body in LIFE:
                clock.shift += began + timedelta(minutes=minute) - clock.now()
                if body is None:
                    await spine.receive(26 * 3600)
                else:
                    await spine.take(body)
                await spine.settle(5)
            assert [state for (state,) in spine.rows("SELECT state FROM events ORDER BY id")] == [
                "triggered", "repeat", "escalated", "repeat", "recovered", "triggered", "repeat", "expired",
            ]  # fmt: skip
        assert {call.answer for call in slack.calls} == {"ok"}
        replies = [reply for message in slack.top_level for reply in slack.replies(message.ts)]
        edits = sum(len(message.edits) for message in slack.top_level)
        return len(slack.top_level), edits, len(replies), sum(reply.broadcast for reply in replies)


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


@pytest.mark.parametrize("repeat", subsets(REPEAT))
@virtual
async def test_what_a_repeat_does_is_what_the_page_says(repeat, tmp_path, clock):
    assert await lived(tmp_path, clock, repeat, USUAL[1]) == table("on_repeat")[repeat]


@pytest.mark.parametrize("recovered", subsets(RECOVERED))
@virtual
async def test_what_an_end_does_is_what_the_page_says(recovered, tmp_path, clock):
    assert await lived(tmp_path, clock, USUAL[0], recovered) == table("on_recovered")[recovered]


def test_the_tables_have_a_row_for_all_that_can_be_set():
    assert list(table("on_repeat")) == subsets(REPEAT)
    assert list(table("on_recovered")) == subsets(RECOVERED)
    assert table("on_repeat")[USUAL[0]] == table("on_recovered")[USUAL[1]]


@pytest.mark.parametrize(("repeat", "recovered"), BOTH if os.environ.get("JUDGE_ALL") else BOTH[5::41])
@virtual
async def test_what_both_do_together_is_what_their_rows_say(repeat, recovered, tmp_path, clock):
    """What each does beyond the usual adds up: every combination in `make judge`, some of them here."""
    usual = table("on_repeat")[USUAL[0]]
    sums = zip(table("on_repeat")[repeat], table("on_recovered")[recovered], usual, strict=True)
    assert await lived(tmp_path, clock, repeat, recovered) == tuple(one + other - both for one, other, both in sums)
