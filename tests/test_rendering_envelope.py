"""The webhook channel's own body: every field, the callback as it came, and JSON whatever the callback holds."""

import json
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import samples
from bridge.alarm import State
from bridge.rendering.envelope import clean, received
from bridge.rendering.plain import plain_text
from bridge.rendering.view import AlarmView
from tests.test_rendering_support import builtin, payload_of, rendered, telling_of

ONLY_IN_TEMPLATES = {
    "advice", "because", "command", "instead_of", "object", "instance_id", "facts", "notes", "received", "successor", "late",
    "together", "follows", "last_message",
}  # fmt: skip


def test_the_envelope_has_every_field_in_full():
    telling = telling_of(
        "capture-2020-mysql-cpu-recovered", kind="webhook", name="tickets", route={"name": "cvm"},
        event={"unheard": True, "repeat_count": 2, "id": 2**62},
    )  # fmt: skip

    message = builtin().render(telling)

    callback = json.loads(samples.body("capture-2020-mysql-cpu-recovered"))
    assert message.problem == ""
    assert message.payload == {
        "version": 1,
        "delivery_id": "9",
        "event_id": "4611686018427387904",
        "state": "recovered",
        "channel": "tickets",
        "route": "cvm",
        "text": plain_text(telling),
        "alarm": {
            "id": "v0n3wx",
            "key": telling.alarm.key,
            "episode_id": "5",
            "state": "recovered",
            "kind": "metric",
            "policy_id": "policy-q2n6b8ya",
            "policy_name": "mysql(定时任务过滤)",
            "policy_type": "cdb_detail",
            "policy_type_name": "云数据库-MySQL-主机监控",
            "namespace": "qce/cdb",
            "region": "sh",
            "product": "cdb",
            "metric": "cpu_use_rate",
            "metric_label": "CPU利用率",
            "event": None,
            "event_label": None,
            "object_id": "c7e1f0a4-5d2b-11ea-9b3c-4a6f8d0e2c19",
            "object_name": "cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)",
            "dimensions": callback["alarmObjInfo"]["dimensions"],
            "tags": {},
            "severity": None,
            "app_id": None,
            "uin": None,
            "subject": "CPU利用率",
            "condition": "CPU利用率 > 90 %",
            "operator": ">",
            "threshold": "90",
            "value": "18.149",
            "unit": "%",
            "period": 60,
            "started_at": "2020-11-23T17:36:00+08:00",
            "recovered_at": "2020-11-23T17:40:00+08:00",
            "occurred_at": "2020-11-23T17:40:00+08:00",
            "received_at": "2026-11-23T18:15:00+08:00",
            "duration": "4 min",
            "duration_seconds": 240,
            "repeat_count": 2,
            "previous_severity": None,
            "again": False,
            "unheard": True,
            "details": {},
            "url": None,
            "raw": callback,
        },
        "callback": callback,
    }
    assert message.text == message.plain == message.payload["text"]


def test_the_envelope_names_what_templates_name():
    payload = payload_of(telling_of(kind="webhook"))

    assert set(payload["alarm"]) == set(AlarmView.names()) - ONLY_IN_TEMPLATES | {"duration_seconds"}


@pytest.mark.parametrize("sample", samples.names())
def test_each_sample_travels_as_it_came(sample):
    payload = payload_of(telling_of(sample, kind="webhook"))

    assert orjson.loads(orjson.dumps(payload))["callback"] == json.loads(samples.body(sample))


def test_a_body_nobody_understands_travels_with_its_problem():
    payload = payload_of(telling_of(kind="webhook", body=b"<xml/>"))

    assert payload["state"] == "unrecognised"
    assert payload["callback"] == "<xml/>"
    assert payload["alarm"]["id"] is payload["alarm"]["episode_id"] is payload["alarm"]["raw"] is None
    assert "JSON" in payload["alarm"]["details"]["problem"]


@pytest.mark.parametrize(
    ("body", "callback"),
    [
        (b'{"a": 1.50, "b": [true, null]}', {"a": 1.5, "b": [True, None]}),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": "nan", "b": "-inf", "c": "inf"}),
        (b'{"a": 1180591620717411303424}', {"a": "1180591620717411303424"}),
        (b'{"a": 18446744073709551615, "b": 18446744073709551616}', {"a": 18446744073709551615, "b": "18446744073709551616"}),
        (b'{"a": "1180591620717411303424"}', {"a": "1180591620717411303424"}),
        (b'{"\\ud800": "\\udfff x"}', {"\ufffd": "\ufffd x"}),
        (b'{"a": "\\u0000"}', {"a": "\0"}),
        (b"\xef\xbb\xbf{}", {}),
        (b"{", "{"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 5000, "[" * 5000),
        (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000),
        (b"1" * 5000, "1" * 5000),
        (b"12", 12),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_becomes_text(body, callback):
    assert received(body) == callback


@settings(max_examples=150)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
    max_leaves=10,
))  # fmt: skip
def test_no_callback_breaks_the_outgoing_json(value):
    body = json.dumps(
        {"alarmObjInfo": {"dimensions": {"x": value}}, "alarmPolicyInfo": value, "alarmStatus": value}
    ).encode()

    payload = payload_of(telling_of(kind="webhook", body=body))

    text = orjson.dumps(payload)
    json.loads(text, parse_constant=pytest.fail)
    assert orjson.loads(text)["callback"] == orjson.loads(orjson.dumps(payload["callback"]))


def test_cleaning_leaves_what_is_clean():
    value = {"a": [1, "x", "漢", None, True, 1.5, {"b": []}]}

    assert clean(value) == value


def test_a_json_template_takes_the_place_of_the_envelope(tmp_path):
    text = '{"msgtype": "text", "text": {"content": "{{ alarm.policy_name }}\\n{{ alarm.object }}"}}'

    message = rendered(tmp_path, text, telling_of(kind="webhook"))

    assert message.payload == {
        "msgtype": "text",
        "text": {"content": "磁盘告警测试\nprod-media-mixer-05 (ins-k4v8q2mz)"},
    }


def test_a_txt_template_gives_a_webhook_its_text_alone(tmp_path):
    message = rendered(tmp_path, "{{ alarm.policy_name }} <b>&\n", telling_of(kind="webhook"), form="txt")

    assert (message.text, message.payload) == ("磁盘告警测试 <b>&", None)


def test_times_stand_on_the_channels_clocks_and_durations_are_whole_seconds():
    telling = telling_of(kind="webhook", state=State.EXPIRED)
    telling = replace(telling, event=replace(telling.event, occurred_at=telling.event.received_at))

    alarm = payload_of(telling)["alarm"]

    assert alarm["occurred_at"] == "2026-11-23T18:15:00+08:00"
    assert alarm["duration_seconds"] == 192_171_900
