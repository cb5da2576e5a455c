"""The 18 vendor bodies: for each the fields understood, and nothing else filled in."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge import samples
from bridge.alarm import Alarm, ReadingKind
from bridge.sources import read

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
RECEIVED = "2026-01-01T00:00:00+00:00"
APART = {"raw", "received_at", "key", "fingerprints"}  # asserted on their own

UNDERSTOOD: dict[str, dict[str, Any]] = {
    "capture-2020-cvm-disk-triggered": {
        "status": "firing",
        "occurred_at": "2020-10-21T05:10:00+00:00",
        "session_id": "kQ3vTn0eHs8YbWmRz5LcAxPd",
        "alert_id": "kQ3vTn0eHs8YbWmRz5LcAxPd",
        "kind": "metric",
        "policy_id": "policy-3hx7rw0c",
        "policy_name": "磁盘告警测试",
        "policy_type": "cvm_device",
        "policy_type_name": "云服务器-基础监控",
        "namespace": "qce/cvm",
        "region": "sh",
        "product": "cvm",
        "metric": "disk_usage",
        "metric_label": "磁盘利用率",
        "object_id": "0b9d3c1e-7a42-4f18-9c55-2e6f0a7d1b33",
        "object_name": "10.20.1.12#3180042",
        "dimensions": {
            "deviceName": "prod-media-mixer-05",
            "objId": "0b9d3c1e-7a42-4f18-9c55-2e6f0a7d1b33",
            "objName": "10.20.1.12#3180042",
            "unInstanceId": "ins-k4v8q2mz",
        },
        "operator": ">",
        "threshold": "10",
        "value": "10.009",
        "unit": "%",
        "period": 300,
        "started_at": "2020-10-21T05:10:00+00:00",
        "duration_seconds": 0,
    },
    "capture-2020-mysql-cpu-recovered": {
        "status": "recovered",
        "occurred_at": "2020-11-23T09:40:00+00:00",
        "session_id": "Zr8nUe2LqB5vYkT1oWc9HdSx",
        "alert_id": "Zr8nUe2LqB5vYkT1oWc9HdSx",
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
        "object_id": "c7e1f0a4-5d2b-11ea-9b3c-4a6f8d0e2c19",
        "object_name": "cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)",
        "dimensions": {
            "objId": "c7e1f0a4-5d2b-11ea-9b3c-4a6f8d0e2c19",
            "objName": "cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)",
            "uInstanceId": "cdbro-5m1x9tfe",
        },
        "operator": ">",
        "threshold": "90",
        "value": "18.149",
        "unit": "%",
        "period": 60,
        "started_at": "2020-11-23T09:36:00+00:00",
        "recovered_at": "2020-11-23T09:40:00+00:00",
        "duration_seconds": 240,
    },
    "capture-2021-cvm-cpuload-recovered-no-recover-time": {
        "status": "recovered",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "occurred_at_is_guess": True,
        "session_id": "7VxLq3PzN9kRt5YhWs1cMgUa",
        "alert_id": "7VxLq3PzN9kRt5YhWs1cMgUa",
        "kind": "metric",
        "policy_id": "policy-w0k4d7sr",
        "policy_name": "Default",
        "policy_type": "cvm_device",
        "policy_type_name": "Cloud Virtual Machine",
        "namespace": "qce/cvm",
        "region": "sg",
        "product": "cvm",
        "metric": "cpu_load_1",
        "metric_label": "CPULoadAvg1m",
        "object_id": "9d2c6e50-b14f-4a83-8e07-f3a5d1b9c824",
        "object_name": "172.21.0.24#4230981",
        "dimensions": {
            "deviceName": "shop-sg-misc-01",
            "objId": "9d2c6e50-b14f-4a83-8e07-f3a5d1b9c824",
            "objName": "172.21.0.24#4230981",
            "unInstanceId": "ins-t9c5h2xk",
        },
        "operator": ">",
        "threshold": "8",
        "value": "8.91",
        "period": 60,
        "started_at": "2021-05-12T12:56:00+00:00",
        "duration_seconds": 0,
    },
    "capture-2021-cvm-memory-triggered": {
        "status": "firing",
        "occurred_at": "2021-05-11T12:31:00+00:00",
        "session_id": "2HfGxR8uJm6wQz0tVn5yKcLe",
        "alert_id": "2HfGxR8uJm6wQz0tVn5yKcLe",
        "kind": "metric",
        "policy_id": "policy-w0k4d7sr",
        "policy_name": "Default",
        "policy_type": "cvm_device",
        "policy_type_name": "Cloud Virtual Machine",
        "namespace": "qce/cvm",
        "region": "sg",
        "product": "cvm",
        "metric": "mem_usage",
        "metric_label": "MemoryUtilization",
        "object_id": "e38a4b71-02cd-45f6-b8a9-71d5c2f06e94",
        "object_name": "172.21.0.14#4230981",
        "dimensions": {
            "deviceName": "shop-sg-batch-02",
            "objId": "e38a4b71-02cd-45f6-b8a9-71d5c2f06e94",
            "objName": "172.21.0.14#4230981",
            "unInstanceId": "ins-b6y3n0wd",
        },
        "operator": ">",
        "threshold": "90",
        "value": "90.683",
        "unit": "%",
        "period": 60,
        "started_at": "2021-05-11T12:31:00+00:00",
        "duration_seconds": 0,
    },
    "capture-2021-mysql-cpu-triggered": {
        "status": "firing",
        "occurred_at": "2021-06-27T15:05:00+00:00",
        "session_id": "Yp4dWk7sTzQ1mXe9NvBa3RhL",
        "alert_id": "Yp4dWk7sTzQ1mXe9NvBa3RhL",
        "kind": "metric",
        "policy_id": "policy-m5c8t1zu",
        "policy_name": "Default",
        "policy_type": "cdb_detail",
        "policy_type_name": "CDB-MySQL-MASTER",
        "namespace": "qce/cdb",
        "region": "sg",
        "product": "cdb",
        "metric": "cpu_use_rate",
        "metric_label": "cpu_use_rate",
        "object_id": "4f6b1d28-9e03-11eb-8c7a-0d53b274fbce",
        "object_name": "cdb-r7w2k0hp(instance name:shop-sg-db-03,IP:172.21.4.33:3306)",
        "dimensions": {
            "objId": "4f6b1d28-9e03-11eb-8c7a-0d53b274fbce",
            "objName": "cdb-r7w2k0hp(instance name:shop-sg-db-03,IP:172.21.4.33:3306)",
            "uInstanceId": "cdb-r7w2k0hp",
        },
        "operator": ">",
        "threshold": "80",
        "value": "100",
        "period": 300,
        "started_at": "2021-06-27T15:05:00+00:00",
        "duration_seconds": 0,
    },
    "doc-2017-metric-triggered": {
        "status": "firing",
        "occurred_at": "2017-03-08T23:08:20+00:00",
        "session_id": "xxxxxxxx",
        "alert_id": "xxxxxxxx",
        "kind": "metric",
        "policy_id": "policy-n4exeh88",
        "policy_name": "test",
        "policy_type": "cvm_device",
        "namespace": "qce/cvm",
        "region": "gz",
        "product": "cvm",
        "metric": "cpu usage",
        "metric_label": "CPU utilization",
        "object_id": "xxxxxxxxxxxx",
        "dimensions": {"unInstanceId": "ins-o9p3rg3m", "objId": "xxxxxxxxxxxx"},
        "operator": ">",
        "threshold": "90",
        "value": "100",
        "unit": "%",
        "period": 60,
        "started_at": "2017-03-08T23:00:00+00:00",
        "duration_seconds": 500,
    },
    "doc-2019-event-triggered": {
        "status": "firing",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "occurred_at_is_guess": True,
        "session_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "alert_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "kind": "event",
        "policy_id": "policy-n4exeh88",
        "policy_name": "teset",
        "policy_type": "cvm_device",
        "policy_type_name": "云服务器-基础监控",
        "region": "gz",
        "product": "cvm",
        "event": "ping_unreachable",
        "event_label": "ping不可达",
        "object_id": "ins-pftdvqa2",
        "dimensions": {
            "unInstanceId": "ins-pftdvqa2",
            "objDetail": {"deviceLanIp": "172.21.0.17", "deviceWanIp": "118.89.233.99", "uniqVpcId": "vpc-ilrwkcbw"},
        },
        "started_at": "2018-06-15T08:32:06+00:00",
    },
    "doc-2019-metric-triggered": {
        "status": "firing",
        "occurred_at": "2017-03-08T23:08:20+00:00",
        "session_id": "xxxxxxxx",
        "alert_id": "xxxxxxxx",
        "kind": "metric",
        "policy_id": "policy-n4exeh88",
        "policy_name": "test",
        "policy_type": "cvm_device",
        "policy_type_name": "云服务器-基础监控",
        "namespace": "qce/cvm",
        "region": "gz",
        "product": "cvm",
        "metric": "cpu_usage",
        "metric_label": "CPU 利用率",
        "object_id": "xxxxxxxxxxxx",
        "dimensions": {"unInstanceId": "ins-o9p3rg3m", "objId": "xxxxxxxxxxxx"},
        "operator": ">",
        "threshold": "90",
        "value": "100",
        "unit": "%",
        "period": 60,
        "started_at": "2017-03-08T23:00:00+00:00",
        "duration_seconds": 500,
    },
    "doc-2021-event-triggered": {
        "status": "firing",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "occurred_at_is_guess": True,
        "session_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "alert_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "kind": "event",
        "policy_id": "policy-n4exeh88",
        "policy_name": "teset",
        "policy_type": "cvm_device",
        "policy_type_name": "CVM - basic monitoring",
        "region": "gz",
        "product": "cvm",
        "event": "ping_unreachable",
        "event_label": "ping unreachable",
        "object_id": "ins-pftdvqa2",
        "dimensions": {
            "unInstanceId": "ins-pftdvqa2",
            "objDetail": {"deviceLanIp": "172.21.0.17", "deviceWanIp": "118.89.233.99", "uniqVpcId": "vpc-ilrwkcbw"},
        },
        "started_at": "2018-06-15T08:32:06+00:00",
    },
    "doc-2022-cloudevents": {
        "status": "firing",
        "occurred_at": "2021-03-11T02:42:39.146000+00:00",
        "session_id": "13a3f42d-7258-4ada-da6d-023a333b4662",
        "alert_id": "13a3f42d-7258-4ada-da6d-023a333b4662",
        "kind": "event",
        "region": "ap-guangzhou",
        "product": "cvm",
        "event": "ping_unreachable",
        "object_id": "ins-sjdksjk",
        "dimensions": {"ip": "127.0.0.1", "instanceId": "ins-sjdksjk"},
        "tags": {"key1": "value1", "key2": "value2"},
        "app_id": "1250000011",
        "started_at": "2021-03-11T02:42:39.146000+00:00",
        "details": {"IP": "something unnormal", "projectId": "11"},
    },
    "doc-2022-event-triggered-no-policy-id": {
        "status": "firing",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "occurred_at_is_guess": True,
        "session_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "alert_id": "vuRH4ZlxBJSMNJHvNZhls9HY",
        "kind": "event",
        "policy_name": "teset",
        "policy_type": "cvm_device",
        "policy_type_name": "云服务器-基础监控",
        "region": "gz",
        "product": "cvm",
        "event": "ping_unreachable",
        "event_label": "ping不可达",
        "object_id": "ins-pftdvqa2",
        "dimensions": {
            "unInstanceId": "ins-pftdvqa2",
            "objDetail": {"deviceLanIp": "172.21.0.17", "deviceWanIp": "118.89.233.99", "uniqVpcId": "vpc-ilrwkcbw"},
        },
        "started_at": "2018-06-15T08:32:06+00:00",
    },
    "doc-2022-eventbridge-event": {
        "status": "firing",
        "occurred_at": "2021-10-19T03:15:47+00:00",
        "session_id": "xxxxxxxxxxxxxxxx",
        "alert_id": "xxxxxxxxxxxxxxxx",
        "kind": "event",
        "policy_name": "xxxx",
        "region": "sh",
        "product": "cvm",
        "event": "guest_reboot",
        "object_id": "ins-xxxxx",
        "object_name": "xxx",
        "dimensions": {
            "unInstanceId": "ins-xxxxx",
            "objDetail": {"deviceLanIp": "xxxx", "deviceWanIp": "", "uniqVpcId": "vpc-xxx"},
            "deviceName": "xxx",
        },
        "started_at": "2021-10-19T03:15:47+00:00",
        "duration_seconds": 0,
        "details": {"alias": "xxxx", "deviceLanIp": "xxxx", "deviceWanIp": "", "uniqVpcId": ""},
    },
    "doc-2023-cloudevents-antiddos": {
        "status": "recovered",
        "occurred_at": "2021-03-11T02:42:39.146000+00:00",
        "session_id": "xxxxxxxxxxxxxxxx",
        "alert_id": "xxxxxxxxxxxxxxxx",
        "kind": "event",
        "region": "ap-beijing",
        "product": "antiddos",
        "event": "DDoSAlaram",
        "object_id": "ins-xxx",
        "dimensions": {"InstanceId": "ins-xxx", "Ip": "xx.xx.xx.xx"},
        "app_id": "xxxxxxxxx",
        "uin": "xxxxxxxxxxx",
        "started_at": "2021-03-11T02:42:39.146000+00:00",
        "recovered_at": "2021-03-11T02:42:39.146000+00:00",
        "details": {"NickName": " xxxxx"},
    },
    "doc-2023-eventbridge-event-mixed-case": {
        "status": "firing",
        "occurred_at": "2021-10-19T03:15:47+00:00",
        "session_id": "xxxxxxxxxxxxxxxx",
        "alert_id": "xxxxxxxxxxxxxxxx",
        "kind": "event",
        "policy_name": "xxxx",
        "region": "sh",
        "product": "cvm",
        "event": "guest_reboot",
        "object_id": "ins-xxxxxxxx",
        "object_name": "xx",
        "dimensions": {
            "unInstanceId": "ins-xxxxxxxx",
            "objDetail": {"deviceLanIp": "xxxx", "deviceWanIp": "", "UniqVpcId": "vpc-xxxxxx"},
            "DeviceName": "xx",
        },
        "started_at": "2021-10-19T03:15:47+00:00",
        "duration_seconds": 0,
        "details": {"alias": "xxxx", "deviceLanIp": "xxxx", "deviceWanIp": None, "uniqVpcId": None},
    },
    "doc-2023-metric-triggered-with-a-recover-time": {
        "status": "firing",
        "occurred_at": "2017-03-08T23:08:20+00:00",
        "session_id": "xxxxxxxx",
        "alert_id": "xxxxxxxx",
        "kind": "metric",
        "policy_id": "policy-n4exeh88",
        "policy_name": "test",
        "policy_type": "cvm_device",
        "policy_type_name": "CVM - basic monitoring",
        "namespace": "qce/cvm",
        "region": "gz",
        "product": "cvm",
        "metric": "cpu_usage",
        "metric_label": "CPU utilization",
        "object_id": "xxxxxxxxxxxx",
        "dimensions": {"unInstanceId": "ins-o9p3rg3m", "objId": "xxxxxxxxxxxx"},
        "app_id": "xxxxxxxxxxxx",
        "uin": "xxxxxxxxxxxx",
        "operator": ">",
        "threshold": "90",
        "value": "100",
        "unit": "%",
        "period": 60,
        "started_at": "2017-03-08T23:00:00+00:00",
        "duration_seconds": 500,
    },
}


def told(alarm: Alarm) -> dict[str, object]:
    """Give the fields that hold something, times as texts."""
    found = {field.name: getattr(alarm, field.name) for field in fields(alarm) if field.name not in APART}
    filled = {name: value for name, value in found.items() if value not in ("", {}, (), None) and value is not False}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in filled.items()}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_vendor_body_is_understood_field_by_field(name):
    reading = read(samples.body(name), RECEIVED_AT)
    assert reading.kind is ReadingKind.ALARM
    assert reading.problem == ""
    assert reading.alarm is not None
    assert told(reading.alarm) == UNDERSTOOD[name]
    assert reading.session_id == UNDERSTOOD[name]["session_id"]


def test_every_sample_is_an_alarm_or_said_to_be_none_here():
    others = {"template-body-recovered", "template-body-triggered", "verification-2019"}
    assert set(samples.names()) == set(UNDERSTOOD) | others


@pytest.mark.parametrize("name", ["template-body-recovered", "template-body-triggered"])
def test_a_body_of_a_users_own_template_is_unrecognised(name):
    reading = read(samples.body(name), RECEIVED_AT)
    assert reading.kind is ReadingKind.UNRECOGNISED
    assert reading.alarm is None
    assert reading.session_id == ""
    assert reading.problem == (
        "the body is a JSON object, but no alarm: it has neither alarmObjInfo nor alarmPolicyInfo, and is no CloudEvent"
    )


def test_the_old_check_of_the_url_is_a_verification():
    reading = read(samples.body("verification-2019"), RECEIVED_AT)
    assert reading.kind is ReadingKind.VERIFICATION
    assert (reading.alarm, reading.session_id, reading.problem) == (None, "", "")


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_the_parsed_body_the_time_received_and_the_fingerprints_come_along(name):
    alarm = read(samples.body(name), RECEIVED_AT).alarm
    assert alarm is not None
    assert alarm.received_at == RECEIVED_AT
    assert alarm.raw is not None
    assert [len(fingerprint) for fingerprint in alarm.fingerprints] == [16, 16]
    assert len(alarm.key) == 32


def test_texts_are_stripped_and_dimensions_stay_as_received():
    alarm = read(samples.body("capture-2020-cvm-disk-triggered"), RECEIVED_AT).alarm
    assert alarm is not None
    assert alarm.raw["alarmPolicyInfo"]["conditions"]["metricShowName"] == "磁盘利用率 "
    assert (alarm.metric_label, alarm.subject) == ("磁盘利用率", "磁盘利用率")
    assert alarm.condition == "磁盘利用率 > 10 %"
