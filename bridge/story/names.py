"""Subject and object of what is stored as messages name them, and alarms found by such a name.

The store's columns hold the ids that callbacks go by, which are on no screen: `mem_usage` of `e38a4b71-…` is
MemoryUtilization of `shop-sg-batch-02 (ins-b6y3n0wd)`. The callback says both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from bridge.alarm import Alarm
from bridge.rendering.facts import flat, instance_id, object_title
from bridge.store.entries import AlarmEntry, CallbackEntry, DeliveryEntry
from bridge.store.lives import Lives
from bridge.story.hearing import Body, stored_alarm

TITLE = re.compile(r".+ \((.+)\)")  # "prod-web-01 (ins-k4v8q2mz)", which stands in no body as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a message calls an alarm's metric or event, and its object; empty where nothing names it."""

    subject: str
    object: str


def names_of(entry: AlarmEntry | CallbackEntry, body: Body) -> Names:
    """Name what an alarm or a callback is about; by the store's columns where its body is gone or is no alarm."""
    if isinstance(entry, AlarmEntry):
        alarm = _alarm(entry.callback_id, entry.heard_at, entry.kind, body)
    else:
        alarm = _alarm(entry.id if entry.episode_id else 0, entry.received_at, entry.kind, body)
    if alarm is None:
        return Names(subject=entry.subject, object=entry.object_id)
    return Names(subject=alarm.subject or entry.subject, object=object_title(alarm) or entry.object_id)


def named_of(entry: AlarmEntry | CallbackEntry, body: Body) -> dict[str, str]:
    """Name it for a program: `subject` and `object` in people's words, `name` as metrics and events are called."""
    names = names_of(entry, body)
    return {"subject": names.subject, "name": entry.subject, "object": names.object}


def object_of(entry: DeliveryEntry, body: Body) -> str:
    """Name the object of a delivery's alarm."""
    alarm = _alarm(entry.callback_id, entry.created_at, entry.kind, body)
    return (object_title(alarm) if alarm else "") or entry.object_id


def _alarm(callback_id: int, received_at: datetime, kind: str, body: Body) -> Alarm | None:
    content = body(callback_id) if callback_id else b""
    return stored_alarm(content, received_at, kind) if content else None


def alarms_named(lives: Lives, name: str, limit: int) -> list[AlarmEntry]:
    """Find the alarms of an instance, a device or any other name that a message shows, the newest first."""
    return list(islice(_alarms_named(lives, name), limit))


def _alarms_named(lives: Lives, name: str) -> Iterator[AlarmEntry]:
    seen: set[int] = set()
    title = TITLE.fullmatch(name)
    for episode_id, received_at, body in lives.saying(title[1] if title else name):
        if episode_id in seen:
            continue
        alarm = stored_alarm(body, received_at, "")
        if alarm is not None and name in _known_by(alarm):
            seen.add(episode_id)
            yield from lives.with_id(episode_id)


def _known_by(alarm: Alarm) -> frozenset[str]:
    names = {alarm.policy_name, alarm.object_name, object_title(alarm), instance_id(alarm)}
    return frozenset({*names, *(text for _, text in flat(alarm.dimensions))})
