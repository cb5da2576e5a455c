"""Which alarm a callback speaks of, and which delivery it is: the key and the fingerprints."""

import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import samples
from bridge.alarm import Alarm, Status
from bridge.sources import read
from bridge.sources.identity import alarm_key, fingerprints

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
METRIC = "doc-2023-metric-triggered-with-a-recover-time"
EVENT = "doc-2022-event-triggered-no-policy-id"
CLOUD_EVENT = "doc-2022-cloudevents"


def key_of(name: str = METRIC, /, *, watched=None, policy=None, conditions=None, dimensions=None, **above) -> str:
    """Give the key of a sample with some of its values changed."""
    body = orjson.loads(samples.body(name))
    body.update(above)
    if "alarmPolicyInfo" in body:
        body["alarmObjInfo"] |= watched or {}
        body["alarmPolicyInfo"] |= policy or {}
        if conditions is not None:
            body["alarmPolicyInfo"]["conditions"] |= conditions
    if dimensions is not None:
        body["alarmObjInfo"]["dimensions"] = dimensions
    return alarm_of(body).key


def alarm_of(body: object) -> Alarm:
    alarm = read(orjson.dumps(body), RECEIVED_AT).alarm
    assert alarm is not None
    return alarm


def cloud_key(data=None, **above) -> str:
    body = orjson.loads(samples.body(CLOUD_EVENT))
    body["data"] |= data or {}
    return alarm_of(body | above).key


def test_a_key_is_32_hex_digits():
    assert len(bytes.fromhex(key_of())) == 16


def test_what_one_delivery_says_is_no_part_of_the_key():
    assert key_of() == key_of(
        sessionId="other",
        alertId="other_Serious",
        alarmLevel="Serious",
        alarmStatus="0",
        firstOccurTime="2020-01-01 00:00:00",
        durationTime=1,
        recoverTime="2020-01-01 00:00:01",
        conditions={
            "currentValue": "1",
            "calcValue": "2",
            "calcType": "<",
            "unit": "s",
            "metricShowName": "CPU 利用率",
        },
        watched={"region": "sh", "uin": "1"},
        policy={"policyName": "renamed", "policyTypeCName": "x"},
    )


def test_samples_of_one_alarm_in_two_languages_share_a_key():
    assert key_of("doc-2019-event-triggered") == key_of("doc-2021-event-triggered")
    assert key_of("doc-2019-metric-triggered") == key_of(METRIC)


@pytest.mark.parametrize(
    "other",
    [
        {"policy": {"policyId": "policy-other"}},
        {"watched": {"namespace": "qce/lb"}},
        {"conditions": {"metricName": "mem_usage"}},
        {"dimensions": {"unInstanceId": "ins-o9p3rg3m", "objId": "other"}},
        {"dimensions": {"unInstanceId": "ins-other", "objId": "xxxxxxxxxxxx"}},
        {"dimensions": {"unInstanceId": "ins-o9p3rg3m"}},
        {"dimensions": {"unInstanceId": "ins-o9p3rg3m", "objId": "xxxxxxxxxxxx", "disk": ""}},
        {"dimensions": {}},
    ],
)
def test_policy_namespace_metric_and_each_dimension_tell_alarms_apart(other):
    assert key_of(**other) != key_of()


def test_without_a_policy_id_the_account_and_the_policys_name_tell_alarms_apart():
    keys = {
        key_of(policy={"policyId": "", "policyName": name}, watched={"appId": app_id})
        for name in ("a", "b")
        for app_id in ("1", "2")
    }
    assert len(keys) == 4
    assert key_of(policy={"policyId": None, "policyName": "a"}, watched={"appId": 1}) in keys
    assert key_of(watched={"appId": "1"}) == key_of(watched={"appId": "2"})


def test_without_a_namespace_the_product_tells_alarms_apart():
    blank = {"watched": {"namespace": ""}}
    assert key_of(**blank) != key_of(**blank, policy={"policyType": "cdb_detail"})
    assert key_of() == key_of(policy={"policyType": "cdb_detail"})
    assert key_of(EVENT) != key_of(EVENT, policy={"policyType": ""}, conditions={"productName": "cdb"})


def test_a_namespace_counts_without_regard_to_case():
    assert key_of(watched={"namespace": "QCE/CVM"}) == key_of()


def test_an_events_name_tells_alarms_apart():
    assert key_of(EVENT) != key_of(EVENT, conditions={"eventName": "guest_reboot"})
    assert key_of(EVENT) == key_of(EVENT, conditions={"eventShowName": "ping unreachable"})


