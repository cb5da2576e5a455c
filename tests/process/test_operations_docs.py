"""docs/operations.md: the commands of a day with a real bridge print what stands beside them, and what else can be run holds.

Ids, times and spans differ from run to run and are not compared. WRITE_EXPECTED=1 writes the outputs anew, to be read
before they are kept.
"""

import asyncio
import json
import os
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from bridge.cli import app
from bridge.config import load
from bridge.metrics import Metrics
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import until, write_config
from tests.process.telling import callback, told

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
SQL = re.compile(r'sqlite3 (?:-readonly )?alarm-bridge\.db "(.*?)"')
YAMLS = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
EXAMPLE = re.compile(r"```sh\n(alarm-bridge .*?)```\n\n```text\n(.*?)```", re.DOTALL)
ID = re.compile(r"\b(\d{19}|test-\d+|[0-9a-hjkmnp-tv-z]*\d[0-9a-hjkmnp-tv-z]*)\b")
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\d+ (d|h|min|s)( \d+ (h|min|s))?\b"), "SPAN"),
    (re.compile(r"\b\d{19}\b"), "ID"),
    (re.compile(r"\b[0-9a-hjkmnp-tv-z]{6}\b"), "SHORT"),  # words of six letters as well, on both sides alike
    (re.compile(r"\S+@\S+"), "WHO"),
    (re.compile(r" +"), " "),
)


def config(endpoint):
    return {
        "channels": {"tickets": {"type": "webhook", "url": endpoint.url()}, "here": {"type": "terminal"}},
        "routes": [
            {"name": "bridge", "match": {"kind": "bridge"}, "channels": ["here"]},
            {"name": "quiet", "match": {"object_id": "ins-00000003"}, "channels": []},
        ],
        "default_channels": ["tickets"],
    }


async def a_day(bridge, endpoint):
    """One alarm is told, re-sent and not told again; one is refused; one is for nobody; a body is no alarm."""
    await bridge.accept(callback(1), callback(1))
    await bridge.idle()
    endpoint.next.append(Behaviour(status=400, body="no such queue"))
    await bridge.accept(callback(2))
    await bridge.log("attempt", becomes="dead")
    await bridge.log("an alarm of the bridge's own")
    await bridge.accept(callback(3), b'{"hello": "world"}')
    await bridge.idle()


def run(words, place):
    """Run a command line of the page; give all that it prints."""
    name, *arguments = shlex.split(words)[1:]
    result = CliRunner().invoke(app, [name, "-c", str(place / "config.yaml"), *arguments])
    return result.stdout + result.stderr


def compared(text):
    """Give a text without what differs from run to run."""
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return "\n".join(line.strip() for line in text.splitlines())


def renamed(words, names):
    """Give a command line with the ids of this run."""
    return " ".join(names.get(word, word) for word in words.split(" "))


async def test_each_command_prints_what_stands_beside_it(runner):
    page = PAGE.read_text()
    names: dict[str, str] = {}
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))
        await a_day(bridge, endpoint)
        for commands, printed in EXAMPLE.findall(page):
            lines = [renamed(line, names) for line in commands.splitlines()]
            said = "".join([await asyncio.to_thread(run, line, runner.place) for line in lines])
            said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9000", said).replace(
                str(runner.place), "/var/lib/alarm-bridge"
            )
            if os.environ.get("WRITE_EXPECTED"):
                page = page.replace(f"```text\n{printed}```", f"```text\n{said}```", 1)
                PAGE.write_text(page)
            else:
                assert compared(said) == compared(printed), f"{commands}\n{said}"
                names |= dict(zip(ID.findall(printed), ID.findall(said), strict=False))
        await until(lambda: len(endpoint.received) >= 5, "what was sent again arrives")


def test_the_page_has_its_commands():
    asked = [line.split()[1] for commands, _ in EXAMPLE.findall(PAGE.read_text()) for line in commands.splitlines()]
    assert asked == ["callbacks", "explain", "alarms", "deliveries", "deliveries", "replay", "close", "test-channel"]


