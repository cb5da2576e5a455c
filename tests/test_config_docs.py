"""The example and the documentation say what the code does."""

import itertools
import re
from pathlib import Path
from typing import Annotated

import pytest
from pydantic_core import PydanticUndefined

from bridge.channels import KINDS
from bridge.channels.success import Success
from bridge.config import TopSettings, load
from bridge.configuration.tree import ListNode, Scalar, get
from bridge.configuration.values import typed
from bridge.configuration.yaml_tree import parse
from bridge.heartbeat import HeartbeatSettings
from bridge.routing import RouteSettings
from bridge.settings import ChannelSettings, Record
from bridge.web.settings import Auth, BasicUser, ConsoleSettings, ServerSettings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.yaml"
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
ENVIRON = {
    "BRIDGE_TOKEN": "0123456789abcdef",
    "BRIDGE_PASSWORD": "password",
    "SLACK_BOT_TOKEN": "xoxb-0123456789",
    "DBA_SLACK_WEBHOOK": "https://hooks.slack.com/services/T000/B000/XXXX",
    "TICKETS_SECRET": "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
}
SECTIONS = {
    "Top level": TopSettings,
    "`server`": ServerSettings,
    "`auth`": Auth,
    "`basic`": BasicUser,
    "`console`": ConsoleSettings,
    "`heartbeat`": HeartbeatSettings,
    "`channels`": ChannelSettings,
    "`success`": Success,
    "`routes`": RouteSettings,
    **{f"`{name}`": kind.settings for name, kind in KINDS.items()},
}


def rows(title):
    """Give key → default of the table under a heading."""
    section = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section, f"docs/configuration.md has no section {title}"
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section[1], re.MULTILINE))


def fields(model):
    """Give key → field; of a kind of channel those that it adds or changes."""
    base = ChannelSettings.model_fields if model in {kind.settings for kind in KINDS.values()} else {}
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if name == "type"
        or name not in base
        or (base[name].default, base[name].is_required()) != (field.default, field.is_required())
    }


def plain(text):
    node = get(parse(f"key: {text}")[0], "key")
    if isinstance(node, Scalar):
        return typed(node)
    return [item.text for item in node.items if isinstance(item, Scalar)] if isinstance(node, ListNode) else {}


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_is_documented_and_no_other(title):
    assert set(rows(title)) == set(fields(SECTIONS[title]))


@pytest.mark.parametrize("title", SECTIONS)
def test_every_default_is_the_documented_one(title):
    for key, field in fields(SECTIONS[title]).items():
        said = rows(title)[key]
        default = field.get_default(call_default_factory=True)
        if said == "required":
            assert field.is_required() or key == "type", key
        elif said == "none":
            assert default in (None, {}, ()), key
        elif said == "its defaults":
            assert default == ConsoleSettings()
        else:
            assert default is not PydanticUndefined, key
            assert _read(field, plain(said.strip("`"))) == default, key


def _read(field, value):
    """Give what a record with this field makes of a value."""
    annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    record = type("One", (Record,), {"__annotations__": {"value": annotation}, "__module__": __name__})
    return record(value=value).value


def test_the_example_loads_without_a_warning_and_has_what_the_contract_says():
    loaded = load(EXAMPLE, {})
    config = loaded.config
    assert loaded.warnings == ()
    assert str(config.server.listen) == "127.0.0.1:8080"
    assert config.server.auth is None
    assert config.store == ROOT / "alarm-bridge.db"
    assert {name: settings.type for name, settings in config.channels.items()} == {"here": "terminal"}
    assert (config.default_channels, config.routes.all) == (("here",), ())


def test_what_the_example_shows_in_comments_can_be_used_as_it_stands(tmp_path):
    text = re.sub(r"^( *)#(?=\S| {2})", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    text = text.replace("  auth: off\n  # Instead", "  # Instead", 1).replace(
        "default_channels: [here]", "default_channels: [here, ops, dba, tickets]"
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "config.yaml").write_text(text)
    loaded = load(tmp_path / "config.yaml", ENVIRON)
    assert loaded.warnings == ()
    assert list(loaded.config.channels) == ["here", "ops", "dba", "tickets"]
    assert [route.name for route in loaded.config.routes.all] == ["databases"]


def test_each_key_of_the_example_has_a_sentence_above_it():
    lines = EXAMPLE.read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"( {2})?#?[a-z_]+: \S", line) and not re.match(r"#? {4}|#  ", line):
            assert re.match(r" *# \S", above), line


def test_the_documentations_own_mistakes_are_said_in_these_words(tmp_path):
    """The text block at the document's head is what `check` says."""
    assert 'config.yaml:4:3: server.lisen: unknown key; did you mean "listen"?' in DOCUMENT
    file = tmp_path / "config.yaml"
    file.write_text(
        "# one\n# two\nserver:\n  lisen: 127.0.0.1:8080\n  auth: off\nchannels:\n  ops:\n    type: slack\n"
        '    token: "${SLACK_BOT_TOKEN}"\n    channel: "#ops"\ndefault_channels: [ops]\n'
    )
    with pytest.raises(Exception, match="unknown key") as wrong:
        load(file, {})
    assert str(wrong.value).replace(f"{tmp_path}/", "") in DOCUMENT