def test_of_a_list_of_conditions_the_first_names_the_alarm():
    one, two = {"metricName": "cpu_usage"}, {"metricName": "mem_usage"}
    assert key_of(policy={"conditions": [one, two]}) == key_of(policy={"conditions": one}) == key_of()
    assert key_of(policy={"conditions": [two, one]}) != key_of()


def test_names_of_dimensions_count_without_regard_to_case_or_blanks():
    assert key_of(dimensions={"UNINSTANCEID": "ins-o9p3rg3m", " objid ": "xxxxxxxxxxxx"}) == key_of()


def test_values_of_dimensions_count_as_text_without_stray_blanks():
    assert key_of(dimensions={"port": 443}) == key_of(dimensions={"port": " 443 "})
    assert key_of(dimensions={"port": None}) == key_of(dimensions={"port": " "})
    assert key_of(dimensions={"a": {"Port ": 443}}) == key_of(dimensions={"a": {"port": "443"}})
    assert key_of(dimensions={"a": [443, " x"]}) == key_of(dimensions={"a": ["443", "x"]})


def test_the_case_of_values_and_the_order_of_lists_matter():
    assert key_of(dimensions={"a": "X"}) != key_of(dimensions={"a": "x"})
    assert key_of(dimensions={"a": ["1", "2"]}) != key_of(dimensions={"a": ["2", "1"]})


@pytest.mark.parametrize("name", ["objName", "deviceName", "DeviceName", "OBJNAME"])
def test_names_for_display_are_no_part_of_the_key(name):
    plain = {"unInstanceId": "ins-o9p3rg3m", "objId": "xxxxxxxxxxxx"}
    assert key_of(dimensions=plain | {name: "10.0.0.1#1"}) == key_of(dimensions=plain | {name: "renamed"}) == key_of()


@pytest.mark.parametrize(
    "name", ["unInstanceId", "uInstanceId", "InstanceId", "instance_id", "un_instance_id", "INSTANCEID"]
)
def test_object_details_are_no_part_of_the_key_where_an_instance_id_is(name):
    bare = key_of(EVENT, dimensions={name: "ins-1"})
    assert bare == key_of(EVENT, dimensions={name: "ins-1", "objDetail": {"IP": "10.0.0.1"}})
    assert bare == key_of(EVENT, dimensions={name: "ins-1", "OBJDETAIL": {"IP": "10.0.0.2"}})


@pytest.mark.parametrize("instance", [{}, {"unInstanceId": ""}, {"unInstanceId": None}])
def test_object_details_tell_alarms_apart_where_no_instance_id_does(instance):
    one, two = ({**instance, "objDetail": {"IP": address}} for address in ("10.0.0.1", "10.0.0.2"))
    assert key_of(EVENT, dimensions=one) != key_of(EVENT, dimensions=two)
    renamed = {**instance, "objDetail": {"deviceName": "new", "ip": " 10.0.0.1"}}
    assert key_of(EVENT, dimensions=one) == key_of(EVENT, dimensions=renamed)


def test_no_two_forms_are_the_same_by_accident():
    dimensions = [
        {"a": "b", "c": "d"},
        {"a": "b,c=d"},
        {"a": '["object",["c","d"]]'},
        {"a": {"c": "d"}},
        {"a": ["object", ["c", "d"]]},
        {"a": ["c", "d"]},
        {"a": [["c", "d"]]},
        {"a": {}},
        {"a": []},
        {"a": "[]"},
        {"a": ""},
        {"A": "", "a": ""},
        {},
    ]
    assert len({key_of(dimensions=each) for each in dimensions}) == len(dimensions)
    shifted: dict[str, Any] = {"policy_id": "", "scope": "", "dimensions": {}}
    assert alarm_key(app_id="a", policy_name="bc", name="", **shifted) != alarm_key(
        app_id="ab", policy_name="c", name="", **shifted
    )
    assert alarm_key(app_id="", policy_name="x", name="", **shifted) != alarm_key(
        app_id="", policy_name="", name="x", **shifted
    )


def test_a_key_never_changes_between_releases():
    assert key_of() == "18add730b1d30fdda63d5645209f74ad"
    assert key_of(EVENT) == "384d7360a734abeed021c53825524610"
    assert cloud_key() == "3e9d688e3c6fcb6860557d7ff3ac62e8"


# CloudEvents


