"""What the store gives to those who ask: callbacks, alarms and deliveries as lists show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.clock import moment
from bridge.episode import Given, Phase, short_id
from bridge.store import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackEntry:
    """A callback as a list shows it: what came in, and what was decided."""

    id: int
    received_at: datetime
    outcome: str
    reason: str
    session_id: str
    episode_id: int  # 0: no alarm
    alarm: str  # short id
    kind: str
    policy_id: str
    policy_name: str
    subject: str
    object_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEntry:
    """An episode as a list shows it."""

    id: int
    alarm: str  # short id
    phase: Phase
    kind: str
    policy_id: str
    policy_name: str
    subject: str
    object_id: str
    severity: str
    started_at: datetime
    heard_at: datetime
    recovered_at: datetime | None
    repeat_count: int
    given: Sequence[Given]
    callback_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEntry:
    """A delivery as a list shows it."""

    id: int
    event_id: int
    channel: str
    route: str
    step: str
    state: str
    attempts: int
    due_at: datetime
    note: str
    told: str  # the event's state
    alarm: str  # short id; empty: no alarm
    object_id: str
    kind: str
    callback_id: int  # the newest of its alarm; 0: no alarm
    created_at: datetime
    digest: int  # the event of the digest that tells of it; 0: none does


def callback_entry(row: Any) -> CallbackEntry:
    """Read a row of CALLBACKS."""
    return CallbackEntry(
        id=row.id,
        received_at=moment(row.received_at),
        outcome=row.outcome,
        reason=row.reason,
        session_id=row.session_id,
        episode_id=row.episode_id,
        alarm=short_id(row.number) if row.number else "",
        kind=row.kind or "",
        policy_id=row.policy_id or "",
        policy_name=row.policy_name or "",
        subject=row.subject or "",
        object_id=row.object_id or "",
    )


def alarm_entry(row: Any) -> AlarmEntry:
    """Read a row of ALARMS."""
    return AlarmEntry(
        id=row.id,
        alarm=short_id(row.number),
        phase=Phase(row.phase),
        kind=row.kind,
        policy_id=row.policy_id,
        policy_name=row.policy_name,
        subject=row.subject,
        object_id=row.object_id,
        severity=row.severity,
        started_at=moment(row.started_at),
        heard_at=moment(row.heard_at),
        recovered_at=None if row.recovered_at is None else moment(row.recovered_at),
        repeat_count=row.repeat_count,
        given=tuple(rows.given_of(row.given).values()),
        callback_id=row.callback_id,
    )


def delivery_entry(row: Any) -> DeliveryEntry:
    """Read a row of DELIVERIES."""
    return DeliveryEntry(
        id=row.id,
        event_id=row.event_id,
        channel=row.channel,
        route=row.route,
        step=row.step,
        state=row.state,
        attempts=row.attempts,
        due_at=moment(row.due_at),
        note=row.note,
        told=row.told or "",
        alarm=short_id(row.number) if row.number else "",
        object_id=row.object_id or "",
        kind=row.kind or "",
        callback_id=row.callback_id or 0,
        created_at=moment(row.created_at or 0),
        digest=row.digest or 0,
    )
