"""docs/routing.md: its trees are loaded, and its tables are true."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bridge.alarm import Alarm, State, Status
from bridge.config import load
from bridge.matching import FIELDS

DOCUMENT = (Path(__file__).parent.parent / "docs" / "routing.md").read_text()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TREES = re.findall(r"```yaml\n(.*?)```\n\n(\| alarm .*?)\n\n", DOCUMENT, re.DOTALL)
LANGUAGE = "".join(re.findall(r"\| written \| takes .*?\n\n", DOCUMENT, re.DOTALL))


def table(text):
    """Give the rows of a table below its head, cells without the bars."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.strip().splitlines()[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def loaded(tmp_path, text):
    names = sorted({name for found in re.findall(r"channels: \[(.*?)\]", text) for name in found.split(", ") if name})
    channels = "".join(f"  {name}:\n    type: terminal\n" for name in names)
    file = tmp_path / "config.yaml"
    file.write_text(f"server:\n  auth: off\nchannels:\n{channels}{text}")
    found = load(file, {})
    assert found.warnings == ()
    return found.config.routes


def alarm(text):
    fields = YAML(typ="safe").load(text)
    return Alarm(status=Status.FIRING, received_at=NOW, occurred_at=NOW, **fields)


@pytest.mark.parametrize(
    ("tree", "heard", "channels"),
    [(tree, row[0], row[1]) for tree, rows in TREES for row in table(rows)],
)
def test_an_alarm_goes_where_the_table_says(tmp_path, tree, heard, channels):
    chosen = loaded(tmp_path, tree).choose(alarm(heard.strip("`")), State.TRIGGERED)
    expected = [] if channels == "nowhere" else re.findall(r"`(\S+)`", channels)
    assert [choice.channel for choice in chosen] == expected


@pytest.mark.parametrize(("written", "takes", "refuses"), table(LANGUAGE))
def test_a_written_match_takes_and_refuses_what_the_table_says(tmp_path, written, takes, refuses):
    text = f"routes:\n  - match:\n      policy_name: {written.strip('`')}\n    channels: [a]\ndefault_channels: [b]\n"
    routes = loaded(tmp_path, text)

    def channel(value):
        heard = Alarm(status=Status.FIRING, received_at=NOW, occurred_at=NOW, policy_name=value)
        return routes.choose(heard, State.TRIGGERED)[0].channel

    assert {channel(value) for value in values(takes)} == {"a"}
    assert {channel(value) for value in values(refuses)} == {"b"}


def values(cell):
    return [part.strip().strip("`") for part in cell.split(",")]


def test_the_document_has_its_trees_and_tables():
    assert [len(table(rows)) for _, rows in TREES] == [5, 6]
    assert len(table(LANGUAGE)) == 14


def test_every_field_is_documented():
    section = DOCUMENT.split("### Fields")[1].split("## ")[0]
    assert {name for name in FIELDS if f"`{name}`" not in section} == set()
