"""docs/slack.md: what stands there is what the code does."""

import re
from pathlib import Path

from ruamel.yaml import YAML

from bridge.alarm import State
from bridge.channels import KINDS
from bridge.channels.slack_codes import CODES, FAMILIES, WEBHOOK_CODES, Meaning
from bridge.config import load
from bridge.rendering import builtin_templates
from bridge.rendering.dialects.slack import LIMITS, MAX_TEXT, MAX_TOTAL

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "slack.md").read_text("utf-8")
UNDER = {  # the bold words above a table of errors, and the meanings it lists
    "Too fast, or not now": {Meaning.LIMITED, Meaning.SLOW, Meaning.PASSING},
    "It may have arrived": {Meaning.UNSURE},
    "The token or the app": {Meaning.CREDENTIALS},
    "The Slack channel": {Meaning.DESTINATION},
    "This message: at once without its fault": {Meaning.RICH},
    "This message, whatever its form": {Meaning.FINAL},
    "The message to change or answer is not there": {Meaning.GONE},
}


BARS = {
    "red": "#E01E5A", "orange": "#E8590C", "dark red": "#A61E4D", "green": "#2EB67D", "grey": "#868E96", "violet": "#7048E8",
}  # fmt: skip


def block(number):
    """Give the page's YAML block with this number, outdented."""
    lines = re.findall(r"^( *)```yaml\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)[number]
    return "\n".join(line.removeprefix(lines[0]) for line in lines[1].splitlines())


def errors():
    """Give each table of errors: the words above it, and the codes in it, each explained and with advice."""
    section = PAGE.split("## What Slack's errors mean\n")[1]
    for title, table in re.findall(
        r"^\*\*([^*]*)\*\*[^|]*?\n\n\| word .*?\n\|[- |]+\n(.*?)(?:\n\n|\Z)", section, re.MULTILINE | re.DOTALL
    ):
        rows = [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in table.splitlines()]
        assert all(len(row) == 3 and all(row) for row in rows), title
        yield title, [row[0].strip("`") for row in rows]


def test_each_error_that_slack_documents_is_explained_under_what_it_means_here():
    tables = dict(errors())
    for beginning, meanings in UNDER.items():
        (codes,) = [codes for title, codes in tables.items() if title.startswith(beginning)]
        families = [f"{start}…{end}" for start, end, meaning in FAMILIES if meaning in meanings]
        assert codes == [code for code, meaning in CODES.items() if meaning in meanings] + families
    assert tables["Incoming webhooks"] == [code for code in WEBHOOK_CODES if code not in CODES]
    assert {code: WEBHOOK_CODES[code] for code in CODES} == CODES
    assert len(tables) == len(UNDER) + 1


def test_the_manifest_asks_for_no_scope_that_serving_does_not_need():
    manifest = YAML(typ="safe").load(block(0))
    assert manifest["oauth_config"]["scopes"] == {"bot": ["chat:write"]}
    assert manifest["features"]["bot_user"]["display_name"] == "Alarm Bridge"


def test_the_configs_that_it_shows_are_right(tmp_path):
    for number, environ in (
        (1, {"SLACK_BOT_TOKEN": "xoxb-1"}),
        (2, {"SLACK_BOT_TOKEN": "xoxb-1"}),
        (3, {"DBA_SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/X"}),
    ):
        file = tmp_path / f"{number}.yaml"
        text = block(number)
        file.write_text(text if "server:" in text else f"server: {{auth: off}}\n{text}\ndefault_channels: [dba]\n")
        loaded = load(file, environ)
        assert len(loaded.config.channels) == 1


def test_every_setting_of_a_slack_channel_is_in_its_table():
    section = re.search(r"^## Settings\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", section[1], re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    fields = KINDS["slack"].settings.model_fields.keys() - {"type"}
    assert named == fields


def test_the_limits_that_it_names_are_those_kept():
    numbers = (LIMITS["header", "text"], LIMITS["section", "fields"], LIMITS["section", "text"], MAX_TOTAL, MAX_TEXT)
    said = "{:,} units of a heading, {:,} of a field, {:,} of a\nsection, {:,} of a message, {:,} of its notification"
    assert said.format(*numbers) in PAGE


def test_the_signs_and_bars_that_it_names_are_those_of_the_templates():
    section = PAGE.split("## What you see")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (\S+) \| ((?:\w+ ?)+) \|", section, re.MULTILINE)
    assert rows.pop(0) == ("state", "sign", "bar")
    for state, sign, bar in rows:
        template = (builtin_templates() / "slack" / f"{state}.slack.json.j2").read_text("utf-8")
        assert (sign in template, BARS[bar] in template) == (True, True), state
    assert len(rows) == len(State)


def test_every_picture_and_page_that_it_leads_to_is_there():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target
