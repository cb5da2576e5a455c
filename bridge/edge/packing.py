"""How what travels between the processes is written: flat tuples of what `marshal` knows.

Moments are milliseconds, as in the store. Records are made without their `__init__`: of an alarm's 4 µs it takes 3.
What nobody asks of an alarm before its message is made (`raw`, and what only a message says) stays where it was read.
"""

from datetime import datetime
from operator import attrgetter
from typing import Any

from bridge.alarm import Alarm, Reading, ReadingKind, State, Status
from bridge.clock import milliseconds, moment
from bridge.episode import Cause, Event
from bridge.message import Answer, Delivery, Verdict

STATUSES, KINDS, STATES, ANSWERS = ({one.value: one for one in kind} for kind in (Status, ReadingKind, State, Answer))

_of_reading = attrgetter("session_id", "problem", "problem_zh")
_of_alarm = attrgetter(
    *("key", "occurred_at_is_guess", "session_id", "alert_id", "fingerprints", "kind", "policy_id", "policy_name"),
    *("policy_type", "policy_type_name", "namespace", "region", "product", "metric", "metric_label", "event"),
    *("event_label", "object_id", "object_name", "dimensions", "tags", "severity", "app_id", "uin"),
)
_of_event = attrgetter(
    *("id", "episode_id", "number", "key", "kind", "callback_id", "repeat_count", "severity", "previous_severity"),
    *("again", "unheard", "successor"),
)
_of_delivery = attrgetter("id", "route", "instead_of", "together", "follows")
_of_verdict = attrgetter(
    "said", "after_seconds", "status", "plain_helps", "breaks_after", "tries", "calls", "throttled", "without"
)


def pack_reading(reading: Reading) -> tuple[Any, ...]:
    """Write what a body says."""
    return reading.kind.value, _of_reading(reading), reading.alarm and _pack_alarm(reading.alarm)


def unpack_reading(kind: str, said: tuple[str, str, str], alarm: tuple[Any, ...] | None) -> Reading:
    """Read what a body says, as far as it is judged by."""
    reading: Any = Reading.__new__(Reading)
    reading.kind, reading.alarm = KINDS[kind], alarm and _unpack_alarm(*alarm)
    reading.session_id, reading.problem, reading.problem_zh = said
    return reading  # type: ignore[no-any-return]


def _pack_alarm(alarm: Alarm) -> tuple[Any, ...]:
    times = [alarm.received_at, alarm.occurred_at, alarm.started_at, alarm.recovered_at]
    return alarm.status.value, [one and milliseconds(one) for one in times], _of_alarm(alarm)


def _unpack_alarm(status: str, times: list[int | None], said: tuple[Any, ...]) -> Alarm:
    alarm: Any = Alarm.__new__(Alarm)
    alarm.status = STATUSES[status]
    alarm.received_at, alarm.occurred_at, alarm.started_at, alarm.recovered_at = map(_moment, times)
    (
        alarm.key, alarm.occurred_at_is_guess, alarm.session_id, alarm.alert_id, alarm.fingerprints, alarm.kind,
        alarm.policy_id, alarm.policy_name, alarm.policy_type, alarm.policy_type_name, alarm.namespace, alarm.region,
        alarm.product, alarm.metric, alarm.metric_label, alarm.event, alarm.event_label, alarm.object_id,
        alarm.object_name, alarm.dimensions, alarm.tags, alarm.severity, alarm.app_id, alarm.uin,
    ) = said  # fmt: skip
    alarm.operator = alarm.threshold = alarm.value = alarm.unit = alarm.url = ""
    alarm.period = alarm.duration_seconds = alarm.raw = None
    alarm.details = {}
    return alarm  # type: ignore[no-any-return]


def pack_delivery(delivery: Delivery) -> tuple[Any, ...]:
    """Write what a message says of its delivery and event."""
    event = delivery.event
    times = [event.created_at, event.received_at, event.occurred_at, event.started_at, event.recovered_at]
    written = event.state.value, [one and milliseconds(one) for one in times], _of_event(event)
    return written, *_of_delivery(delivery)


def unpack_event(state: str, times: list[int | None], said: tuple[Any, ...]) -> Event:
    """Read an event, but for what made it, which no message says."""
    event: Any = Event.__new__(Event)
    event.state, event.cause = STATES[state], Cause.CALLBACK
    event.created_at, event.received_at, event.occurred_at, event.started_at, event.recovered_at = map(_moment, times)
    (
        event.id, event.episode_id, event.number, event.key, event.kind, event.callback_id, event.repeat_count,
        event.severity, event.previous_severity, event.again, event.unheard, event.successor,
    ) = said  # fmt: skip
    return event  # type: ignore[no-any-return]


def pack_verdict(verdict: Verdict) -> tuple[Any, ...]:
    """Write what an answer means; a webhook's has no receipt."""
    return verdict.answer.value, _of_verdict(verdict)


def unpack_verdict(answer: str, said: tuple[Any, ...]) -> Verdict:
    """Read what an answer means."""
    verdict: Any = Verdict.__new__(Verdict)
    verdict.answer, verdict.receipt, verdict.is_lost = ANSWERS[answer], None, False
    (
        verdict.said, verdict.after_seconds, verdict.status, verdict.plain_helps, verdict.breaks_after, verdict.tries,
        verdict.calls, verdict.throttled, verdict.without,
    ) = said  # fmt: skip
    return verdict  # type: ignore[no-any-return]


def _moment(kept: int | None) -> datetime | None:
    return None if kept is None else moment(kept)
