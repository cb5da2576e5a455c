"""Tencent Cloud Monitor's callback: metric and event alarms, and EventBridge's body made like them.

The documents of 2017, 2019, 2021, 2022, 2023 and 2025 and live captures of 2020-2024 disagree in
types, places and spelling: each field is read wherever one of them has it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.alarm import Alarm, Status
from bridge.sources import identity, times
from bridge.sources.details import add_rest, add_unknown
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


def read(raw: dict[str, Any], body: bytes, received_at: datetime) -> Alarm:
    """Read the alarm from a parsed body; `body` is its bytes."""
    above = folded(raw)
    watched = folded(_watched(above.get("alarmobjinfo")))
    policy = folded(first_object(above.get("alarmpolicyinfo")))
    condition = folded(first_object(policy.get("conditions")))  # of a list the first
    told = {**_policy(policy), **_condition(condition), **_object(watched), **_life(above, policy, received_at)}
    product = product_of(told["policy_type"], text(condition.get("productname")), told["namespace"])
    return Alarm(
        **told,
        **_delivery(above, policy, told["status"], body),
        key=_key(told, product, watched),
        kind=_kind(text(above.get("alarmtype")), told["event"]),
        product=product,
        received_at=received_at,
        details=_details(raw, above, watched, policy, condition),
        url=text(above.get("policydetailurl")),
        raw=raw,
    )


def _watched(value: object) -> dict[str, Any]:
    """Give `alarmObjInfo`; where it is no object, it still tells one alarm from another."""
    return first_object(value) or ({"dimensions": value} if value and not isinstance(value, dict) else {})


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


def _life(above: Mapping[str, Any], policy: Mapping[str, Any], received_at: datetime) -> dict[str, Any]:
    """Say where the alarm stands and when; the status alone decides, where there is one."""
    recovered_at = _time(above, policy, "recovertime")
    status = status_of(above.get("alarmstatus"), recovered=recovered_at is not None)
    recovered = status is Status.RECOVERED
    started_at = _time(above, policy, "firstoccurtime")
    seconds = times.duration(_duration(above, policy))
    occurred_at = recovered_at if recovered else times.after(started_at, seconds)
    return {
        "status": status,
        "started_at": started_at,
        "recovered_at": recovered_at if recovered else None,
        "duration_seconds": seconds,
        "occurred_at": occurred_at or received_at,
        "occurred_at_is_guess": occurred_at is None,
    }


def _time(above: Mapping[str, Any], policy: Mapping[str, Any], name: str) -> datetime | None:
    """Read a time at the top, else inside the policy, where the text of 2017 has it."""
    return times.moment(above.get(name)) or times.moment(policy.get(name))


def _duration(above: Mapping[str, Any], policy: Mapping[str, Any]) -> object:
    seconds = above.get("durationtime")
    return policy.get("durationtime") if seconds is None or seconds == "" else seconds


def _delivery(above: Mapping[str, Any], policy: Mapping[str, Any], status: Status, body: bytes) -> dict[str, Any]:
    session_id = text(above.get("sessionid"))
    alert_id = text(above.get("alertid")) or session_id
    severity = severity_of(above, alert_id)
    duration = text(_duration(above, policy))
    return {
        "session_id": session_id,
        "alert_id": alert_id,
        "severity": severity,
        "fingerprints": identity.fingerprints(
            alert_id=alert_id, status=status, duration=duration, severity=severity, body=body
        ),
    }


def _key(told: Mapping[str, Any], product: str, watched: Mapping[str, Any]) -> str:
    name, dimensions = told["metric"] or told["event"], told["dimensions"]
    if not name and not dimensions:
        name, dimensions = _series(watched)
    return identity.alarm_key(
        policy_id=told["policy_id"],
        app_id=told["app_id"],
        policy_name=told["policy_name"],
        scope=told["namespace"] or product,
        name=name,
        dimensions=dimensions,
    )


def _series(watched: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Tell apart alarms that name neither metric nor event nor dimensions, as those of managed Prometheus seem to.

    What stays the same of a series over its life are its tags, else its summary, else what it says
    (the keys are read in one consumer's code of 2024; no capture is known).
    """
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
    if sort:
        return sort.lower()
    return "event" if event else "metric"


def _details(
    raw: Mapping[str, Any],
    above: Mapping[str, Any],
    watched: Mapping[str, Any],
    policy: Mapping[str, Any],
    condition: Mapping[str, Any],
) -> dict[str, Any]:
    """Gather `additionalMsg`, and every key that no document knows, so that it is shown."""
    details = dict(pairs(above.get("additionalmsg"), "additionalMsg"))
    if not above.keys() <= KNOWN_ABOVE:
        add_unknown(details, raw, KNOWN_ABOVE)
    if not watched.keys() <= KNOWN_OF_OBJECT:
        add_unknown(details, first_object(above.get("alarmobjinfo")), KNOWN_OF_OBJECT)
    if not policy.keys() <= KNOWN_OF_POLICY:
        add_unknown(details, first_object(above.get("alarmpolicyinfo")), KNOWN_OF_POLICY)
    if not condition.keys() <= KNOWN_OF_CONDITIONS:
        add_unknown(details, first_object(policy.get("conditions")), KNOWN_OF_CONDITIONS)
    add_rest(details, "alarmPolicyInfo", above.get("alarmpolicyinfo"))
    add_rest(details, "conditions", policy.get("conditions"))
    return details
