"""The `webhook` channel's own body: the event, every field of the alarm, and the callback as it came.

On the hot path: plain dicts, made for orjson.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from bridge.message import Message
from bridge.rendering.facts import duration, recovered_at, started_at
from bridge.rendering.plain import plain_text
from bridge.rendering.telling import Telling
from bridge.rendering.visible import whole
from bridge.rendering.words import duration_words, iso

VERSION = 1
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1  # what orjson can print


def enveloped(telling: Telling) -> Message:
    """Make the message of a webhook without a template of the user's."""
    said = plain_text(telling)
    return Message(text=said, plain=said, payload=envelope(telling, said))


def envelope(telling: Telling, text: str) -> dict[str, Any]:
    """Build the body; `text` is the message as plain text. orjson can dump it, whatever the callback held."""
    callback, is_strict = callback_of(telling)
    event, alarm = telling.event, _alarm(telling, callback)
    return {
        "version": VERSION,
        "delivery_id": telling.delivery_id,
        "event_id": str(event.id),
        "state": event.state.value,
        "channel": telling.channel.name,
        "route": telling.route.name or None,
        "text": text,
        "alarm": alarm if is_strict else clean(alarm),
        "callback": callback,
    }


def _alarm(telling: Telling, callback: Any) -> dict[str, Any]:
    event, alarm, zone = telling.event, telling.alarm, telling.channel.timezone
    start, end, span = started_at(event, alarm), recovered_at(event, alarm), duration(event, alarm)
    return {
        "id": event.short_id or None,
        "key": event.key or alarm.key or None,
        "episode_id": str(event.episode_id) if event.episode_id else None,
        "state": event.state.value,
        "kind": alarm.kind or None,
        "policy_id": alarm.policy_id or None,
        "policy_name": alarm.policy_name or None,
        "policy_type": alarm.policy_type or None,
        "policy_type_name": alarm.policy_type_name or None,
        "namespace": alarm.namespace or None,
        "region": alarm.region or None,
        "product": alarm.product or None,
        "metric": alarm.metric or None,
        "metric_label": alarm.metric_label or None,
        "event": alarm.event or None,
        "event_label": alarm.event_label or None,
        "object_id": alarm.object_id or None,
        "object_name": alarm.object_name or None,
        "dimensions": alarm.dimensions,
        "tags": alarm.tags,
        "severity": event.severity or alarm.severity or None,
        "app_id": alarm.app_id or None,
        "uin": alarm.uin or None,
        "subject": alarm.subject or None,
        "condition": alarm.condition or None,
        "operator": alarm.operator or None,
        "threshold": alarm.threshold or None,
        "value": alarm.value or None,
        "unit": alarm.unit or None,
        "period": alarm.period,
        "started_at": iso(start, zone) if start else None,
        "recovered_at": iso(end, zone) if end else None,
        "occurred_at": iso(event.occurred_at, zone),
        "received_at": iso(event.received_at, zone),
        "duration": None if span is None else duration_words(span, telling.channel.language),
        "duration_seconds": None if span is None else int(span.total_seconds()),
        "repeat_count": event.repeat_count,
        "previous_severity": event.previous_severity or None,
        "again": event.again,
        "unheard": event.unheard,
        "details": alarm.details,
        "url": alarm.url or None,
        "raw": callback if isinstance(callback, dict) else None,
    }


def callback_of(telling: Telling) -> tuple[Any, bool]:
    """Give the callback so that it can be printed again, and whether all of it can be printed as it is.

    An alarm was parsed already, with NaN and integers beyond 63 bits made texts; only lone
    surrogates, which come as escapes, are left in it.
    """
    raw, body = telling.alarm.raw, telling.body
    if isinstance(raw, dict) and (b"\\" not in body or (b"\\ud" not in body and b"\\uD" not in body)):
        return raw, True
    return received(body), False


def received(body: bytes) -> Any:
    """Read a callback's JSON so that it can be printed again; give the text where it is none.

    NaN, infinities and integers beyond 64 bits become text, lone surrogates U+FFFD.
    """
    try:
        return clean(json.loads(body))
    except (ValueError, RecursionError):
        return clean(body.decode("utf-8", "replace"))


def clean(value: Any) -> Any:
    """Copy a parsed value so that orjson can dump it."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, Mapping):
        return {whole(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if MIN_INTEGER <= value <= MAX_INTEGER else str(value)
    return value if isinstance(value, float) and math.isfinite(value) else str(value)