def test_a_cloud_events_recovery_has_the_key_of_its_trigger():
    assert cloud_key() == cloud_key(id="other", status="0", time=1615430999146, region="ap-shanghai", tags=None)
    assert cloud_key() == cloud_key({"additionalMsg": {"IP": "fine again"}, "projectId": "12"})


@pytest.mark.parametrize(
    "other",
    [
        {"data": {"appId": "1"}},
        {"data": {"Uin": "1"}},
        {"data": {"instanceId": "ins-other"}},
        {"data": {"Ip": "10.0.0.1"}},
        {"data": {"dimensions": {"ip": "10.0.0.1"}}},
        {"type": "cdb:ErrorEvent:ping_unreachable"},
        {"type": "cvm:ErrorEvent:guest_reboot"},
        {"subject": "other"},
    ],
)
def test_account_product_event_subject_instance_addresses_and_dimensions_tell_cloud_events_apart(other):
    assert cloud_key(**other) != cloud_key()


def test_an_address_of_the_data_is_not_taken_for_one_of_the_dimensions():
    one = {"ip": "10.0.0.1", "dimensions": {"ip": "10.0.0.2"}}
    two = {"ip": "10.0.0.2", "dimensions": {"ip": "10.0.0.1"}}
    assert cloud_key(one) != cloud_key(two)


# the order of keys

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
NAMES = st.sampled_from(["a", "A", "a ", "b", "objId", "objDetail", "unInstanceId", "objName", "ü"])
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)


def shuffled(value: object, chance: random.Random) -> object:
    """Give the same JSON with the keys of all objects in another order."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if isinstance(value, dict):
        items = [(name, shuffled(item, chance)) for name, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    return value


@settings(max_examples=150, deadline=None, derandomize=True)
@given(dimensions=st.dictionaries(NAMES, VALUES, max_size=6), seed=st.integers(0, 2**32))
def test_the_key_is_the_same_for_any_order_of_keys(dimensions, seed):
    body = orjson.loads(samples.body(METRIC))
    body["alarmObjInfo"]["dimensions"] = dimensions
    assert alarm_of(shuffled(body, random.Random(seed))).key == alarm_of(body).key


# fingerprints

DELIVERY: dict[str, Any] = {"alert_id": "s", "status": Status.FIRING, "duration": "0", "severity": "", "body": b"{}"}


def test_a_delivery_has_a_fingerprint_of_its_alert_id_and_one_of_its_body():
    of_delivery, of_body = fingerprints(**DELIVERY)
    assert [len(bytes.fromhex(each)) for each in (of_delivery, of_body)] == [8, 8]
    assert fingerprints(**DELIVERY | {"body": b"{ }"})[0] == of_delivery
    assert fingerprints(**DELIVERY | {"body": b"{ }"})[1] != of_body


@pytest.mark.parametrize(
    "other", [{"alert_id": "s2"}, {"status": Status.RECOVERED}, {"duration": "300"}, {"severity": "warn"}]
)
def test_alert_id_status_duration_and_level_tell_deliveries_apart(other):
    before, after = fingerprints(**DELIVERY), fingerprints(**DELIVERY | other)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_without_an_alert_id_the_body_alone_tells_deliveries_apart():
    assert fingerprints(**DELIVERY | {"alert_id": ""}) == fingerprints(**DELIVERY)[1:]


def test_a_duration_is_the_same_as_number_and_as_text():
    body = orjson.loads(samples.body(METRIC))
    number, written = alarm_of(body), alarm_of(body | {"durationTime": "500"})
    assert number.fingerprints[0] == written.fingerprints[0]
    assert number.fingerprints[1] != written.fingerprints[1]


def test_alarms_without_names_are_told_apart_by_their_tags() -> None:
    def key(**told: object) -> str:
        body = {"alarmStatus": "1", "alarmObjInfo": told, "alarmPolicyInfo": {"policyId": "policy-1"}}
        alarm = read(orjson.dumps(body), datetime(2026, 11, 1, tzinfo=UTC)).alarm
        assert alarm is not None
        return alarm.key

    one = [{"key": "instance", "value": "a"}]
    other = [{"key": "instance", "value": "b"}]
    assert key(tags=one, content="load is 9") == key(tags=one, content="load is 7")
    assert key(tags=one) != key(tags=other)
    assert key(summary="a is down", content="since 3 min") == key(summary="a is down", content="since 4 min")
    assert key(summary="a is down") != key(summary="b is down")
