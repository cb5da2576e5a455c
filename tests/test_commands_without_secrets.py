"""Commands that make no call work in a shell without the bridge's environment."""

import re

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.config import load
from tests.fakes.asked import asked, of

CONFIG = """
server: {auth: {tokens: ["${TOKEN}"], basic: [{username: tencent, password: "${PASSWORD}"}]}}
console: {auth: {tokens: ["${CONSOLE_TOKEN}"]}}
heartbeat: {url: "${HEARTBEAT_URL}"}
channels:
  ops: {type: slack, token: "${SLACK_TOKEN}", channel: "#ops", proxy: "${PROXY}"}
  dba: {type: slack_webhook, url: "${DBA_WEBHOOK}"}
  wecom: {type: webhook, url: "https://example.com/send?key=${WECOM_KEY}", success: {json: errcode, equals: 0}}
  tickets: {type: webhook, url: "${TICKETS}", secret: ["${NEW}", "${OLD}"], headers: {X-Key: "${KEY}"}}
  here: {type: terminal}
default_channels: [here]
"""
SAMPLE = "capture-2021-cvm-memory-triggered"


@pytest.fixture
def command(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)

    def run(*words, config=CONFIG):
        file.write_text(config)
        return CliRunner().invoke(app, [words[0], "-c", str(file), *words[1:]], catch_exceptions=False)

    return run


@pytest.mark.parametrize("words", [("route", SAMPLE), ("render", SAMPLE)])
def test_a_callback_is_routed_and_rendered_without_a_secret(command, words):
    result = command(*words)
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_store_is_read_and_an_alarm_closed_without_a_secret(tmp_path):
    async def one_alarm(spine):
        await spine.take(of("ins-a"))
        await spine.settle(60)

    store = asked(tmp_path, one_alarm)
    (tmp_path / "config.yaml").write_text(CONFIG)
    for words in (("alarms",), ("callbacks",), ("deliveries",), ("explain", "ins-a"), ("close", "ins-a-not")):
        assert "is not set" not in store(*words).output
    assert "ins-a" in store("alarms").stdout


@pytest.mark.parametrize("words", [("check",), ("serve",), ("test-channel", "ops")])
def test_who_makes_calls_names_each_that_is_not_set(command, words):
    result = command(*words)
    assert result.exit_code == 1
    assert result.stderr.count("is not set") == 12


IN_FILES = re.sub(r'"\$\{(\w+)\}"', r"{file: secrets/\1}", CONFIG)


@pytest.mark.parametrize("words", [("route", SAMPLE), ("render", SAMPLE)])
def test_a_secrets_file_that_is_missing_is_no_reason_either(command, words):
    result = command(*words, config=IN_FILES)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("words", [("check",), ("serve",), ("test-channel", "ops")])
def test_who_makes_calls_names_each_secrets_file_that_is_missing(command, words):
    result = command(*words, config=IN_FILES)
    assert result.exit_code == 1
    assert result.stderr.count("the file cannot be read: no such file or directory") == 11


def test_a_secrets_file_that_is_empty_is_a_mistake_to_everybody(command, tmp_path):
    (tmp_path / "token").touch()
    result = command("route", SAMPLE, config=CONFIG.replace('"${SLACK_TOKEN}"', "{file: token}"))
    assert result.exit_code == 1
    assert "channels.ops.token: the file is empty" in result.stderr


def test_a_variable_that_is_no_secret_is_missed_by_everybody(command):
    config = CONFIG.replace('"#ops"', '"${ROOM}"')
    result = command("route", SAMPLE, config=config)
    assert result.exit_code == 1
    assert "channels.ops.channel: the environment variable ROOM is not set" in result.stderr


def test_a_variable_that_is_a_secret_and_something_else_is_missed_too(command):
    config = CONFIG.replace('"#ops"', '"${SLACK_TOKEN}"')
    assert command("route", SAMPLE, config=config).stderr.count("the environment variable SLACK_TOKEN is not set") == 2


def test_what_is_set_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    config = load(tmp_path / "config.yaml", {"SLACK_TOKEN": "xoxb-real"}, secrets=False).config
    assert "xoxb-real" in config.secrets
    assert "xoxb-unset" not in config.secrets
