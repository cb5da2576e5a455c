"""What a message says of an alarm beyond its fields: the object's title, its dimensions in a line, its times.

Pure, and shared by the plain text, the envelope and the templates' `alarm`, so that they agree.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.alarm import Alarm, State
from bridge.episode import Event
from bridge.sources.identity import INSTANCE_IDS

INSTANCE_KEYS = frozenset(INSTANCE_IDS)
NEVER_SHOWN = frozenset({"objid", "appid", "__region__"})  # in the title, or a number nobody knows the object by
FIRST = {  # what people know an object by stands in front of other dimensions
    key: place
    for place, key in enumerate((
        "name", "host", "domain", "url", "bucket", "function_name", "topicname", "consumer_group", "pod_name",
        "workload_name", "node", "ip", "vip", "lanip", "devicelanip", "devicewanip", "port", "vport", "protocol",
    ))
}  # fmt: skip
MAX_DEPTH = 4  # of nested dimensions; deeper ones are left to `raw`


def instance_id(alarm: Alarm) -> str:
    """Give the instance's id among the dimensions; empty where there is none."""
    for key, value in alarm.dimensions.items():
        if value and key.lower() in INSTANCE_KEYS and (isinstance(value, str) or not isinstance(value, Mapping | list)):
            return str(value).strip()
    return ""


def object_title(alarm: Alarm) -> str:
    """Name the object as people know it: "prod-web-01 (ins-k4v8q2mz)"; empty where nothing names it."""
    name, known = alarm.object_name, instance_id(alarm) or alarm.object_id
    for key, value in alarm.dimensions.items():
        if key.lower() == "devicename" and isinstance(value, str) and value.strip():
            name = value.strip()
    if not name or name == known:
        return known
    return name if not known or known in name else f"{name} ({known})"


def dimension_pairs(alarm: Alarm, title: str) -> list[tuple[str, str]]:
    """List the dimensions that say more than the title does, nested ones by their inner names."""
    known = (alarm.object_id, alarm.object_name)
    pairs = [(key, text) for key, text in flat(alarm.dimensions) if not _is_told(key.lower(), text, title, known)]
    name = alarm.object_name
    if name and name not in title:
        pairs.insert(0, ("name", name))
    return sorted(pairs, key=_rank) if len(pairs) > 1 else pairs


def detail_pairs(alarm: Alarm) -> list[tuple[str, str]]:
    """List the details that the dimensions do not say too."""
    if not alarm.details:
        return []
    said = set(flat(alarm.dimensions))
    return [pair for pair in flat(alarm.details) if pair not in said]


def _rank(pair: tuple[str, str]) -> int:
    return FIRST.get(pair[0].lower(), len(FIRST))


def _is_told(key: str, text: str, title: str, known: tuple[str, str]) -> bool:
    """Say whether the title tells a dimension: an id or a name does, "443" somewhere in it does not."""
    return key in NEVER_SHOWN or text in known or (text in title and (key in INSTANCE_KEYS or key == "devicename"))


def flat(values: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """Walk a mapping's texts with their innermost keys, leaving out what is empty."""
    for key, value in values.items():
        if isinstance(value, str):  # asked first: most are, and asking for a Mapping is slow
            if text := value.strip():
                yield str(key), text
        elif isinstance(value, Mapping):
            if depth < MAX_DEPTH:
                yield from flat(value, depth + 1)
        elif isinstance(value, list):
            text = ", ".join(str(item) for item in value if not isinstance(item, Mapping | list))
            if text:
                yield str(key), text
        elif value is not None and (text := str(value).strip()):
            yield str(key), text


def started_at(event: Event, alarm: Alarm) -> datetime | None:
    """Give the first occurrence, as far as known."""
    return event.started_at or alarm.started_at


def recovered_at(event: Event, alarm: Alarm) -> datetime | None:
    """Give the end of a recovered alarm: as received, else the moment its recovery speaks of."""
    if event.state is not State.RECOVERED:
        return event.recovered_at
    return event.recovered_at or alarm.recovered_at or event.occurred_at


def duration(event: Event, alarm: Alarm) -> timedelta | None:
    """Give how long the alarm lasts or lasted; None where nothing tells it."""
    start = started_at(event, alarm)
    if event.state is State.RECOVERED and start and (end := recovered_at(event, alarm)):
        return max(end - start, timedelta())
    if event.state.ends and start:
        return max(event.occurred_at - start, timedelta())
    if alarm.duration_seconds is not None:
        return timedelta(seconds=alarm.duration_seconds)
    if start is None or alarm.occurred_at_is_guess:
        return None
    return max(event.occurred_at - start, timedelta())
