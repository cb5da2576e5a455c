"""Which alarm a callback speaks of, and which delivery it is.

The session id names one delivery: a recovery carries another one than its trigger (captures of
2021). What stays the same over an alarm's life is policy, namespace, metric or event, and the
dimensions without the names that people change.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from bridge.alarm import Status
from bridge.sources.values import text

INSTANCE_IDS = ("uninstanceid", "uinstanceid", "instanceid", "instance_id", "un_instance_id")  # in lower case
DISPLAY_TEXTS = frozenset({"objname", "devicename"})  # hold addresses, names and tags, which change
KEY_BYTES = 16
FINGERPRINT_BYTES = 8


def alarm_key(
    *, policy_id: str, app_id: str, policy_name: str, scope: str, name: str, dimensions: Mapping[str, Any]
) -> str:
    """Give an alarm's identity, 32 hex digits.

    `scope` is the namespace, else the product; `name` the metric's or event's.
    """
    policy = [policy_id] if policy_id else [app_id, policy_name]
    return _digest(["alarm", policy, scope.lower(), name, _steady(dimensions)], KEY_BYTES)


def cloud_event_key(
    *, account: list[str], product: str, event: str, subject: str, own: Mapping[str, Any], dimensions: Mapping[str, Any]
) -> str:
    """Give the identity of a CloudEvent's alarm, 32 hex digits.

    `own` holds the instance id and the addresses that `data` gives itself.
    """
    form = ["cloudevent", account, product.lower(), event, subject, _steady(own), _steady(dimensions)]
    return _digest(form, KEY_BYTES)


def own_key(trouble: str, about: str) -> str:
    """Give the identity of one of the bridge's own alarms, 32 hex digits."""
    return _digest(["bridge", trouble, about], KEY_BYTES)


def fingerprints(*, alert_id: str, status: Status, duration: str, severity: str, body: bytes) -> tuple[str, ...]:
    """Give what a re-send of this delivery would share with it, 16 hex digits each.

    The alert id with status, duration and level counts only where there is an alert id.
    """
    whole_body = blake2b(body, digest_size=FINGERPRINT_BYTES).hexdigest()
    if not alert_id:
        return (whole_body,)
    return (_digest(["delivery", alert_id, status, duration, severity], FINGERPRINT_BYTES), whole_body)


def instance_id(names: Mapping[str, Any]) -> str:
    """Give the instance id among dimensions whose names are in lower case; empty where there is none."""
    for name in INSTANCE_IDS:
        if name in names and (found := text(names[name])):
            return found
    return ""


def _steady(dimensions: Mapping[str, Any]) -> list[Any]:
    """Give the canonical form of dimensions, without what changes while the object stays the same."""
    form = _canonical_pairs(dimensions)
    lasting = [pair for pair in form if pair[0] != "objdetail"]
    if len(lasting) < len(form) and any(name in INSTANCE_IDS and value for name, value in lasting):
        return lasting
    return form


def _canonical_pairs(fields: Mapping[str, Any]) -> list[Any]:
    """Order pairs by name; names that differ only in case stay two pairs, ordered by value."""
    form = [
        (lower, value.strip() if isinstance(value, str) else _canonical(value))
        for name, value in fields.items()
        if (lower := name.strip().lower()) not in DISPLAY_TEXTS
    ]
    if len(dict(form)) == len(form):
        form.sort()
        return form
    return sorted([(name, _short(value)) for name, value in form], key=repr)


def _short(value: str | list[Any]) -> str | list[Any]:
    """Give a nested form as its digest: 64 levels, each of which compares all that is nested in it, take seconds."""
    return ["digest", _digest(value, KEY_BYTES)] if isinstance(value, list) else value


def _canonical(value: object) -> str | list[Any]:
    """Give a value as text, as ["list", …] or as ["object", …]: no two values share a form by accident."""
    if isinstance(value, dict):
        return ["object", *_canonical_pairs(value)]
    if isinstance(value, list):
        return ["list", *map(_canonical, value)]
    return text(value)


def _digest(form: list[Any], size: int) -> str:
    try:
        serial = orjson.dumps(form)
    except TypeError:  # a lone surrogate, which only the standard library writes
        serial = json.dumps(form).encode()
    return blake2b(serial, digest_size=size).hexdigest()
