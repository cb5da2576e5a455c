"""A message that says less than its template makes: shortened, without a block, or as plain text; what asks says why."""

import asyncio
import json
import re

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from tests.fakes.virtual import virtual
from tests.test_lives import fires
from tests.test_slack_story import a_life

SAID = {"type": "section", "text": {"type": "mrkdwn", "text": "{{ alarm.subject }}"}}
LONG = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3100}}
ODD = {"type": "hologram"}
WORD = "200 invalid_blocks; [ERROR] unsupported type: hologram"
CASES = {
    "shortened": ([LONG], "shortened to what the platform takes", {"text", "blocks"}),
    "without a block": (
        [SAID, ODD],
        f"without what Slack refused: {WORD} [json-pointer:/blocks/1]",
        {"text", "blocks"},
    ),
    "plain": ([ODD], f"plain text, since more was refused: {WORD} [json-pointer:/blocks/0]", {"text", "metadata"}),
    "failed": (
        None,
        "plain text, since the template failed: {file}:1: integer division or modulo by zero",
        {"text", "metadata"},
    ),
}


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def asked(*words):
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", CASES)
@virtual
async def test_deliveries_and_explain_say_what_was_left_out_and_why(name, tmp_path, clock):
    blocks, why, shown = CASES[name]
    file = tmp_path / "templates" / "slack" / "triggered.slack.json.j2"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"text": "CPU", "blocks": blocks}) if blocks else "{{ 1 // 0 }}")
    async with a_life(tmp_path, clock, routes="templates: templates\n") as (slack, _, hear):
        await hear(2, fires("a"), seconds=30)
        assert set(slack.top_level[0].content) == shown
        config = ("-c", str(tmp_path / "config.yaml"))
        (post,) = [
            line for line in json.loads(await asyncio.to_thread(asked, "deliveries", *config, "--json"))
            if line["step"] == "post"
        ]  # fmt: skip
        assert post["note"] == why.format(file=file)
        told = await asyncio.to_thread(asked, "explain", *config, post["alarm"])
        (line,) = re.findall(r"ops: post of triggered, by default_channels, delivery \d+: (.*)", told)
        assert line == f"sent: {why.format(file=file)}"
        assert told.count("attempt: sent") == len([call for call in slack.calls if call.answer == "ok"])
