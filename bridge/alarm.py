"""What a callback says: the alarm, as its sender tells it.

Nothing here knows what was heard before; that is `bridge.episode`.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.record import record

SERIOUS = "serious"
SEVERITIES = ("", "remind", "warn", SERIOUS)  # rising; empty: the policy grades nothing
BRIDGE = "bridge"  # the kind of the bridge's own alarms, which nobody outside can send


class Status(StrEnum):
    """What `alarmStatus` says, and nothing else (Tencent Cloud and EventBridge documents, 2017-2023)."""

    FIRING = "firing"  # 1, Trigger
    RECOVERED = "recovered"  # 0, Recovery
    STATELESS = "stateless"  # "-", or a word nobody knows: something happened and will not end


class State(StrEnum):
    """What people are told of an alarm: the name of the template."""

    TRIGGERED = "triggered"
    REPEAT = "repeat"
    RECOVERED = "recovered"
    ESCALATED = "escalated"  # still open, and its severity rose
    EXPIRED = "expired"  # nothing was heard of it for 26 hours
    CLOSED = "closed"  # a person closed it
    REPLACED = "replaced"  # a newer episode of the same alarm began
    UNRECOGNISED = "unrecognised"  # a body no source can read
    DIGEST = "digest"  # many events in one message

    @property
    def ends(self) -> bool:
        """Whether the episode is over with this state."""
        return self in ENDINGS


ENDINGS = frozenset({State.RECOVERED, State.EXPIRED, State.CLOSED, State.REPLACED})
ROUTED = (State.TRIGGERED, State.REPEAT, State.ESCALATED, State.RECOVERED)  # what callbacks tell, and routes see
LOUD = frozenset({State.TRIGGERED, State.ESCALATED})  # news that an alarm is there, or is worse: never skipped


@record
class Alarm:
    """One alarm as one callback tells it. Texts are stripped; what is absent is empty.

    `raw` is the parsed body. Times are aware and in UTC. `occurred_at` is the moment the callback
    speaks of: first occurrence + duration, the recovery time of a recovery, or else the time
    received, which `occurred_at_is_guess` says.
    """

    status: Status
    received_at: datetime
    occurred_at: datetime
    key: str = ""  # identity, 32 hex digits: policy, namespace, metric or event, dimensions
    occurred_at_is_guess: bool = False
    session_id: str = ""  # as received, for the answer
    alert_id: str = ""  # names one delivery of this alarm: alertId, else the session id
    fingerprints: tuple[str, ...] = ()  # of the alert id with status, duration and level; of the body
    kind: str = "metric"  # metric, event, or the word received
    policy_id: str = ""
    policy_name: str = ""
    policy_type: str = ""
    policy_type_name: str = ""
    namespace: str = ""
    region: str = ""  # as received: gz or ap-guangzhou
    product: str = ""  # cvm, cdb, …
    metric: str = ""
    metric_label: str = ""
    event: str = ""
    event_label: str = ""
    object_id: str = ""
    object_name: str = ""
    dimensions: Mapping[str, Any] = field(default_factory=dict)  # spelt and nested as received
    tags: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ""  # one of SEVERITIES
    app_id: str = ""
    uin: str = ""
    operator: str = ""
    threshold: str = ""
    value: str = ""
    unit: str = ""
    period: int | None = None  # seconds
    started_at: datetime | None = None  # first occurrence
    recovered_at: datetime | None = None
    duration_seconds: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)  # additionalMsg, and keys nobody knows
    url: str = ""  # the policy's page in Tencent's console
    raw: Any = None

    @property
    def subject(self) -> str:
        """The label of the metric or event, else its name: "CPU utilization"."""
        return self.metric_label or self.event_label or self.metric or self.event

    @property
    def condition(self) -> str:
        """What was watched for, in words: "CPU utilization > 90 %"; empty for events."""
        if not (self.operator or self.threshold):
            return ""
        return " ".join(part for part in (self.subject, self.operator, self.threshold, self.unit) if part)


class ReadingKind(StrEnum):
    """What sort of body came in."""

    ALARM = "alarm"
    VERIFICATION = "verification"  # empty, {} or Tencent's check of the URL
    UNRECOGNISED = "unrecognised"


@record
class Reading:
    """A body as the sources understand it.

    `problem` says in words what was wrong with the body: always for UNRECOGNISED, and for an alarm
    that could be read all the same (NaN, U+0000, lone surrogates, numbers beyond 63 bits).
    """

    kind: ReadingKind
    alarm: Alarm | None = None
    session_id: str = ""  # as far as known, for the answer
    problem: str = ""
    problem_zh: str = ""  # the same in Chinese, for UNRECOGNISED


OUTCOMES = (  # of callbacks that are stored
    *("triggered", "escalated", "repeat", "recovered", "duplicate", "stale"),
    *("unrecognised", "verification"),
)


@record
class Callback:
    """A callback as it came in: its bytes, when, and what they were understood to say."""

    body: bytes
    received_at: datetime
    reading: Reading
    origin: int = 0  # by which the edge knows what it said; 0: it was read in this process
