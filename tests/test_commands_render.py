"""`alarm-bridge render`: exactly what would be posted."""

import json

import pytest
from typer.testing import CliRunner

from bridge import samples
from bridge.cli import app
from bridge.rendering import Renderer

SECRETS = (
    "xoxb-1-very-secret",
    "whsec_dmVyeS1zZWNyZXQtdmVyeS1zZWNyZXQtdmVyeS1zZWNyZXQ=",
    "T000/B000/verysecret",
    "very-secret-header",
)
CONFIG = f"""
server: {{auth: off}}
channels:
  here: {{type: terminal}}
  ops: {{type: slack, token: {SECRETS[0]}, channel: "#ops"}}
  hook: {{type: slack_webhook, url: "https://hooks.slack.com/services/{SECRETS[2]}"}}
  tickets:
    type: webhook
    url: https://tickets.example.com/alarms
    headers: {{X-Key: {SECRETS[3]}}}
    secret: {SECRETS[1]}
routes:
  - name: cvm
    match: {{product: cvm}}
    channels: [ops, here, tickets, hook]
default_channels: [here]
"""
METRIC = "doc-2019-metric-triggered"


class Rendering:
    """The command with a config."""

    def __init__(self, config):
        self.config = config

    def __call__(self, *arguments, stdin=None):
        command = ["render", "-c", str(self.config), *arguments]
        return CliRunner().invoke(app, command, input=stdin, catch_exceptions=False)

    def json(self, *arguments, stdin=None):
        return json.loads(self(*arguments, "--json", stdin=stdin).stdout)


@pytest.fixture
def render(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    return Rendering(config)


def test_json_has_one_entry_a_channel_in_the_routes_order(render):
    entries = render.json(METRIC)
    assert [(each["channel"], each["type"]) for each in entries] == [
        ("ops", "slack"),
        ("here", "terminal"),
        ("tickets", "webhook"),
        ("hook", "slack_webhook"),
    ]
    assert all(list(each) == ["channel", "type", "payload"] for each in entries)
    slack, terminal, webhook, hook = (each["payload"] for each in entries)
    assert slack["channel"] == "#ops"
    assert "CPU 利用率" in slack["text"]
    assert "CPU 利用率" in hook["text"]
    assert list(terminal) == ["text"]
    assert (webhook["version"], webhook["state"], webhook["channel"], webhook["route"]) == (
        1,
        "triggered",
        "tickets",
        "cvm",
    )
    assert webhook["callback"] == json.loads(samples.body(METRIC))


def test_people_get_a_heading_and_the_text_as_it_would_be_printed(render):
    text = render.json(METRIC, "--channel", "here")[0]["payload"]["text"]
    assert render(METRIC, "--channel", "here").stdout == f"── here (terminal)\n{text.rstrip()}\n"


def test_people_get_anything_more_than_a_text_as_json(render):
    heading, _, shown = render(METRIC, "--channel", "ops").stdout.partition("\n")
    assert heading == "── ops (slack)"
    assert json.loads(shown) == render.json(METRIC, "--channel", "ops")[0]["payload"]


@pytest.mark.parametrize("state", ["triggered", "repeat", "escalated", "recovered", "expired", "closed", "replaced"])
def test_each_state_can_be_told(render, state):
    (entry,) = render.json(METRIC, "--channel", "tickets", "--state", state)
    assert entry["payload"]["state"] == state
    assert entry["payload"]["alarm"]["started_at"].startswith("2017-03-09T07:00:00")


def test_a_recovery_counts_as_one_that_was_never_heard_of(render):
    (entry,) = render.json("capture-2021-cvm-cpuload-recovered-no-recover-time", "--channel", "tickets")
    assert (entry["payload"]["state"], entry["payload"]["alarm"]["unheard"]) == ("recovered", True)
    (entry,) = render.json(METRIC, "--channel", "tickets", "--state", "recovered")
    assert entry["payload"]["alarm"]["unheard"] is False


def test_an_update_and_an_answer_without_a_message_are_one_post(render):
    entries = render.json(METRIC, "--state", "recovered")
    assert [each["channel"] for each in entries] == ["ops", "here", "tickets", "hook"]
    assert "thread_ts" not in entries[0]["payload"]


def test_a_channel_that_is_silent_in_a_state_has_no_entry_and_is_said_to_people(render):
    assert "hook" not in [each["channel"] for each in render.json(METRIC, "--state", "repeat")]
    result = render(METRIC, "--state", "repeat", "--channel", "hook")
    assert (result.exit_code, result.stdout) == (0, "── hook (slack_webhook)\nstays silent in this state\n")


def test_an_unrecognised_body_shows_its_message_in_the_default_channels(render):
    (entry,) = render.json("template-body-triggered")
    assert entry["channel"] == "here"
    assert "站点请求数" in entry["payload"]["text"]


def test_a_check_of_the_url_is_never_announced(render):
    result = render("verification-2019", "--json")
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert result.stderr == "a check of the callback URL is never announced\n"


def test_a_channel_that_the_routes_do_not_choose_gets_nothing(render):
    result = render("capture-2021-mysql-cpu-triggered", "--channel", "ops", "--json")
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert result.stderr == "the routes give it to here, and not to ops; `alarm-bridge route` says why\n"


def test_a_channel_nobody_knows_is_wrong_usage_and_the_nearest_is_named(render):
    result = render(METRIC, "--channel", "ticket")
    assert result.exit_code == 2
    assert result.stderr == '--channel ticket: the config has no channel of that name; did you mean "tickets"?\n'
    result = render(METRIC, "--channel", "x")
    assert result.stderr == "--channel x: the config has no channel of that name; there are: here, ops, hook, tickets\n"


@pytest.mark.parametrize("name", samples.names())
def test_every_sample_renders_and_no_secret_is_shown(render, name):
    for result in (render(name), render(name, "--json")):
        assert result.exit_code == 0
        assert not any(secret in result.output for secret in SECRETS)


def test_a_callback_may_be_standard_input(render):
    expected = render.json(METRIC, "--channel", "here")
    assert render.json("-", "--channel", "here", stdin=samples.body(METRIC)) == expected


def test_a_template_that_fails_is_said_once_with_the_plain_text_that_would_go_out(render, tmp_path, monkeypatch):
    whole = Renderer.render

    def failing(self, telling, *, strict=False):
        message = whole(self, telling, strict=strict)
        return type(message)(
            text=message.plain, plain=message.plain, problem="templates/terminal/triggered.txt.j2:3: no"
        )

    monkeypatch.setattr(Renderer, "render", failing)
    result = render(METRIC)
    assert result.exit_code == 1
    assert result.stderr == "templates/terminal/triggered.txt.j2:3: no\n"
    assert "CPU 利用率" in result.stdout
