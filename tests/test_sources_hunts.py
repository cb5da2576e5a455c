"""Hunts: no bytes make the sources raise, and what is an alarm is never lost."""

import json
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import samples
from bridge.alarm import SEVERITIES, Reading, ReadingKind, Status
from bridge.sources import identity, read

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [name for name in samples.names() if not name.startswith(("template", "verification"))]
FIELDS = sorted(
    {
        *("alarmObjInfo", "alarmPolicyInfo", "conditions", "dimensions", "sessionId", "alertId", "alarmStatus"),
        *("firstOccurTime", "durationTime", "recoverTime", "alarmLevel", "current_level", "additionalMsg", "tag"),
        *("policyTags", "objId", "unInstanceId", "objDetail", "specversion", "type", "data", "time", "status", "msg"),
        *("policyId", "policyName", "policyType", "namespace", "metricName", "eventName", "period", "key", "value"),
    }
)
WORDS = [
    "0",
    "1",
    "-",
    "NaN",
    "2021-05-11 20:31:00",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59",
    "1" * 400,
    "\0",
    "\ud800",
]
TEXTS = (
    st.sampled_from(WORDS)
    | st.text(st.characters(), max_size=12)
    | st.text(st.characters(categories=["Cs"]), max_size=2)
)
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats()
PLAIN = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | TEXTS, inner, max_size=6),
    max_leaves=25,
)


def sane(reading: Reading) -> Reading:
    """Assert what holds of every reading."""
    assert (reading.alarm is not None) == (reading.kind is ReadingKind.ALARM)
    assert bool(reading.problem) or reading.kind is not ReadingKind.UNRECOGNISED
    alarm = reading.alarm
    if alarm is not None:
        assert isinstance(alarm.status, Status)
        assert alarm.severity in SEVERITIES
        assert len(alarm.key) == 32
        assert alarm.session_id == reading.session_id
        for when in (alarm.occurred_at, alarm.started_at, alarm.recovered_at):
            assert when is None or when.tzinfo is UTC
        assert isinstance(alarm.dimensions, dict)
        assert isinstance(alarm.tags, dict)
        assert isinstance(alarm.details, dict)
        assert isinstance(alarm.subject + alarm.condition, str)
    return reading


def dumped(value: object) -> bytes:
    """Write JSON as leniently as Python does: NaN, long integers and lone surrogates included."""
    return json.dumps(value).encode()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_no_bytes_make_read_raise(body):
    sane(read(body, RECEIVED_AT))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(JSON)
def test_no_json_makes_read_raise(value):
    sane(read(dumped(value), RECEIVED_AT))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8),
    st.sampled_from(["alarmObjInfo", "alarmPolicyInfo"]),
    JSON,
)
def test_an_object_with_the_marks_of_an_alarm_is_an_alarm_whatever_else_it_holds(fields, mark, content):
    assert sane(read(dumped(fields | {mark: content}), RECEIVED_AT)).kind is ReadingKind.ALARM


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8), JSON)
def test_a_cloud_event_is_an_alarm_whatever_it_holds(fields, content):
    event = fields | {"specversion": "1.0", "type": content}
    assert sane(read(dumped(event), RECEIVED_AT)).kind is ReadingKind.ALARM


@st.composite
def mutated(draw) -> object:
    """Take a vendor's body and put any JSON into some of its places."""
    body = orjson.loads(samples.body(draw(st.sampled_from(NAMES))))
    for _ in range(draw(st.integers(1, 3))):
        place = body
        while True:
            name = draw(st.sampled_from(sorted(place)))
            inner = place[name]
            if not (isinstance(inner, dict) and inner and draw(st.booleans())):
                place[name] = draw(JSON)
                break
            place = inner
    return body


@settings(max_examples=250, deadline=None, derandomize=True)
@given(mutated())
def test_a_vendors_body_with_anything_in_any_place_is_read(body):
    reading = sane(read(dumped(body), RECEIVED_AT))
    marks = {"alarmObjInfo", "alarmPolicyInfo", "specversion"}
    assert marks.isdisjoint(body) or reading.kind is ReadingKind.ALARM


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(samples.names()), st.data())
def test_a_vendors_body_with_bytes_changed_is_read_or_said_to_be_none(name, data):
    body = bytearray(samples.body(name))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    sane(read(bytes(body), RECEIVED_AT))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(JSON)
def test_reading_is_the_same_twice(value):
    body = dumped({"alarmObjInfo": {"dimensions": value}})
    assert repr(read(body, RECEIVED_AT)) == repr(read(body, RECEIVED_AT))


def test_a_key_that_comes_100000_times_is_read_once_each():
    """With a copy for each, a body of 1 MiB held up the bridge for minutes: here it would never end in the suite."""
    body = b'{"specversion":"1.0","type":"cvm:a:b","data":{"additionalMsg":[%s]}}' % b",".join([b'"a"'] * 100_000)
    alarm = read(body, datetime(2026, 11, 1, tzinfo=UTC)).alarm
    assert alarm is not None
    assert alarm.details["additionalMsg"] == ["a"] * 100_000


@pytest.mark.parametrize("written", ["2017-03-09 07:00:00{}x", "2017-03-09{}07:00:00", "{}1", "1{}"])
@pytest.mark.parametrize("filling", [" ", "1", "T", "0 "])
def test_a_time_of_a_million_characters_is_no_time(written, filling):
    """Blanks behind a time took the cube of their number: 256 KiB of them never ended."""
    body = dumped({"alarmObjInfo": {}, "firstOccurTime": written.format(filling * (1_000_000 // len(filling)))})
    alarm = sane(read(body, RECEIVED_AT)).alarm
    assert alarm is not None
    assert alarm.started_at is None


def test_names_that_differ_in_case_are_compared_once_each_however_deep_they_stand(monkeypatch):
    written: list[int] = []

    def counted(value: object) -> str:
        text = repr(value)
        written.append(len(text))
        return text

    monkeypatch.setattr(identity, "repr", counted, raising=False)
    value: object = ["1"] * 10_000
    for _ in range(60):
        value = {"A": "1", "a": value}
    sane(read(dumped({"alarmObjInfo": {"dimensions": value}}), RECEIVED_AT))
    assert len(written) == 120
    assert sum(written) < 10_000  # with all that is nested written anew at each level, 3,000,000


def test_names_that_differ_in_case_make_one_key_in_any_order_and_another_for_another_value():
    bodies = [
        {"A": {"x": [1]}, "a": "1", "b": "2"},
        {"b": "2", "a": "1", "A": {"X": [1]}},
        {"A": {"x": [2]}, "a": "1", "b": "2"},
        {"A": "1", "a": "1", "b": "2"},
    ]
    alarms = [read(dumped({"alarmObjInfo": {"dimensions": each}}), RECEIVED_AT).alarm for each in bodies]
    keys = [alarm.key for alarm in alarms if alarm is not None]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
