"""From bytes to an alarm: what each sender means by its body.

`read` never raises, whatever bytes come in. What no source recognises is UNRECOGNISED with the
reason in words, and is kept and shown by others. One file a dialect: `tencent` (metric and event
alarms, and EventBridge's body made like them), `cloudevents` (EventBridge's raw events).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bridge.alarm import Alarm, Reading, ReadingKind
from bridge.sources import cloudevents, tencent
from bridge.sources.parsing import Parsed, parse_leniently, parse_strictly
from bridge.sources.problems import NO_ALARM, Problem, no_object
from bridge.sources.values import text


def read(body: bytes, received_at: datetime) -> Reading:
    """Read a callback's body. `received_at` is aware and in UTC."""
    value = parse_strictly(body)
    if isinstance(value, dict) and (alarm := _alarm(value, body, received_at)):
        return Reading(kind=ReadingKind.ALARM, alarm=alarm, session_id=_answered(value, alarm))
    if not body.strip():
        return Reading(kind=ReadingKind.VERIFICATION)
    return _read_leniently(body, received_at)


def _read_leniently(body: bytes, received_at: datetime) -> Reading:
    parsed = parse_leniently(body)
    value = parsed.value
    if parsed.failure:
        return _unrecognised(parsed.failure, value)
    if not isinstance(value, dict):
        return _unrecognised(_said_of(value, body), value)
    if alarm := _alarm(value, body, received_at):
        problem = _problem(parsed.oddities)
        return Reading(kind=ReadingKind.ALARM, alarm=alarm, session_id=_answered(value, alarm), problem=problem)
    return _other(value, parsed)


def _alarm(value: dict[str, Any], body: bytes, received_at: datetime) -> Alarm | None:
    if tencent.speaks(value):
        return tencent.read(value, body, received_at)
    if cloudevents.speaks(value):
        return cloudevents.read(value, body, received_at)
    return None


def _problem(oddities: tuple[str, ...]) -> str:
    if not oddities:
        return ""
    return f"the body holds {', and '.join(oddities)}; the alarm was read all the same"


def _other(value: dict[str, Any], parsed: Parsed) -> Reading:
    """Tell Tencent's check of a URL from an object that nobody knows."""
    if not value or ("msg" in value and not parsed.oddities):
        return Reading(kind=ReadingKind.VERIFICATION, session_id=_session_id(value))
    return _unrecognised(NO_ALARM, value)


def _unrecognised(problem: Problem, value: object) -> Reading:
    return Reading(
        kind=ReadingKind.UNRECOGNISED, session_id=_session_id(value), problem=problem.en, problem_zh=problem.zh
    )


def _answered(value: Mapping[str, Any], alarm: Alarm) -> str:
    """Give the session id that the answer repeats: as received, blanks included."""
    received = value.get("sessionId")
    if isinstance(received, str) and received.strip() == alarm.session_id:
        return received
    name = "sessionid" if tencent.speaks(value) else "id"
    return next((each for each in _texts(value, name) if each.strip() == alarm.session_id), alarm.session_id)


def _session_id(value: object) -> str:
    return next(_texts(value, "sessionid"), "") if isinstance(value, Mapping) else ""


def _texts(value: Mapping[str, Any], name: str) -> Iterator[str]:
    """Give what a body has under a name in any case of letters: texts as they are, and numbers."""
    for key, item in value.items():
        if key.lower() == name:
            if isinstance(item, str):
                yield item
            elif isinstance(item, int | float) and not isinstance(item, bool):
                yield text(item)


def _said_of(value: object, body: bytes) -> Problem:
    """Say what a JSON value that is no object is."""
    items = value if isinstance(value, list) else []
    alarms = sum(isinstance(item, dict) and (tencent.speaks(item) or cloudevents.speaks(item)) for item in items)
    kept_as_text = isinstance(value, str) and not body.rstrip().endswith(b'"')
    return no_object(value, kept_as_text=kept_as_text, alarms=alarms)
