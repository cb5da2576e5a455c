"""EventBridge's raw events: CloudEvents 1.0 with Tencent's `status`, `region` and `tags` (documents of 2022-2023)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.alarm import Alarm, Status
from bridge.sources import identity, times
from bridge.sources.details import add_rest, add_unknown
from bridge.sources.severity import severity_of
from bridge.sources.tencent import status_of
from bridge.sources.values import first_object, folded, pairs, text

ADDRESSES = frozenset({
    *("ip", "ips", "vip", "eip", "lanip", "wanip", "publicip", "privateip", "devicelanip", "devicewanip"),
})  # fmt: skip
KNOWN_ABOVE = frozenset({
    *("specversion", "id", "source", "type", "subject", "time", "region", "resource", "datacontenttype", "tags"),
    *("status", "data", "alarmlevel", "current_level"),
})  # fmt: skip
KNOWN_OF_DATA = (
    frozenset({"appid", "uin", "region", "dimensions", "additionalmsg", "objname", "devicename"})
    | ADDRESSES
    | frozenset(identity.INSTANCE_IDS)
)


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether a body is a CloudEvent: it has `specversion` and `type`."""
    if "specversion" in body and "type" in body:
        return True
    return {"specversion", "type"} <= {name.lower() for name in body}


def read(raw: dict[str, Any], body: bytes, received_at: datetime) -> Alarm:
    """Read the alarm from a parsed CloudEvent; `body` is its bytes."""
    above = folded(raw)
    received = first_object(above.get("data"))
    data = folded(received)
    product, event = _product_and_event(text(above.get("type")))
    told = {**_object(above, data, received), **_life(above, received_at), "product": product, "event": event}
    return Alarm(
        **told,
        **_delivery(above, told["status"], body),
        key=_key(told, data, received, text(above.get("subject"))),
        kind="event",
        received_at=received_at,
        tags=pairs(above.get("tags"), "tag"),
        details=_details(raw, above, data),
        raw=raw,
    )


def _product_and_event(sort: str) -> tuple[str, str]:
    """Split "cvm:ErrorEvent:ping_unreachable" into cvm and ping_unreachable."""
    product, colon, rest = sort.partition(":")
    return (product.strip().lower(), rest.rpartition(":")[2].strip()) if colon else ("", sort)


def _object(above: Mapping[str, Any], data: Mapping[str, Any], received: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = dict(_dimensions(data))
    for name, value in _own(received).items():
        dimensions[f"data.{name}" if name in dimensions else name] = value
    names = folded(dimensions)
    return {
        "region": text(above.get("region")) or text(data.get("region")),
        "app_id": text(data.get("appid")),
        "uin": text(data.get("uin")),
        "object_id": identity.instance_id(data) or text(above.get("subject")),
        "object_name": text(data.get("objname") or data.get("devicename"))
        or text(names.get("objname") or names.get("devicename")),
        "dimensions": dimensions,
    }


def _dimensions(data: Mapping[str, Any]) -> dict[str, Any]:
    return pairs(data.get("dimensions"), "dimensions")


def _own(received: Mapping[str, Any]) -> dict[str, Any]:
    """Give the instance id and the addresses that `data` states itself, spelt as received."""
    return {
        name: value
        for name, value in received.items()
        if (lower := name.lower()) in ADDRESSES or lower in identity.INSTANCE_IDS
    }


def _life(above: Mapping[str, Any], received_at: datetime) -> dict[str, Any]:
    """Say where the alarm stands and when: `time` is both its first occurrence and its present moment.

    An event without a status has no end that could be told: it is stateless.
    """
    happened_at = times.moment(above.get("time"), timedelta())
    status = status_of(text(above.get("status")) or "-", recovered=False)
    return {
        "status": status,
        "started_at": happened_at,
        "recovered_at": happened_at if status is Status.RECOVERED else None,
        "occurred_at": happened_at or received_at,
        "occurred_at_is_guess": happened_at is None,
    }


def _delivery(above: Mapping[str, Any], status: Status, body: bytes) -> dict[str, Any]:
    session_id = text(above.get("id"))
    severity = severity_of(above.get("alarmlevel"), "", above.get("current_level"))
    return {
        "session_id": session_id,
        "alert_id": session_id,
        "severity": severity,
        "fingerprints": identity.fingerprints(
            alert_id=session_id, status=status, duration="", severity=severity, body=body
        ),
    }


def _key(told: Mapping[str, Any], data: Mapping[str, Any], received: Mapping[str, Any], subject: str) -> str:
    return identity.cloud_event_key(
        account=[told["app_id"], told["uin"]],
        product=told["product"],
        event=told["event"],
        subject=subject,
        own=_own(received),
        dimensions=_dimensions(data),
    )


def _details(raw: Mapping[str, Any], above: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    details = dict(pairs(data.get("additionalmsg"), "additionalMsg"))
    add_unknown(details, first_object(above.get("data")), KNOWN_OF_DATA)
    add_unknown(details, raw, KNOWN_ABOVE)
    add_rest(details, "data", above.get("data"))
    return details
