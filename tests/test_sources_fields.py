"""Single fields: types that vary, places that vary, words that vary."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from bridge import samples
from bridge.alarm import Alarm, Status
from bridge.rendering.words import time_words
from bridge.sources import read
from bridge.sources.tencent import product_of
from bridge.sources.times import duration, moment
from bridge.sources.values import compact, pairs, text, whole

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
METRIC = "capture-2021-cvm-memory-triggered"
EVENT = "doc-2022-event-triggered-no-policy-id"


def changed(name: str = METRIC, /, *, watched=None, policy=None, conditions=None, without=(), **above) -> Alarm:
    """Read a sample with some of its values changed."""
    body = orjson.loads(samples.body(name))
    body.update(above)
    for part, changes in (("alarmObjInfo", watched), ("alarmPolicyInfo", policy)):
        body[part].update(changes or {})
    if conditions is not None:
        body["alarmPolicyInfo"]["conditions"].update(conditions)
    for key in without:
        body.pop(key, None)
        body["alarmPolicyInfo"].pop(key, None)
    alarm = read(orjson.dumps(body), RECEIVED_AT).alarm
    assert alarm is not None
    return alarm


def raw_alarm(body: object) -> Alarm:
    alarm = read(orjson.dumps(body), RECEIVED_AT).alarm
    assert alarm is not None
    return alarm


def cloud_event(**changes) -> Alarm:
    return raw_alarm(orjson.loads(samples.body("doc-2022-cloudevents")) | changes)


# status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, Status.FIRING) for word in (1, "1", " 1 ", 1.0, "Trigger")),
        *((word, Status.RECOVERED) for word in (0, "0", 0.0, "Recovery")),
        *((word, Status.STATELESS) for word in ("-", "2", 2, "NO_DATA", True, ["1"], {"a": 1})),
    ],
)
def test_alarm_status_alone_decides_where_there_is_one(word, status):
    assert changed(alarmStatus=word).status is status
    assert changed(alarmStatus=word, recoverTime="2021-05-11 21:00:00").status is status


@pytest.mark.parametrize("missing", [{"alarmStatus": None}, {"alarmStatus": ""}, {"without": ("alarmStatus",)}])
def test_the_recovery_time_decides_only_where_the_status_is_missing(missing):
    assert changed(**missing, recoverTime="2021-05-11 21:00:00").status is Status.RECOVERED
    assert changed(**missing, recoverTime="0").status is Status.FIRING
    assert changed(**missing, recoverTime="not a time").status is Status.FIRING


def test_a_firing_alarm_with_a_recovery_time_has_not_recovered():
    alarm = changed("doc-2023-metric-triggered-with-a-recover-time")
    assert (alarm.status, alarm.recovered_at) == (Status.FIRING, None)
    assert alarm.occurred_at == datetime(2017, 3, 8, 23, 8, 20, tzinfo=UTC)


# the moment a callback speaks of


def test_a_firing_alarm_speaks_of_its_first_occurrence_and_duration():
    alarm = changed(firstOccurTime="2021-05-11 20:31:00", durationTime="86400")
    assert (alarm.occurred_at, alarm.occurred_at_is_guess) == (datetime(2021, 5, 12, 12, 31, tzinfo=UTC), False)


def test_a_recovery_speaks_of_its_recovery_time():
    alarm = changed(alarmStatus="0", recoverTime="2021-05-11 21:00:00", durationTime=5)
    assert (alarm.occurred_at, alarm.occurred_at_is_guess) == (datetime(2021, 5, 11, 13, 0, tzinfo=UTC), False)
    assert alarm.recovered_at == alarm.occurred_at


@pytest.mark.parametrize(
    "unreadable",
    [
        {"firstOccurTime": "soon"},
        {"durationTime": "-"},
        {"durationTime": -1},
        {"durationTime": 10**12},
        {"without": ("firstOccurTime",)},
        {"without": ("durationTime",)},
        {"firstOccurTime": "9998-12-31 23:59:59", "durationTime": 86400},
        {"alarmStatus": "0", "recoverTime": "0"},
        {"alarmStatus": "-", "durationTime": None},
    ],
)
def test_the_time_received_stands_in_where_a_time_is_missing_or_unreadable(unreadable):
    alarm = changed(**unreadable)
    assert (alarm.occurred_at, alarm.occurred_at_is_guess) == (RECEIVED_AT, True)


def test_the_times_of_2017_are_found_inside_the_policy():
    nested = {"firstOccurTime": "2017-03-09 07:00:00", "durationTime": "600", "recoverTime": "2017-03-09 07:10:00"}
    without = ("firstOccurTime", "durationTime", "recoverTime")
    body = orjson.loads(samples.body(METRIC))
    for key in without:
        del body[key]
    body["alarmStatus"] = 0
    body["alarmPolicyInfo"] |= nested
    alarm = raw_alarm(body)
    assert alarm.started_at == datetime(2017, 3, 8, 23, tzinfo=UTC)
    assert alarm.recovered_at == datetime(2017, 3, 8, 23, 10, tzinfo=UTC)
    assert alarm.duration_seconds == 600
    assert alarm.details == {}


NO_TIMES: list[object] = [
    *("0", 0, "", None, " ", "0 ", False, True, [], {}, -5, 17, "17", 10**15, 10**18, "1" * 5000, "²", "\ud800"),
    *("-", "null", "0000-00-00 00:00:00", "2021-13-01 00:00:00", "2021-02-30 00:00:00", "2021-05-11 25:00:00"),
    *("0001-01-01 00:00:00", "9999-12-31T23:59:59-12:00", "2021-05-11 10:00:00 (UTC+99:00)", "5/11 20:31"),
    *("9999-01-01T00:00:00Z", "9999-12-31 23:59:59", "0001-12-31T23:59:59Z"),
]


@pytest.mark.parametrize("written", NO_TIMES)
def test_what_is_no_time_is_none(written):
    assert moment(written) is None


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("written", ["9998-12-31T23:59:59Z", "0002-01-01T00:00:00Z"])
def test_every_moment_that_is_read_can_be_said_on_the_clocks_of_every_zone(written, zone):
    read = moment(written)
    assert read is not None
    assert time_words(read, ZoneInfo(zone))[:4].isdigit()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2021-05-11 20:31:00", "2021-05-11T12:31:00"),
        (" 2021-05-11 20:31:00 ", "2021-05-11T12:31:00"),
        ("2021-05-11", "2021-05-10T16:00:00"),
        ("2021/05/11 20:31:00", "2021-05-11T12:31:00"),
        ("2021/5/1 7:03", "2021-04-30T23:03:00"),
        ("2021-05-11 20:31:00 (UTC+08:00)", "2021-05-11T12:31:00"),
        ("2021-05-11 20:31:00 (UTC+8)", "2021-05-11T12:31:00"),
        ("2021-05-11 20:31:00 (UTC-03:30)", "2021-05-12T00:01:00"),
        ("2021-05-11 20:31:00 UTC", "2021-05-11T20:31:00"),
        ("2021-05-11T20:31:00Z", "2021-05-11T20:31:00"),
        ("2021-05-11T20:31:00.5+02:00", "2021-05-11T18:31:00.500000"),
        (1615430559, "2021-03-11T02:42:39"),
        ("1615430559", "2021-03-11T02:42:39"),
        (1615430559146, "2021-03-11T02:42:39.146000"),
        ("1615430559146", "2021-03-11T02:42:39.146000"),
        (1615430559.9, "2021-03-11T02:42:39"),
    ],
)
def test_times_are_read_as_utc_plus_8_unless_they_say_otherwise(written, expected):
    assert moment(written) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("written", [500, "500", " 500 ", 500.9, "500.0", "5e2"])
def test_a_duration_is_whole_seconds(written):
    assert duration(written) == 500


@pytest.mark.parametrize("written", ["", None, "-1", -1, True, [], {}, "NaN", "inf", "1" * 5000, "五"])
def test_what_is_no_duration_is_none(written):
    assert duration(written) is None


def test_a_duration_is_between_nothing_and_ten_years():
    assert [duration(seconds) for seconds in (0, "0", 0.5)] == [0, 0, 0]
    assert duration(3650 * 86400) == 3650 * 86400
    assert duration(3650 * 86400 + 1) is None


# severity


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({}, ""),
        ({"alarmLevel": "Serious"}, "serious"),
        ({"alarmLevel": " WARN "}, "warn"),
        ({"alarmLevel": "Remind"}, "remind"),
        ({"alarmLevel": "Note"}, "remind"),
        ({"alarmLevel": "None"}, ""),
        ({"alarmLevel": "Invalid"}, ""),
        ({"alarmLevel": "Critical"}, ""),
        ({"alarmLevel": 3}, ""),
        ({"alarmLevel": "Warn", "alertId": "s_Serious"}, "warn"),
        ({"alarmLevel": "None", "alertId": "s_Serious"}, ""),
        ({"alarmLevel": "", "alertId": "s_Serious"}, "serious"),
        ({"alertId": "2HfGxR8uJm6wQz0tVn5yKcLe_Remind"}, "remind"),
        ({"alertId": "a_b_WARN"}, "warn"),
        ({"alertId": "a_b"}, ""),
        ({"alertId": "Serious"}, ""),
        ({"alertId": "s_Remind", "current_level": "Serious"}, "remind"),
        ({"alertId": "s", "current_level": "Serious"}, "serious"),
        ({"current_level": "Note"}, "remind"),
    ],
)
def test_severity_is_the_level_else_the_end_of_the_alert_id_else_the_current_level(fields, severity):
    assert changed(**fields).severity == severity


def test_the_alert_id_is_the_session_where_there_is_none():
    assert changed(sessionId="s", alertId="s_Warn").alert_id == "s_Warn"
    assert changed(sessionId="s", alertId="").alert_id == "s"
    assert changed(sessionId=77).session_id == "77"


# product, kind, region, object


@pytest.mark.parametrize(
    ("policy_type", "product_name", "namespace", "product"),
    [
        ("cvm_device", "x", "qce/lb", "cvm"),
        ("cdb_detail", "", "qce/cdb", "cdb"),
        ("redis_mem_node", "", "", "redis"),
        ("CLB_LISTENER_PUBLIC", "", "", "clb"),
        ("POSTGRESQL", "", "", "postgresql"),
        ("VPN_GW", "", "", "vpn"),
        ("LB-SEVEN-LAYER-MONITOR", "", "", "clb"),
        ("BS", "", "", "cbs"),
        ("nat_tc_stat", "", "", "nat"),
        ("qce/ov_cdn", "", "", "cdn"),
        ("", "CVM", "qce/cdb", "cvm"),
        ("", "", "qce/cdb", "cdb"),
        ("", "", "QCE/CVM", "cvm"),
        ("", "", "qce/lb", "clb"),
        ("", "", "", ""),
    ],
)
def test_a_product_is_named_by_policy_type_else_product_name_else_namespace(
    policy_type, product_name, namespace, product
):
    assert product_of(policy_type, product_name, namespace) == product


def test_the_kind_is_the_type_received_else_told_by_the_name_of_an_event():
    assert changed(METRIC).kind == "metric"
    assert changed(METRIC, without=["alarmType"]).kind == "metric"
    assert changed(EVENT, without=["alarmType"]).kind == "event"
    assert changed(EVENT, alarmType="Metric").kind == "metric"
    assert changed(EVENT, alarmType="probe").kind == "probe"


def test_a_region_that_stands_among_the_dimensions_alone_is_found():
    assert changed(watched={"region": "gz", "dimensions": {"region": "sh"}}).region == "gz"
    assert changed(watched={"region": None, "dimensions": {"region": "sh"}}).region == "sh"
    assert changed(watched={"region": "", "dimensions": {"__region__": "ap-seoul"}}).region == "ap-seoul"
    assert changed(watched={"region": ""}).region == ""


@pytest.mark.parametrize(
    "name", ["unInstanceId", "uInstanceId", "InstanceId", "instance_id", "un_instance_id", "instanceid"]
)
def test_an_object_without_an_id_of_its_own_has_its_instances(name):
    alarm = changed(watched={"dimensions": {"zone": "z", name: "ins-1"}})
    assert (alarm.object_id, alarm.object_name) == ("ins-1", "")
    assert changed(watched={"dimensions": {name: "ins-1", "objId": "uuid"}}).object_id == "uuid"
    assert changed(watched={"dimensions": {name: "ins-1", "objId": ""}}).object_id == "ins-1"


def test_an_objects_name_is_its_own_else_its_devices_in_any_case_of_letters():
    assert changed(watched={"dimensions": {"objName": "o", "deviceName": "d"}}).object_name == "o"
    assert changed(watched={"dimensions": {"DeviceName": "d"}}).object_name == "d"


# tags and details


def test_tags_come_from_policy_tags_else_from_tag():
    assert changed(
        policy={"policyTags": [{"key": "team", "value": "dba"}], "tag": [{"key": "a", "value": 1}]}
    ).tags == {"team": "dba"}
    assert changed(policy={"policyTags": [], "tag": [{"Key": "a", "Value": 1}]}).tags == {"a": 1}
    assert changed(policy={"policyTags": None, "tag": {"a": "1"}}).tags == {"a": "1"}
    assert changed(policy={"policyTags": [], "tag": []}).tags == {}
    assert changed(policy={"policyTags": [{"tagKey": "a", "tagValue": "b"}]}).tags == {"a": "b"}
    assert changed(policy={"tag": ["prod"]}).tags == {"tag": "prod"}


def test_keys_that_nobody_knows_are_kept_as_details_at_every_level():
    alarm = changed(
        watched={"summary": "disk is full", "owner": 1},
        policy={"owner": "me"},
        conditions={"trend": [1, 2]},
        newKey={"a": 1},
        additionalMsg=[{"key": "alias", "value": "x"}, {"Key": "ip", "Value": None}],
    )
    assert alarm.details == {
        "alias": "x",
        "ip": None,
        "newKey": {"a": 1},
        "summary": "disk is full",
        "owner": 1,
        "owner 2": "me",
        "trend": [1, 2],
    }


def test_additional_messages_may_be_an_object():
    assert changed(additionalMsg={"IP": "odd"}).details == {"IP": "odd"}
    assert changed(additionalMsg="words").details == {"additionalMsg": "words"}
    assert changed(additionalMsg={"key": "alias", "value": "x"}).details == {"alias": "x"}


# lists for objects, objects for lists, texts for numbers


def test_of_a_list_of_conditions_the_first_counts_and_the_others_are_shown():
    first = {"metricName": "cpu_usage", "calcType": ">", "calcValue": 90, "currentValue": 95.5, "period": 60}
    alarm = changed(policy={"conditions": [first, {"metricName": "mem_usage"}]})
    assert (alarm.metric, alarm.operator, alarm.threshold, alarm.value, alarm.period) == (
        "cpu_usage",
        ">",
        "90",
        "95.5",
        60,
    )
    assert alarm.details == {"conditions": [{"metricName": "mem_usage"}]}
    assert alarm.key == changed(policy={"conditions": first}).key


def test_lists_where_objects_are_documented_are_read():
    body = orjson.loads(samples.body(METRIC))
    listed = body | {"alarmObjInfo": [body["alarmObjInfo"]], "alarmPolicyInfo": [body["alarmPolicyInfo"], "more"]}
    alarm, plain = raw_alarm(listed), raw_alarm(body)
    assert (alarm.key, alarm.policy_name, alarm.object_id) == (plain.key, "Default", plain.object_id)
    assert alarm.details == {"alarmPolicyInfo": ["more"]}


@pytest.mark.parametrize(
    "dimensions",
    [
        {"unInstanceId": "ins-1", "port": 443},
        [{"unInstanceId": "ins-1"}, {"port": 443}],
        [{"key": "unInstanceId", "value": "ins-1"}, {"key": "port", "value": 443}],
        [{"Name": "unInstanceId", "Value": "ins-1"}, {"Name": "port", "Value": 443}],
    ],
)
def test_dimensions_may_be_an_object_or_a_list(dimensions):
    assert changed(watched={"dimensions": dimensions}).dimensions == {"unInstanceId": "ins-1", "port": 443}


def test_dimensions_and_an_object_that_are_texts_still_tell_alarms_apart():
    body = orjson.loads(samples.body(METRIC))
    one, two = (raw_alarm(body | {"alarmObjInfo": name}) for name in ("ins-1", "ins-2"))
    assert one.dimensions == {"dimensions": "ins-1"}
    assert one.key != two.key
    assert changed(watched={"dimensions": "ins-1"}).key != changed(watched={"dimensions": "ins-2"}).key


def test_numbers_come_as_texts_and_texts_as_numbers():
    alarm = changed(
        sessionId=12,
        alarmStatus=1.0,
        watched={"appId": 1250000001, "uin": 100000000001, "region": None, "dimensions": {"objId": 7}},
        policy={"policyId": 99, "policyName": True},
        conditions={"calcValue": 90, "currentValue": 90.683, "unit": None, "calcUnit": "%", "period": " 60 "},
        durationTime="500",
    )
    assert (alarm.session_id, alarm.app_id, alarm.uin, alarm.region) == ("12", "1250000001", "100000000001", "")
    assert (alarm.policy_id, alarm.policy_name, alarm.object_id) == ("99", "true", "7")
    assert (alarm.threshold, alarm.value, alarm.unit, alarm.period) == ("90", "90.683", "%", 60)
    assert alarm.duration_seconds == 500


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (" a\u3000", "a"),
        (7, "7"),
        (0.00001, "0.00001"),
        (1e18, "1000000000000000000"),
        (1e22, "1e+22"),
        (1e-300, "1e-300"),
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'),
        (["\ud800"], '["\ud800"]'),
    ],
)
def test_any_value_is_a_text(value, written):
    assert text(value) == written


def test_compact_json_keeps_lone_surrogates():
    assert compact({"a": "\ud800"}) == '{"a":"\ud800"}'


@pytest.mark.parametrize(("value", "number"), [(True, None), (float("nan"), None), (float("inf"), None), (1e30, None)])
def test_what_is_no_whole_number_is_none(value, number):
    assert whole(value) is number


def test_a_key_that_comes_twice_holds_both_values():
    assert pairs([{"key": "a", "value": 1}, {"key": "a", "value": 2}, {"a": 3}], "tag") == {"a": [1, 2, 3]}
    assert pairs([{"key": "a", "value": 1, "more": 2}], "tag") == {"key": "a", "value": 1, "more": 2}
    assert pairs(["x", None, "", "y"], "tag") == {"tag": ["x", "y"]}


# CloudEvents


@pytest.mark.parametrize(
    ("sort", "product", "event"),
    [
        ("cvm:ErrorEvent:ping_unreachable", "cvm", "ping_unreachable"),
        ("CVM:ping", "cvm", "ping"),
        ("com.example.happened", "", "com.example.happened"),
        (None, "", ""),
    ],
)
def test_a_cloud_events_type_names_product_and_event(sort, product, event):
    alarm = cloud_event(type=sort)
    assert (alarm.kind, alarm.product, alarm.event, alarm.subject) == ("event", product, event, event)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, "firing") for word in ("1", 1)),
        *((word, "recovered") for word in ("0", 0, 0.0)),
        *((word, "stateless") for word in ("-", "", None)),
    ],
)
def test_a_cloud_events_status_is_read_as_tencent_writes_it(word, status):
    assert cloud_event(status=word).status == status


def test_a_cloud_events_time_is_its_first_occurrence_and_its_present_moment():
    alarm = cloud_event(time="2021-03-11T02:42:39")
    assert alarm.started_at == alarm.occurred_at == datetime(2021, 3, 11, 2, 42, 39, tzinfo=UTC)
    assert alarm.recovered_at is None
    assert cloud_event(status="0").recovered_at == alarm.occurred_at + timedelta(milliseconds=146)
    lost = cloud_event(time=None)
    assert (lost.started_at, lost.occurred_at, lost.occurred_at_is_guess) == (None, RECEIVED_AT, True)


def test_a_cloud_events_object_is_the_instance_in_its_data_else_its_subject():
    assert cloud_event().object_id == "ins-sjdksjk"
    assert cloud_event(data={"appId": "1"}).object_id == "${resource ID}"
    assert cloud_event(data={"InstanceId": "", "objName": "n"}).object_name == "n"


def test_a_cloud_events_addresses_and_unknown_keys_are_shown():
    alarm = cloud_event(
        extra=1, data={"Vip": "10.0.0.1", "dimensions": {"a": 1}, "reason": "r", "additionalMsg": {"m": 2}}
    )
    assert alarm.dimensions == {"a": 1, "Vip": "10.0.0.1"}
    assert alarm.details == {"m": 2, "reason": "r", "extra": 1}


def test_an_address_of_the_data_stands_beside_the_same_one_of_the_dimensions():
    alarm = cloud_event(data={"ip": "10.0.0.1", "dimensions": {"ip": "10.0.0.2"}})
    assert alarm.dimensions == {"ip": "10.0.0.2", "data.ip": "10.0.0.1"}


@pytest.mark.parametrize("data", [None, "words", 3, [], ["words"], [{"appId": 5}]])
def test_a_cloud_events_data_may_be_anything(data):
    alarm = cloud_event(data=data)
    assert alarm.object_id == "${resource ID}"
    assert alarm.app_id == ("5" if data == [{"appId": 5}] else "")
