"""`alarm-bridge callbacks`, `alarms` and `deliveries`: what came in, what is open, what goes out."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from bridge.commands import list_callbacks
from bridge.store.asking import PAGE, ask
from bridge.store.versions import newest_version
from tests.fakes.asked import CONFIG, Asked, asked, of, over
from tests.fakes.spine import sample


async def a_morning(spine):
    """An alarm that recovered, one that is open, one told nobody, a re-send, and a body nobody can read."""
    await spine.take(of("ins-a"))
    await spine.settle(60)
    await spine.take(of("ins-b", policy={"policyName": "prod-memory"}))
    await spine.take(of("ins-b", policy={"policyName": "prod-memory"}))
    await spine.take(of("ins-quiet"))
    await spine.settle(60)
    await spine.take(over("ins-a"))
    await spine.take(sample("template-body-triggered"))
    await spine.take(sample("verification-2019"))
    await spine.settle(60)


@pytest.fixture(scope="module")
def morning(tmp_path_factory):
    return asked(tmp_path_factory.mktemp("morning"), a_morning)


def ids(morning):
    return [f"{entry['alarm'] or entry['id']:6}" for entry in morning.json("callbacks")]


def test_callbacks_are_listed_newest_first_with_what_was_decided_and_why(morning):
    verified, unread, over_a, quiet, again_b, b, a = ids(morning)
    assert morning("callbacks").stdout == (
        "RECEIVED (Asia/Shanghai)  OUTCOME       ID      OBJECT                            WHY\n"
        f"2021-05-11 20:34:33       verification  {verified}                       a check of the callback URL: never announced\n"
        f"2021-05-11 20:34:33       unrecognised  {unread}                       the body is a JSON object, but no alarm: it has neither "
        "alarmObjInfo nor alarmPolicyInfo, and is no CloudEvent; announced in the default channels\n"
        f"2021-05-11 20:34:33       recovered     {over_a}  ins-a                             "
        "the end of a known alarm\n"
        f"2021-05-11 20:33:33       triggered     {quiet}  ins-quiet                         a new alarm; told nowhere: no route gives it a channel\n"
        f"2021-05-11 20:33:33       duplicate     {again_b}  ins-b                             "
        "Tencent Cloud sent the same one before, less than a day ago\n"
        f"2021-05-11 20:33:33       triggered     {b}  ins-b                             a new alarm\n"
        f"2021-05-11 20:32:33       triggered     {a}  ins-a                             a new alarm\n"
    )


def test_a_callback_as_json_has_its_id_as_a_text_and_its_time_with_a_zone(morning):
    entry = morning.json("callbacks", "--outcome", "duplicate")[0]
    assert re.fullmatch(r"\d{19}", entry["id"])
    assert re.fullmatch(r"[0-9a-z]{6}", entry["alarm"])
    assert {name: entry[name] for name in entry if name not in {"id", "alarm"}} == {
        "received_at": "2021-05-11T20:33:33+08:00",
        "outcome": "duplicate",
        "reason": "Tencent Cloud sent the same one before, less than a day ago",
        "session_id": "session-ins-b",
        "kind": "metric",
        "policy_id": "policy-w0k4d7sr",
        "policy_name": "prod-memory",
        "subject": "MemoryUtilization",
        "name": "mem_usage",
        "object": "ins-b",
        "object_id": "ins-b",
    }


@pytest.mark.parametrize(
    ("options", "objects"),
    [
        (["--outcome", "triggered"], ["ins-quiet", "ins-b", "ins-a"]),
        (["--match", "object_id=ins-a"], ["ins-a", "ins-a"]),
        (["--match", "policy_name=prod-*"], ["ins-b", "ins-b"]),
        (["--match", "policy_name=!prod-*", "--match", "state=triggered"], ["ins-quiet", "ins-a"]),
        (["--match", "dimensions.UNINSTANCEID=~ins-(a|b)"], ["ins-a", "ins-b", "ins-b", "ins-a"]),
        (["--match", "region=ap-singapore", "--outcome", "recovered"], ["ins-a"]),
        (["--match", "product=cdb"], []),
        (["--since", "1h"], []),
        (["--since", "3600d", "--limit", "3", "--outcome", "triggered"], ["ins-quiet", "ins-b", "ins-a"]),
        (["--limit", "2", "--match", "kind=metric"], ["ins-a", "ins-quiet"]),
    ],
    ids=" ".join,
)
def test_callbacks_are_chosen_by_outcome_age_and_the_match_language_of_routes(morning, options, objects):
    assert [entry["object_id"] for entry in morning.json("callbacks", *options)] == objects


def test_where_there_is_nothing_it_is_said(morning):
    assert morning("callbacks", "--outcome", "stale").stdout == "no such callback is stored\n"
    assert morning("alarms", "--phase", "expired").stdout == "no alarm is expired\n"
    assert morning("deliveries", "--state", "dead").stdout == "no dead delivery\n"
    assert morning("deliveries", "--channel", "opps").stdout == (
        'no delivery of opps; the config has no channel of that name; did you mean "ops"?\n'
    )
    assert [morning.json(command, *none) for command, *none in (
        ("callbacks", "--outcome", "stale"), ("alarms", "--phase", "expired"), ("deliveries", "--state", "dead")
    )] == [[], [], []]  # fmt: skip


def test_a_list_that_goes_on_says_so_and_stops_at_its_limit(morning):
    lines = morning("callbacks", "--limit", "2").stdout.splitlines()
    assert (len(lines), lines[-1]) == (4, "… and more: these are the newest 2; --limit N shows N")
    assert "more" not in morning("callbacks", "--limit", "7").stdout
    assert morning("deliveries", "--limit", "1").stdout.splitlines()[-1].startswith("… and more")


def test_alarms_are_those_that_are_open_and_who_was_told(morning):
    assert [(one["object_id"], one["given"]) for one in morning.json("alarms")] == [
        ("ins-quiet", []),
        ("ins-b", ["here"]),
    ]
    lines = morning("alarms").stdout.splitlines()
    assert lines[0].split() == [
        "ID", "SINCE", "(Asia/Shanghai)", "FOR", "PHASE", "SEVERITY", "SUBJECT", "OBJECT", "POLICY", "TOLD", "TO"
    ]  # fmt: skip
    assert lines[1].endswith("  MemoryUtilization  ins-quiet  Default      nobody")
    assert lines[2].endswith("  MemoryUtilization  ins-b      prod-memory  here")


def test_an_alarm_that_is_over_shows_how_long_it_lasted(morning):
    assert [one["object_id"] for one in morning.json("alarms", "--phase", "all", "--match", "object_id=ins-a")] == [
        "ins-a"
    ]
    assert "2021-05-11 20:31:00    10 min  recovered" in morning("alarms", "--phase", "recovered").stdout


def test_deliveries_show_what_was_told_and_where(morning):
    told = [(one["channel"], one["told"], one["state"], one["object_id"]) for one in morning.json("deliveries")]
    assert told == [
        ("here", "unrecognised", "sent", ""),
        ("here", "recovered", "sent", "ins-a"),
        ("here", "triggered", "sent", "ins-b"),
        ("here", "triggered", "sent", "ins-a"),
    ]
    assert morning("deliveries", "--channel", "ops").stdout == "no delivery of ops\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("callbacks --outcome trigered", '--outcome trigered; did you mean "triggered"?'),
        ("callbacks --since soon", '--since soon: must be a duration such as "10s", "5m", "24h" or "30d"'),
        ("callbacks --match policy", "--match policy: must be FIELD=VALUE, such as policy_name=prod-*"),
        (
            "callbacks --match polcy_name=a",
            '--match polcy_name=a: no alarm has this field; did you mean "policy_name"?',
        ),
        ("alarms --phase shut", "--phase shut: must be one of open, recovered, replaced, expired, closed, all"),
        ("deliveries --state ded", '--state ded; did you mean "dead"?'),
    ],
)
def test_a_wrong_word_is_wrong_usage(morning, words, complaint):
    result = morning(*words.split())
    assert (result.exit_code, result.stderr) == (2, f"{complaint}\n")


def test_values_that_a_terminal_would_act_upon_stand_as_their_escapes(tmp_path):
    async def happens(spine):
        await spine.take(of("ins-\u001b[2J"))

    asking = asked(tmp_path, happens)
    for command in ("callbacks", "alarms", "deliveries"):
        for options in ([], ["--json"]):
            said = asking(command, *options).stdout
            assert "\x1b" not in said
            assert "ins-\\u001b[2J" in said.replace("\\\\", "\\")


def test_without_a_store_there_is_nothing_to_ask(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    result = Asked(place=tmp_path)("callbacks")
    store = tmp_path / "alarm-bridge.db"
    assert (result.exit_code, result.stderr) == (
        1,
        f"{store}: there is no store yet; `alarm-bridge serve` makes it\n",
    )
    assert not store.exists()


@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        ("0001", "was written by an older alarm-bridge; `alarm-bridge serve` brings it up to date"),
        ("9999", "was written by a newer alarm-bridge; use that one"),
    ],
)
def test_a_store_of_another_version_is_refused_in_words(tmp_path, version, complaint):
    async def happens(spine):
        await spine.take(of("ins-a"))

    asking = asked(tmp_path, happens)
    with closing(sqlite3.connect(tmp_path / "alarm-bridge.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_version(),)
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    result = asking("alarms")
    assert (result.exit_code, result.stderr) == (1, f"{tmp_path / 'alarm-bridge.db'} {complaint}\n")


def test_a_file_that_is_no_store_is_refused_in_words(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "alarm-bridge.db").write_text("not a database, but long enough to be looked at" * 100)
    result = Asked(place=tmp_path)("deliveries")
    assert (result.exit_code, result.stderr) == (
        1,
        f"{tmp_path / 'alarm-bridge.db'} cannot be read: file is not a database\n",
    )


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("callbacks --outcome re", "repeat recovered"),
        ("callbacks --match policy_t", "policy_type= policy_type_name="),
        ("alarms --phase e", "expired"),
        ("deliveries --state s", "sent superseded"),
    ],
)
def test_the_shell_is_offered_what_an_option_takes(words, offered):
    environ = {"_ALARM_BRIDGE_COMPLETE": "complete_bash", "COMP_WORDS": f"alarm-bridge {words}", "COMP_CWORD": "3"}
    said = subprocess.run(
        [sys.executable, "-m", "bridge"], env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == offered.split()


@pytest.mark.parametrize("command", ["deliveries", "render", "replay"])
def test_the_shell_is_offered_the_channels_of_the_config(morning, command):
    environ = {
        "_ALARM_BRIDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"alarm-bridge {command} --channel o",
        "COMP_CWORD": "3",
        "ALARM_BRIDGE_CONFIG": str(morning.place / "config.yaml"),
    }
    said = subprocess.run(
        [sys.executable, "-m", "bridge"], env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == ["ops"]


def test_json_is_printed_item_by_item_and_is_one_list(morning):
    said = morning("callbacks", "--json", "--limit", "2").stdout
    assert said.startswith("[\n  {\n    ")
    assert said.endswith("\n  }\n]\n")
    assert len(json.loads(said)) == 2


@pytest.mark.parametrize(
    ("written", "options", "lines"),
    [("_row", [], [0, *range(2, 8)]), ("_as_json", ["--json"], [0, *range(15, 91, 15)])],
)
def test_callbacks_prints_each_as_soon_as_it_is_found(morning, monkeypatch, written, options, lines):
    printed = []
    really = getattr(list_callbacks, written)

    def noting(at, entry):
        printed.append(sys.stdout.buffer.getvalue().decode().count("\n"))  # type: ignore[union-attr]  # Click's
        return really(at, entry)

    monkeypatch.setattr(list_callbacks, written, noting)
    morning("callbacks", *options)
    assert printed == lines


def test_the_first_callbacks_are_read_without_a_look_at_the_others(tmp_path):
    async def happens(spine):
        await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in range(5 * PAGE)))

    asking = ask(asked(tmp_path, happens, workers=False).place / "alarm-bridge.db")
    try:
        steps = []
        driver = asking.connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: steps.append(1), 20)
        found = asking.callbacks()
        next(found)
        first = len(steps)
        assert len(list(found)) == 5 * PAGE - 1
        assert first < len(steps) / 4
    finally:
        asking.connection.close()


@pytest.mark.parametrize("command", ["callbacks", "alarms", "deliveries"])
def test_a_limit_that_no_list_can_have_is_wrong_usage(morning, command):
    result = morning(command, "--limit", str(2**63))
    assert result.exit_code == 2
    assert "1000000000" in result.stderr


def test_nothing_is_so_young_as_a_span_of_nothing(morning):
    assert morning.json("callbacks", "--since", "0") == []
