"""The built-in plain text, and the words it shares with the templates."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge import samples
from bridge.alarm import State
from bridge.rendering.facts import dimension_pairs, duration, object_title
from bridge.rendering.plain import plain_text
from bridge.rendering.visible import visible
from bridge.rendering.words import duration_words, severity_word, time_words, width
from tests.test_rendering_support import alarm_of, event_of, telling_of, with_alarm

SHANGHAI = ZoneInfo("Asia/Shanghai")


def told(language="en", sample="capture-2020-mysql-cpu-recovered", state=None, **event):
    route = {"links": {"Runbook": "https://wiki.example/db"}}
    return plain_text(telling_of(sample, language=language, state=state, route=route, event=event))


def test_a_recovery_is_told_in_the_order_of_the_templates():
    assert told(unheard=True) == (
        "✔ Recovered · CPU利用率 · cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)\n"
        "Value: 18.149 %, threshold > 90 %\n"
        "From: 2020-11-23 17:36:00 +08:00 to 2020-11-23 17:40:00 +08:00, 4 min\n"
        "Its trigger was never heard.\n"
        "Policy: mysql(定时任务过滤) (policy-q2n6b8ya)\n"
        "Region: Shanghai (sh)\n"
        "Runbook: https://wiki.example/db\n"
        "Id: v0n3wx"
    )


def test_a_recovery_is_told_in_chinese():
    assert told("zh", unheard=True) == (
        "✔ 告警恢复 · CPU利用率 · cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)\n"
        "当前值：18.149 %，阈值 > 90 %\n"
        "起止：2020-11-23 17:36:00 +08:00 至 2020-11-23 17:40:00 +08:00，持续 4 分钟\n"
        "此前未收到它的触发通知。\n"
        "策略：mysql(定时任务过滤) (policy-q2n6b8ya)\n"
        "地域：上海 (sh)\n"
        "Runbook：https://wiki.example/db\n"
        "编号：v0n3wx"
    )


@pytest.mark.parametrize(
    ("language", "lines"),
    [("en", ["Details: alias xxxx", "Tags: team db"]), ("zh", ["详情：alias xxxx", "标签：team db"])],
)
def test_details_and_tags_stand_behind_the_dimensions_and_what_those_say_is_not_said_twice(language, lines):
    dimensions, details = {"unInstanceId": "ins-1", "ip": "10.0.0.1"}, {"alias": "xxxx", "ip": "10.0.0.1"}
    telling = with_alarm(telling_of(language=language), dimensions=dimensions, details=details, tags={"team": "db"})
    said = plain_text(telling).splitlines()
    assert said[-4].endswith("ip 10.0.0.1")
    assert said[-3:-1] == lines


@pytest.mark.parametrize(
    ("state", "event", "first"),
    [
        (State.TRIGGERED, {"again": True}, "▲ Triggered · again · CPU利用率"),
        (State.REPEAT, {"repeat_count": 3}, "↻ Still firing · CPU利用率"),
        (
            State.ESCALATED,
            {"severity": "serious", "previous_severity": "warn"},
            "⇈ Escalated · warn → serious · CPU利用率",
        ),
        (State.EXPIRED, {}, "◌ Expired · CPU利用率"),
        (State.CLOSED, {"again": True}, "■ Closed · CPU利用率"),
        (State.REPLACED, {"successor": 78}, "→ Replaced · CPU利用率"),
    ],
)
def test_the_first_line_tells_the_state(state, event, first):
    assert told(state=state, **event).startswith(f"{first} · cdbro-5m1x9tfe(")


@pytest.mark.parametrize(
    ("state", "event", "line"),
    [
        (State.REPEAT, {"repeat_count": 3}, "Repeats: 3"),
        (State.EXPIRED, {}, "Nothing was heard of it for 26 hours."),
        (State.REPLACED, {"successor": 78}, "Followed by: dn111e"),
    ],
)
def test_a_line_says_what_is_peculiar_to_the_state(state, event, line):
    assert line in told(state=state, **event).splitlines()


def test_a_body_nobody_understands_is_shown_shortened():
    telling = telling_of(body=b"{" + b"\xff x" * 3000, event={"repeat_count": 4})

    lines = plain_text(telling).splitlines()

    assert lines[0] == "? Not understood"
    assert lines[1].startswith("Problem: the body is not JSON")
    assert lines[2].startswith("Received: {� x� x")
    assert lines[2].endswith("…")
    assert len(lines[2]) == 510
    assert lines[3] == "Others: 4"


def test_no_value_makes_a_line_of_its_own_or_acts_on_a_terminal():
    telling = with_alarm(telling_of(), policy_name="a\nId: forged\x1b[2J\x00\ud800")

    assert "Policy: a␊Id: forged␛[2J␀\ufffd (policy-3hx7rw0c)" in plain_text(telling).splitlines()


def test_an_alarm_that_says_nothing_is_told_all_the_same():
    telling = telling_of(body=b'{"alarmObjInfo": {}}')

    assert plain_text(telling) == "▲ Triggered\nId: v0n3wx"


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (60, "1 min", "1 分钟"),
        (500, "8 min 20 s", "8 分钟 20 秒"),
        (3600, "1 h", "1 小时"),
        (101_340, "28 h 9 min", "28 小时 9 分钟"),
        (86400 * 3, "3 d", "3 天"),
        (86400 * 3 + 3600 * 5 + 59, "3 d 5 h", "3 天 5 小时"),
        (-240, "-4 min", "-4 分钟"),
    ],
)
def test_a_duration_is_said_by_its_two_largest_units(seconds, english, chinese):
    span = timedelta(seconds=seconds)

    assert (duration_words(span, "en"), duration_words(span, "zh")) == (english, chinese)


def test_a_time_is_said_on_the_clocks_of_its_zone():
    moment = datetime(2026, 11, 23, 10, 15, 0, 999, tzinfo=UTC)

    assert time_words(moment, SHANGHAI) == "2026-11-23 18:15:00 +08:00"
    assert time_words(moment, ZoneInfo("UTC")) == "2026-11-23 10:15:00 UTC"
    assert time_words(moment, ZoneInfo("America/New_York")) == "2026-11-23 05:15:00 -05:00"


def test_the_two_moments_of_an_hour_that_comes_twice_are_told_apart():
    new_york = ZoneInfo("America/New_York")
    twice = [datetime(2026, 11, 1, 1, 30, tzinfo=new_york, fold=fold) for fold in (0, 1)]
    said = ["2026-11-01 01:30:00 -04:00", "2026-11-01 01:30:00 -05:00"]
    assert [time_words(moment, new_york) for moment in twice] == said
    assert [time_words(moment.astimezone(UTC), new_york) for moment in twice] == said


def test_parts_of_a_second_are_left_out_of_a_time():
    moment = datetime(2026, 11, 23, 10, 15, 0, 123000, tzinfo=UTC)
    assert time_words(moment, SHANGHAI) == "2026-11-23 18:15:00 +08:00"
    assert time_words(moment, ZoneInfo("UTC")) == "2026-11-23 10:15:00 UTC"


def test_a_severity_nobody_knows_stays_as_it_is():
    assert [severity_word(word, "zh") for word in ("warn", "Fatal", "")] == ["警告", "Fatal", ""]


def test_widths_count_columns():
    assert [width(text) for text in ("abc", "策略", "e\u0301", "▲")] == [3, 4, 1, 1]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain 漢", "plain 漢"),
        ("\t\n\r\x7f\x9b", "␉␊␍␡\ufffd"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\u2028", "\\u2028"),
        ("a\udc00\ud83d", "a\ufffd\ufffd"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_control_characters_become_visible(text, seen):
    assert visible(text) == seen


@pytest.mark.parametrize(
    ("name", "dimensions", "title"),
    [
        ("", {}, ""),
        ("web", {}, "web"),
        ("", {"unInstanceId": "ins-1"}, "ins-1"),
        ("web", {"InstanceId": "ins-1"}, "web (ins-1)"),
        ("10.0.0.1#12", {"deviceName": "web", "unInstanceId": "ins-1"}, "web (ins-1)"),
        ("web(ins-1)", {"uInstanceId": "ins-1"}, "web(ins-1)"),
        ("ins-1", {"uInstanceId": "ins-1"}, "ins-1"),
        ("web", {"unInstanceId": {"x": 1}, "deviceName": " "}, "web"),
    ],
)
def test_an_object_is_named_as_people_know_it(name, dimensions, title):
    alarm = replace(alarm_of(b'{"alarmObjInfo": {}}'), object_name=name, dimensions=dimensions)

    assert object_title(alarm) == title


def test_dimensions_say_what_the_title_does_not_what_people_know_it_by_first():
    dimensions = {
        "objId": "x", "appid": 1, "unInstanceId": "ins-1", "vport": 443, "empty": "", "none": None, "ip": [1, "2", {"a": 1}],
        "objDetail": {"vip": " 10.0.0.1 ", "deep": {"a": {"b": {"c": {"d": "too deep"}}}}},
    }  # fmt: skip
    alarm = replace(alarm_of(b'{"alarmObjInfo": {}}'), object_name="web", dimensions=dimensions)

    assert dimension_pairs(alarm, "ins-1") == [("name", "web"), ("ip", "1, 2"), ("vip", "10.0.0.1"), ("vport", "443")]


@pytest.mark.parametrize(
    ("state", "changes", "event", "expected"),
    [
        (State.RECOVERED, {}, {}, 240),
        (State.RECOVERED, {"duration_seconds": 9}, {"recovered_at": datetime(2020, 11, 23, 9, 37, tzinfo=UTC)}, 60),
        (State.REPEAT, {"duration_seconds": 86_400}, {}, 86_400),
        (State.TRIGGERED, {"duration_seconds": None}, {}, 240),
        (State.TRIGGERED, {"duration_seconds": None, "occurred_at_is_guess": True}, {}, None),
        (State.TRIGGERED, {"duration_seconds": None, "started_at": None}, {"started_at": None}, None),
        (State.EXPIRED, {}, {"occurred_at": datetime(2020, 11, 24, 9, 36, tzinfo=UTC)}, 86_400),
        (State.CLOSED, {}, {"occurred_at": datetime(2019, 1, 1, tzinfo=UTC)}, 0),
    ],
)
def test_how_long_an_alarm_lasts(state, changes, event, expected):
    alarm = replace(alarm_of(samples.body("capture-2020-mysql-cpu-recovered")), **changes)

    span = duration(event_of(alarm, state, **event), alarm)

    assert span == (None if expected is None else timedelta(seconds=expected))


MANY = """
from bridge.rendering.view import AlarmView
from tests.test_rendering_support import alarm_of, telling_of, with_alarm
from dataclasses import replace
alarm = alarm_of(b'{"alarmObjInfo": {}}')
dimensions, details = ({f"{name}{number}": "x" for number in range(150_000)} for name in "ab")
telling = with_alarm(telling_of(), dimensions=dimensions, details=details | {"a7": "x"})
print(len(AlarmView(telling).notes))
"""


def test_notes_of_many_details_beside_many_dimensions_are_not_compared_one_by_one():
    """In a process of its own: comparing each with each would take minutes."""
    ran = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "150000\n"
