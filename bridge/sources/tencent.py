"""Tencent Cloud Monitor's callback: metric and event alarms, and EventBridge's body made like them.

The documents of 2017, 2019, 2021, 2022, 2023 and 2025 and live captures of 2020-2024 disagree in
types, places and spelling: each field is read wherever one of them has it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.alarm import BRIDGE, Alarm, Status
from bridge.sources import identity, times
from bridge.sources.details import add_rest, add_unknown
from bridge.sources.severity import severity_of
from bridge.sources.values import first_object, folded, in_lower_case, pairs, spelt, text

FIRING = frozenset({"1", "1.0", "trigger"})
RECOVERED = frozenset({"0", "0.0", "recovery"})
PRODUCTS = {"lb": "clb", "bs": "cbs", "ov": "cdn"}  # LB-SEVEN-LAYER-MONITOR, BS, qce/ov_cdn (policy types, 2023)

TIMES = ("firstOccurTime", "durationTime", "recoverTime")
ABOVE = in_lower_case(
    *("sessionId", "alertId", "alarmStatus", "alarmType", "alarmObjInfo", "alarmPolicyInfo", *TIMES),
    *("alarmLevel", "current_level", "policyDetailUrl", "additionalMsg"),
)
OF_OBJECT = in_lower_case("region", "namespace", "dimensions", "appId", "uin")
OF_POLICY = in_lower_case(
    *("policyId", "policyName", "policyType", "policyTypeCName", "policyTypeEName", *TIMES),
    *("conditions", "tag", "policyTags"),
)
OF_CONDITIONS = in_lower_case(
    *("metricName", "metricShowName", "calcType", "calcValue", "calcUnit", "currentValue", "historyValue", "unit"),
    *("period", "periodNum", "alarmNotifyType", "alarmNotifyPeriod"),
    *("productName", "productShowName", "eventName", "eventShowName"),
)


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether a body is this sender's: it has `alarmObjInfo` or `alarmPolicyInfo`."""
    if "alarmObjInfo" in body or "alarmPolicyInfo" in body:
        return True
    return any(name.lower() in {"alarmobjinfo", "alarmpolicyinfo"} for name in body)


def read(raw: dict[str, Any], body: bytes, received_at: datetime) -> Alarm:
    """Read the alarm from a parsed body; `body` is its bytes."""
    above = spelt(raw, ABOVE)
    watched = spelt(_watched(above.get("alarmObjInfo")), OF_OBJECT)
    policy = spelt(first_object(above.get("alarmPolicyInfo")), OF_POLICY)
    condition = spelt(first_object(policy.get("conditions")), OF_CONDITIONS)  # of a list the first
    dimensions = pairs(watched.get("dimensions"), "dimensions")
    names = folded(dimensions)
    lasting = _lasting(above, policy)
    seconds = times.duration(lasting)
    status, started_at, recovered_at, occurred_at = _life(above, policy, seconds)
    session_id = text(above.get("sessionId"))
    alert_id = text(above.get("alertId")) or session_id
    severity = severity_of(above.get("alarmLevel"), alert_id, above.get("current_level"))
    policy_id, policy_name = text(policy.get("policyId")), text(policy.get("policyName"))
    policy_type, namespace = text(policy.get("policyType")), text(watched.get("namespace"))
    product = product_of(policy_type, text(condition.get("productName")), namespace)
    app_id = text(watched.get("appId"))
    metric, event = text(condition.get("metricName")), text(condition.get("eventName"))
    name, steady = _series(metric or event, dimensions, watched)
    return Alarm(
        status=status, started_at=started_at, recovered_at=recovered_at, duration_seconds=seconds,
        received_at=received_at, occurred_at=occurred_at or received_at, occurred_at_is_guess=occurred_at is None,
        session_id=session_id, alert_id=alert_id, severity=severity,
        fingerprints=identity.fingerprints(
            alert_id=alert_id, status=status, duration=text(lasting), severity=severity, body=body
        ),
        key=identity.alarm_key(
            policy_id=policy_id, app_id=app_id, policy_name=policy_name,
            scope=namespace or product, name=name, dimensions=steady,
        ),
        kind=_kind(text(above.get("alarmType")), event), product=product,
        policy_id=policy_id, policy_name=policy_name, policy_type=policy_type,
        policy_type_name=text(policy.get("policyTypeCName")) or text(policy.get("policyTypeEName")),
        tags=pairs(policy.get("policyTags"), "tag") or pairs(policy.get("tag"), "tag"),
        namespace=namespace, app_id=app_id, uin=text(watched.get("uin")), dimensions=dimensions,
        region=text(watched.get("region")) or text(names.get("region")) or text(names.get("__region__")),
        object_id=text(names.get("objid")) or identity.instance_id(names),
        object_name=text(names.get("objname")) or text(names.get("devicename")),
        metric=metric, metric_label=text(condition.get("metricShowName")),  # ends with a blank (captures of 2020, 2021)
        event=event, event_label=text(condition.get("eventShowName")),
        operator=text(condition.get("calcType")), threshold=text(condition.get("calcValue")),
        value=text(condition.get("currentValue")), period=times.duration(condition.get("period")),
        unit=text(condition.get("unit")) or text(condition.get("calcUnit")),
        details=_details(raw, above, watched, policy, condition), url=text(above.get("policyDetailUrl")), raw=raw,
    )  # fmt: skip