@pytest.mark.parametrize("words", sorted(set(re.findall(r"`alarm-bridge ([a-z][^`]*)`", PAGE.read_text()))))
def test_each_command_in_the_text_is_one_with_such_options(words):
    name, *arguments = shlex.split(words)
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    command = group.get_command(group.make_context("alarm-bridge", [name]), name)
    assert command is not None
    assert command.make_context(name, arguments).command is command


def files_of(store):
    """Give what stands beside a store, and the store."""
    return {file.name.removeprefix("alarm-bridge.db") for file in store.parent.glob("alarm-bridge.db*")}


async def test_a_store_is_read_and_backed_up_while_the_bridge_runs_and_moved_when_it_has_stopped(runner):
    backup, query = SQL.findall(PAGE.read_text())
    async with serve_endpoint() as endpoint:
        content = {"channels": {"tickets": {"type": "webhook", "url": endpoint.url()}}}
        bridge = await runner.serve(content)
        await bridge.accept(callback(1), b'{"hello": "world"}')
        await bridge.idle()
        store = runner.place / "alarm-bridge.db"
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as reading:
            assert reading.execute(query).fetchall() == [(b'{"hello": "world"}',)]
            assert backup == ".backup backup.db"
            with closing(sqlite3.connect(runner.place / "backup.db")) as copy:
                reading.backup(copy)  # as the program's `.backup` does
        assert files_of(store) == {"", "-wal", "-shm", ".lock"}
        assert await bridge.terminate() == 0
        assert files_of(store) == {"", ".lock"}
        bridge = await runner.serve(content | {"store": "sqlite:///backup.db"})
        await bridge.accept(callback(1), callback(1, over=True))
        await bridge.idle()
        assert [state for _, state in told(endpoint.received[:1] + endpoint.received[2:])] == ["triggered", "recovered"]


def test_the_rules_ask_for_metrics_and_labels_that_are_there():
    told = Metrics(channels=["ops"]).text().decode()
    rules = YAML(typ="safe").load(next(text for text in YAMLS.findall(PAGE.read_text()) if "alert:" in text))
    assert [rule.keys() for rule in rules] == [{"alert", "expr"}] * 6
    for rule in rules:
        ((name, label, values),) = re.findall(r'\b(alarm_bridge_\w+)(?:{(\w+)=~?"(.*?)"})?', rule["expr"])
        assert f"\n# TYPE {name} " in told
        assert [
            value
            for value in values.split("|")
            if label and f'{name}{{{label}="{value}"' not in told.replace('channel="ops",', "")
        ] == []


def test_what_the_page_shows_of_a_config_is_right(tmp_path):
    _, *parts = YAMLS.findall(PAGE.read_text())
    file = tmp_path / "config.yaml"
    file.write_text(
        "server: {auth: off}\nchannels: {people-who-run-it: {type: terminal}}\ndefault_channels: [people-who-run-it]\n"
        + "".join(parts)
    )
    loaded = load(file, {})
    assert loaded.warnings == ()
    assert [route.name for route in loaded.config.routes.all] == ["the bridge itself"]
    assert loaded.config.heartbeat.url is None


async def test_a_reload_is_logged_as_the_page_shows(runner):
    shown = json.loads(re.search(r'^{"time".*"reloaded".*}$', PAGE.read_text(), re.MULTILINE)[0])  # type: ignore[index]
    template = runner.place / "templates" / "mine" / "triggered.txt.j2"
    template.parent.mkdir(parents=True)
    template.write_text("one")
    content = {"channels": {"ops": {"type": "webhook", "url": "http://127.0.0.1:9/1", "template": "mine"}}}
    bridge = await runner.serve(content)
    template.write_text("two")
    content["channels"]["ops"]["url"] = "http://127.0.0.1:9/2"
    write_config(runner.place, content | {"routes": [{"match": {"product": "cvm"}, "channels": ["ops"]}]})
    line = await bridge.log("reloaded", seconds=40)
    assert list(line) == list(shown)
    assert line | {"time": "…"} == shown
