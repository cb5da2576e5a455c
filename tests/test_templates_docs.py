"""docs/templates.md: every name is explained, and every example prints what it says."""

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from bridge.alarm import State
from bridge.rendering import ChannelView, Renderer, RouteView, builtin_templates
from bridge.rendering.draft import MAX_DEPTH, MAX_OUTPUT, MAX_STEPS
from bridge.rendering.filters import filters
from bridge.rendering.library import MAX_SOURCE
from bridge.rendering.sandbox import MAX_RANGE
from bridge.rendering.view import AlarmView
from tests.test_rendering_support import builtin, rendered, telling_of, write

ROOT = Path(__file__).parent.parent
PAGE = ROOT.joinpath("docs", "templates.md").read_text("utf-8")
EXAMPLE = re.compile(r"```jinja templates/(\S+)\n(.*?)```\n\n```(\w+)\n(.*?)```", re.DOTALL)
ROUTE = {
    "name": "cvm",
    "vars": {"team": "storage", "oncall": "U012AB3CD"},
    "links": {"Runbook": "https://wiki.example/disk"},
    "mention": ("<!here>",),
}
KINDS = {"txt": "terminal", "mrkdwn": "slack", "slack.json": "slack", "json": "webhook"}


@pytest.mark.parametrize("example", EXAMPLE.findall(PAGE), ids=lambda example: example[0])
def test_each_example_prints_what_stands_beside_it(example, tmp_path):
    name, source, language, output = example
    form = name.split(".", 1)[1].removesuffix(".j2")
    telling = telling_of(kind=KINDS[form], template=name.split("/")[0], route=ROUTE)

    message = Renderer(write(tmp_path, {name: source})).render(telling, strict=True)

    assert message.problem == ""
    if language == "json":
        assert message.payload == json.loads(output)
    else:
        assert message.text == output.rstrip("\n")


@pytest.mark.parametrize(("language", "shown"), [("en", "▲ Triggered"), ("zh", "▲ 告警触发")])
def test_a_template_that_says_nothing_of_the_state_has_its_usual_words(language, shown, tmp_path):
    layout, suffix = ("layout.zh", ".zh") if language == "zh" else ("layout", "")
    source = f'{{% extends "terminal/{layout}.j2" %}}'
    telling = telling_of(kind="terminal", template="bare", route=ROUTE, language=language)
    text = Renderer(write(tmp_path, {f"bare/triggered{suffix}.txt.j2": source})).render(telling, strict=True).text
    assert text.startswith(f"{shown} · 磁盘利用率 · ")


def test_a_row_of_ones_own_stands_below_the_others_in_chinese_too(tmp_path):
    (row,) = re.findall(r"`(row\(\"团队\".*?\))`", PAGE)
    source = (
        '{% extends "terminal/layout.zh.j2" %}{% from "macros/text.j2" import row %}'
        f"{{% block note %}}{{{{ {row} }}}}{{% endblock %}}"
    )
    telling = telling_of(kind="terminal", template="noted", route=ROUTE, language="zh")
    text = Renderer(write(tmp_path, {"noted/triggered.zh.txt.j2": source})).render(telling, strict=True).text
    assert "\n  团队      storage\n  策略      " in text


def test_the_commands_show_where_the_built_in_templates_are_and_copy_one(tmp_path):
    show, copy = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(script):
        environ = {"PATH": path, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, env=environ, capture_output=True, check=True, text=True
        )
        return ran.stdout

    assert run(show) == f"{builtin_templates()}\n"
    assert run(copy) == ""
    copied = tmp_path / "templates" / "terminal" / "triggered.txt.j2"
    assert copied.read_text() == (builtin_templates() / "terminal" / "triggered.txt.j2").read_text()


def test_there_are_examples_of_every_format():
    assert {name.split(".", 1)[1] for name, *_ in EXAMPLE.findall(PAGE)} == {f"{form}.j2" for form in KINDS}


def test_every_attribute_of_an_alarm_is_explained_and_no_other():
    assert sorted(re.findall(r"^\| `alarm\.(\w+)` \|", PAGE, re.MULTILINE)) == AlarmView.names()


def test_each_value_shown_beside_an_attribute_is_the_examples(tmp_path):
    shown = re.findall(r"^\| `(alarm\.\w+)` \|[^|]*\| `([^`]+)` \|$", PAGE, re.MULTILINE)
    source = "\n".join(f"{{{{ {name} }}}}" for name, _ in shown)

    assert rendered(tmp_path, source, telling_of(), strict=True).text.split("\n") == [value for _, value in shown]


def test_every_top_level_name_and_its_attributes_are_explained():
    for name in ("alarm", "state", "route", "channel", "delivery_id", "event_id", "callback"):
        assert f"\n| `{name}` |" in PAGE
    for view, name in ((RouteView, "route"), (ChannelView, "channel")):
        for field in fields(view):
            assert re.search(rf"`{name}\.{field.name}[`.]", PAGE)


def test_every_filter_is_explained():
    section = PAGE.split("## Filters")[1].split("## Limits")[0]
    named = set(re.findall(r"`(\w+)`", section))

    assert {name for name in filters() if not name.startswith(" ")} <= named
    assert named - set(filters()) == {"range", "dict", "namespace", "严重", "云服务器"}


def test_every_state_and_every_limit_is_named():
    told = PAGE.split("**The state**")[1].split("**The format**")[0]
    assert {state for state in State if f"`{state}`" in told} == set(State)
    for limit in (
        f"{MAX_STEPS:,} steps",
        f"{MAX_OUTPUT:,} characters",
        f"{MAX_DEPTH} calls",
        f"{MAX_RANGE:,} items",
        f"{MAX_SOURCE // 1024} KiB",
    ):
        assert limit in PAGE.replace("\n", " ")


def test_the_built_in_templates_use_only_what_check_allows():
    assert builtin().render(telling_of(), strict=True).problem == ""
