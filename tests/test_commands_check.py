"""`alarm-bridge check`: the words about a config, and how it ends."""

import json

import pytest
from typer.testing import CliRunner

from bridge.cli import app

GOOD = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"
DOUBTFUL = GOOD.replace("}}\n", "}, nobody: {type: terminal}}\n")
WRONG = GOOD.replace("[here]", "[her]")


@pytest.fixture
def check(tmp_path):
    def run(content, *arguments):
        config = tmp_path / "config.yaml"
        config.write_text(content)
        return CliRunner().invoke(app, ["check", "-c", str(config), *arguments], catch_exceptions=False)

    return run


def test_a_config_without_mistakes_is_said_to_be_fit(check):
    result = check(GOOD)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "No problems: the bridge would serve this.\n", "")


def test_a_doubt_is_marked_and_does_not_fail(check, tmp_path):
    result = check(DOUBTFUL)
    assert (result.exit_code, result.stdout) == (0, "No problems, 1 warning: the bridge would serve this.\n")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{tmp_path}/config.yaml:2:")
    assert ": channels.nobody: warning: " in line


def test_problems_stand_on_standard_error_with_what_follows_from_them(check, tmp_path):
    result = check(WRONG)
    assert (result.exit_code, result.stdout) == (1, "")
    line, summary = result.stderr.splitlines()
    assert line.startswith(f"{tmp_path}/config.yaml:3:")
    assert 'did you mean "here"?' in line
    assert summary == "1 problem: the bridge would not serve this."


def test_a_template_that_no_alarm_fits_is_a_problem(check, tmp_path):
    (tmp_path / "templates" / "terminal").mkdir(parents=True)
    (tmp_path / "templates" / "terminal" / "triggered.txt.j2").write_text("one\n{{ alarm.nothing }}\n")
    result = check(GOOD)
    assert result.exit_code == 1
    assert "templates/terminal/triggered.txt.j2:2:" in result.stderr


def test_json_has_each_problem_and_warning_with_its_place(check):
    answer = json.loads(check(WRONG, "--json").stdout)
    assert (answer["ok"], answer["warnings"]) == (False, [])
    (problem,) = answer["problems"]
    assert (problem["line"], problem["path"]) == (3, "default_channels[0]")
    assert set(problem) == {"file", "line", "column", "path", "text"}
    answer = json.loads(check(DOUBTFUL, "--json").stdout)
    assert (answer["ok"], answer["problems"], len(answer["warnings"])) == (True, [], 1)
