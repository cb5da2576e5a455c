"""Tencent Cloud Monitor's callback: metric and event alarms, and EventBridge's body made like them.

The documents of 2017, 2019, 2021, 2022, 2023 and 2025 and live captures of 2020-2024 disagree in
types, places and spelling: each field is read wherever one of them has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.alarm import Alarm, Status
from bridge.sources import identity, times
from bridge.sources.details import add, add_unknown
from bridge.sources.severity import severity_of
from bridge.sources.values import first_object, folded, pairs, text

FIRING = frozenset({"1", "1.0", "trigger"})
RECOVERED = frozenset({"0", "0.0", "recovery"})
PRODUCTS = {"lb": "clb", "bs": "cbs", "ov": "cdn"}  # LB-SEVEN-LAYER-MONITOR, BS, qce/ov_cdn (policy types, 2023)

TIMES = frozenset({"firstoccurtime", "durationtime", "recovertime"})
KNOWN_ABOVE = TIMES | {
    *("sessionid", "alertid", "alarmstatus", "alarmtype", "alarmobjinfo", "alarmpolicyinfo"),
    *("alarmlevel", "current_level", "policydetailurl", "additionalmsg"),
}
KNOWN_OF_OBJECT = frozenset({"region", "namespace", "dimensions", "appid", "uin"})
KNOWN_OF_POLICY = TIMES | {
    *("policyid", "policyname", "policytype", "policytypecname", "policytypeename", "conditions", "tag", "policytags"),
}
KNOWN_OF_CONDITIONS = frozenset({
    *("metricname", "metricshowname", "calctype", "calcvalue", "calcunit", "currentvalue", "historyvalue", "unit"),
    *("period", "periodnum", "alarmnotifytype", "alarmnotifyperiod"),
    *("productname", "productshowname", "eventname", "eventshowname"),
})  # fmt: skip


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether a body is this sender's: it has `alarmObjInfo` or `alarmPolicyInfo`."""
    if "alarmObjInfo" in body or "alarmPolicyInfo" in body:
        return True
    return any(name.lower() in {"alarmobjinfo", "alarmpolicyinfo"} for name in body)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A body's four objects, their keys in lower case."""

    above: dict[str, Any]
    watched: dict[str, Any]  # alarmObjInfo
    policy: dict[str, Any]  # alarmPolicyInfo
    condition: dict[str, Any]  # its conditions; of a list the first


def read(raw: dict[str, Any], body: bytes, received_at: datetime) -> Alarm:
    """Read the alarm from a parsed body; `body` is its bytes."""
    above = folded(raw)
    watched = folded(first_object(above.get("alarmobjinfo")))
    policy = folded(first_object(above.get("alarmpolicyinfo")))
    parts = _Parts(above, watched, policy, folded(first_object(policy.get("conditions"))))
    told = {**_policy(policy), **_condition(parts.condition), **_object(watched), **_life(parts, received_at)}
    told["product"] = product_of(told["policy_type"], text(parts.condition.get("productname")), told["namespace"])
    told["kind"] = _kind(text(above.get("alarmtype")), told["event"])
    return Alarm(
        **told,
        **_delivery(parts, told["status"], body),
        key=_key(told),
        received_at=received_at,
        details=_details(raw, parts),
        url=text(above.get("policydetailurl")),
        raw=raw,
    )


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "policy_id": text(policy.get("policyid")),
        "policy_name": text(policy.get("policyname")),
        "policy_type": text(policy.get("policytype")),
        "policy_type_name": text(policy.get("policytypecname")) or text(policy.get("policytypeename")),
        "tags": pairs(policy.get("policytags"), "tag") or pairs(policy.get("tag"), "tag"),
    }


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metric": text(condition.get("metricname")),
        "metric_label": text(condition.get("metricshowname")),  # ends with a blank (captures of 2020 and 2021)
        "event": text(condition.get("eventname")),
        "event_label": text(condition.get("eventshowname")),
        "operator": text(condition.get("calctype")),
        "threshold": text(condition.get("calcvalue")),
        "value": text(condition.get("currentvalue")),
        "unit": text(condition.get("unit")) or text(condition.get("calcunit")),
        "period": times.duration(condition.get("period")),
    }


