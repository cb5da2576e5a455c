"""`alarm-bridge route`: which channels, and why."""

import json

import pytest
from typer.testing import CliRunner

from bridge import samples
from bridge.cli import app

CONFIG = """
server: {auth: off}
channels:
  here: {type: terminal}
  ops: {type: terminal}
  dba: {type: terminal}
routes:
  - name: databases
    match: {product: [cdb, redis]}
    channels: [dba]
    continue: true
  - name: cvm
    match: {product: cvm}
    channels: [ops, here]
    routes:
      - match: {state: recovered}
        channels: [here]
      - match: {severity: serious}
  - name: rest
    match: {region: "*"}
    channels: [here, dba]
default_channels: [here]
"""
METRIC = "doc-2019-metric-triggered"


@pytest.fixture
def route(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)

    def run(*arguments, stdin=None):
        return CliRunner().invoke(app, ["route", "-c", str(config), *arguments], input=stdin, catch_exceptions=False)

    return run


def test_channels_stand_first_and_each_route_says_yes_or_no_with_its_reason(route):
    result = route(METRIC)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "triggered: ops, here\n"
        '  no   databases  product is "cvm", which matches none of "cdb", "redis"\n'
        '  yes  cvm        product is "cvm", which matches "cvm"\n'
        '  no   cvm/1      state is "triggered", which does not match "recovered"\n'
        '  no   cvm/2      severity is empty, which does not match "serious"\n'
        '  no   rest       not reached: "cvm" decided\n'
    )


def test_json_has_state_channels_and_every_route_in_the_files_order(route):
    answer = json.loads(route("capture-2021-mysql-cpu-triggered", "--json").stdout)
    assert (answer["state"], answer["channels"]) == ("triggered", ["dba", "here"])
    assert list(answer) == ["state", "channels", "routes"]
    assert [(each["name"], each["matched"]) for each in answer["routes"]] == [
        ("databases", True),
        ("cvm", False),
        ("cvm/1", False),
        ("cvm/2", False),
        ("rest", True),
    ]
    assert all(set(each) == {"name", "matched", "why"} and each["why"] for each in answer["routes"])


def test_a_route_that_was_not_reached_names_the_one_that_decided(route):
    answer = json.loads(route(METRIC, "--json").stdout)
    assert answer["routes"][-1] == {"name": "rest", "matched": False, "why": 'not reached: "cvm" decided'}


@pytest.mark.parametrize(
    ("state", "channels"), [("recovered", ["here"]), ("repeat", ["ops", "here"]), ("escalated", ["ops", "here"])]
)
def test_a_state_can_be_chosen(route, state, channels):
    answer = json.loads(route(METRIC, "--state", state, "--json").stdout)
    assert (answer["state"], answer["channels"]) == (state, channels)


def test_a_recovered_callback_counts_as_recovered(route):
    answer = json.loads(route("capture-2021-cvm-cpuload-recovered-no-recover-time", "--json").stdout)
    assert (answer["state"], answer["channels"]) == ("recovered", ["here"])


def test_where_no_route_matches_the_default_channels_are_said(tmp_path, route):
    (tmp_path / "config.yaml").write_text(
        "server: {auth: off}\nchannels: {here: {type: terminal}}\n"
        "routes: [{name: a, match: {region: bj}, channels: []}]\ndefault_channels: [here]\n"
    )
    result = route(METRIC)
    assert result.stdout.splitlines()[0] == "triggered: here (default_channels: no route matches)"


def test_a_route_that_posts_nowhere_says_so(tmp_path, route):
    (tmp_path / "config.yaml").write_text(
        "server: {auth: off}\nchannels: {here: {type: terminal}}\n"
        "routes: [{name: a, channels: []}]\ndefault_channels: [here]\n"
    )
    result = route(METRIC)
    assert result.stdout == "triggered: posted nowhere\n  yes  a  it asks for nothing, so that every alarm matches\n"


def test_what_is_no_alarm_goes_to_the_default_channels_and_no_route_is_asked(route):
    answer = json.loads(route("template-body-triggered", "--json").stdout)
    assert (answer["state"], answer["channels"]) == ("unrecognised", ["here"])
    assert {(each["matched"], each["why"]) for each in answer["routes"]} == {
        (False, "not asked: the callback is no alarm")
    }
    assert route("template-body-triggered").stdout.startswith(
        "unrecognised: here (default_channels: it is no alarm)\n  the body is a JSON object, but no alarm:"
    )


def test_a_check_of_the_url_goes_nowhere(route):
    result = route("verification-2019")
    assert result.stdout.splitlines()[0] == "verification: posted nowhere"


def test_a_callback_may_be_a_file_or_standard_input(route, tmp_path):
    file = tmp_path / "alarm.json"
    file.write_bytes(samples.body(METRIC))
    assert route(str(file)).stdout == route("-", stdin=samples.body(METRIC)).stdout == route(METRIC).stdout


def test_broken_bytes_are_routed_too(route):
    assert route("-", stdin=b"\xff\x00{").stdout.startswith("unrecognised: here")


def test_values_that_a_terminal_would_act_upon_stand_as_their_escapes(route):
    body = samples.body("capture-2021-mysql-cpu-triggered").replace(b'"cdb_detail"', b'"\\u001b[2J\\u009b_x"')
    result = route("-", stdin=body)
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout
    assert "\\u001b[2j" in result.stdout
    assert "\x9b" not in route("-", "--json", stdin=body).stdout


@pytest.mark.parametrize("state", ["expired", "unrecognised", "Triggered", ""])
def test_a_state_that_routes_cannot_match_is_wrong_usage(route, state):
    result = route(METRIC, "--state", state)
    assert result.exit_code == 2
    assert result.stderr == f"--state {state}: must be one of triggered, repeat, escalated, recovered\n"


def test_a_state_for_what_is_no_alarm_is_wrong_usage(route):
    result = route("verification-2019", "--state", "repeat")
    assert result.exit_code == 2
    assert result.stderr == "--state repeat is of alarms, and this is none: it is a check of the callback URL\n"


def test_a_callback_that_is_nowhere_is_wrong_usage(route):
    result = route("doc-2019-metric-trigered")
    assert result.exit_code == 2
    assert result.stderr == (
        'doc-2019-metric-trigered: neither a file nor a built-in sample; did you mean "doc-2019-metric-triggered"?\n'
    )
