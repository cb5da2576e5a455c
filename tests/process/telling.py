"""Callbacks that tests of processes send, and what an endpoint heard of them."""

import json
from collections.abc import Iterable

from tests.fakes.endpoint import Received

BEGAN = "2026-11-01 07:00:00"
OVER = "2026-11-01 08:00:00"


def callback(number: int = 1, *, minutes: int = 0, over: bool = False, session: str = "", level: str = "") -> bytes:
    """Make a metric callback of the instance with this number, so many minutes into its episode, or at its end."""
    name = instance(number)
    conditions = {
        "metricName": "mem_usage",
        "metricShowName": "MemoryUtilization",
        "calcType": ">",
        "calcValue": "90",
        "currentValue": "95",
        "unit": "%",
        "period": "60",
        "periodNum": "5",
    }
    return json.dumps(
        {
            "sessionId": session or f"{name}-{'over' if over else minutes}",
            "alarmStatus": "0" if over else "1",
            "alarmType": "metric",
            "alarmObjInfo": {
                "region": "gz",
                "namespace": "qce/cvm",
                "dimensions": {"unInstanceId": name, "objName": "10.0.0.1"},
            },
            "alarmPolicyInfo": {
                "policyId": "policy-process",
                "policyType": "cvm_device",
                "policyName": "prod-memory",
                "conditions": conditions | ({"alarmLevel": level} if level else {}),
            },
            "firstOccurTime": BEGAN,
            "durationTime": 3600 if over else 60 * minutes,
            "recoverTime": OVER if over else "0",
        }
    ).encode()


def instance(number: int) -> str:
    """Name the instance of a callback."""
    return f"ins-{number:08d}"


def told(received: Iterable[Received]) -> list[tuple[str, str]]:
    """Give what an endpoint heard: the instance and the state, in the order of arrival."""
    envelopes = [request.json() for request in received]
    return [(envelope["alarm"]["object_id"], envelope["state"]) for envelope in envelopes]