def _object(watched: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = pairs(watched.get("dimensions"), "dimensions")
    names = folded(dimensions)
    return {
        "namespace": text(watched.get("namespace")),
        "region": text(watched.get("region")) or text(names.get("region")) or text(names.get("__region__")),
        "app_id": text(watched.get("appid")),
        "uin": text(watched.get("uin")),
        "object_id": text(names.get("objid")) or identity.instance_id(names),
        "object_name": text(names.get("objname")) or text(names.get("devicename")),
        "dimensions": dimensions,
    }


def _life(parts: _Parts, received_at: datetime) -> dict[str, Any]:
    """Say where the alarm stands and when; the status alone decides, where there is one."""
    recovered_at = _time(parts, "recovertime")
    status = status_of(parts.above.get("alarmstatus"), recovered=recovered_at is not None)
    recovered = status is Status.RECOVERED
    started_at = _time(parts, "firstoccurtime")
    seconds = times.duration(_duration(parts))
    occurred_at = recovered_at if recovered else times.after(started_at, seconds)
    return {
        "status": status,
        "started_at": started_at,
        "recovered_at": recovered_at if recovered else None,
        "duration_seconds": seconds,
        "occurred_at": occurred_at or received_at,
        "occurred_at_is_guess": occurred_at is None,
    }


def _time(parts: _Parts, name: str) -> datetime | None:
    """Read a time at the top, else inside the policy, where the text of 2017 has it."""
    return times.moment(parts.above.get(name)) or times.moment(parts.policy.get(name))


def _duration(parts: _Parts) -> object:
    above = parts.above.get("durationtime")
    return parts.policy.get("durationtime") if above is None or above == "" else above


def _delivery(parts: _Parts, status: Status, body: bytes) -> dict[str, Any]:
    session_id = text(parts.above.get("sessionid"))
    alert_id = text(parts.above.get("alertid")) or session_id
    severity = severity_of(parts.above, alert_id)
    duration = text(_duration(parts))
    return {
        "session_id": session_id,
        "alert_id": alert_id,
        "severity": severity,
        "fingerprints": identity.fingerprints(
            alert_id=alert_id, status=status, duration=duration, severity=severity, body=body
        ),
    }


def _key(told: Mapping[str, Any]) -> str:
    return identity.alarm_key(
        policy_id=told["policy_id"],
        app_id=told["app_id"],
        policy_name=told["policy_name"],
        scope=told["namespace"] or told["product"],
        name=told["metric"] or told["event"],
        dimensions=told["dimensions"],
    )


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
    if sort:
        return sort.lower()
    return "event" if event else "metric"


def _details(raw: Mapping[str, Any], parts: _Parts) -> dict[str, Any]:
    """Gather `additionalMsg`, and every key that no document knows, so that it is shown."""
    details = dict(pairs(parts.above.get("additionalmsg"), "additionalMsg"))
    if not parts.above.keys() <= KNOWN_ABOVE:
        add_unknown(details, raw, KNOWN_ABOVE)
    if not parts.watched.keys() <= KNOWN_OF_OBJECT:
        add_unknown(details, _received(raw, "alarmobjinfo"), KNOWN_OF_OBJECT)
    if not parts.policy.keys() <= KNOWN_OF_POLICY:
        add_unknown(details, _received(raw, "alarmpolicyinfo"), KNOWN_OF_POLICY)
    conditions = parts.policy.get("conditions")
    if not parts.condition.keys() <= KNOWN_OF_CONDITIONS:
        add_unknown(details, first_object(conditions), KNOWN_OF_CONDITIONS)
    if isinstance(conditions, list) and len(conditions) > 1:
        add(details, "conditions", conditions[1:])
    return details


def _received(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Give one of the body's objects with its keys as they were spelt."""
    return first_object(folded(raw).get(name))