def _watched(value: object) -> dict[str, Any]:
    """Give `alarmObjInfo`; where it is no object, it still tells one alarm from another."""
    return first_object(value) or ({"dimensions": value} if value and not isinstance(value, dict) else {})


def _lasting(above: Mapping[str, Any], policy: Mapping[str, Any]) -> object:
    seconds = above.get("durationTime")
    return policy.get("durationTime") if seconds is None or seconds == "" else seconds


def _life(
    above: Mapping[str, Any], policy: Mapping[str, Any], seconds: int | None
) -> tuple[Status, datetime | None, datetime | None, datetime | None]:
    """Say where the alarm stands, when it began and recovered, and the moment that the callback speaks of.

    The status alone decides, where there is one.
    """
    started_at, recovered_at = _time(above, policy, "firstOccurTime"), _time(above, policy, "recoverTime")
    status = status_of(above.get("alarmStatus"), recovered=recovered_at is not None)
    if status is Status.RECOVERED:
        return status, started_at, recovered_at, recovered_at
    return status, started_at, None, times.after(started_at, seconds)


def _time(above: Mapping[str, Any], policy: Mapping[str, Any], name: str) -> datetime | None:
    """Read a time at the top, else inside the policy, where the text of 2017 has it."""
    return times.moment(above.get(name)) or times.moment(policy.get(name))


def _series(name: str, dimensions: Mapping[str, Any], watched: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Give what tells an alarm from the policy's others: the metric or event with the dimensions.

    Those of managed Prometheus seem to name none of these. What stays the same of a series over its
    life are its tags, else its summary, else what it says (the keys are read in one consumer's code
    of 2024; no capture is known).
    """
    if name or dimensions:
        return name, dimensions
    tags = pairs(watched.get("tags"), "tag")
    if tags:
        return "", tags
    return text(watched.get("summary")) or text(watched.get("content")), {}


def status_of(word: object, *, recovered: bool) -> Status:
    """Read `alarmStatus`; `recovered`, that there is a recovery time, counts only where it is missing."""
    said = text(word).lower()
    if said in FIRING or (not said and not recovered):
        return Status.FIRING
    if said in RECOVERED or not said:
        return Status.RECOVERED
    return Status.STATELESS


def product_of(policy_type: str, product_name: str, namespace: str) -> str:
    """Give the short name that people know a product by: cvm, cdb or clb.

    CVM's network metrics come with the namespace qce/lb and the policy type cvm_device (capture of 2024).
    """
    short = policy_type.lower().removeprefix("qce/").replace("-", "_").partition("_")[0]
    short = short or product_name.lower() or namespace.lower().removeprefix("qce/")
    return PRODUCTS.get(short, short)


def _kind(sort: str, event: str) -> str:
    """Give the kind; nobody outside speaks for the bridge itself."""
    if sort and sort.lower() != BRIDGE:
        return sort.lower()
    return "event" if event else "metric"


def _details(
    raw: Mapping[str, Any],
    above: Mapping[str, Any],
    watched: Mapping[str, Any],
    policy: Mapping[str, Any],
    condition: Mapping[str, Any],
) -> dict[str, Any]:
    """Gather `additionalMsg`, and every key that no document knows, so that it is shown.

    An object that `spelt` gave back as it was has documented keys alone.
    """
    details = dict(pairs(above.get("additionalMsg"), "additionalMsg"))
    if above is not raw:
        add_unknown(details, raw, ABOVE.values())
    if watched is not (received := first_object(above.get("alarmObjInfo"))):
        add_unknown(details, received, OF_OBJECT.values())
    if policy is not (received := first_object(above.get("alarmPolicyInfo"))):
        add_unknown(details, received, OF_POLICY.values())
    if condition is not (received := first_object(policy.get("conditions"))):
        add_unknown(details, received, OF_CONDITIONS.values())
    add_rest(details, "alarmPolicyInfo", above.get("alarmPolicyInfo"))
    add_rest(details, "conditions", policy.get("conditions"))
    return details
