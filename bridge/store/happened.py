"""What happened to one alarm, as the store tells it: events, deliveries, attempts, and what people asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.clock import moment
from bridge.episode import short_id
from bridge.store.entries import AlarmEntry, CallbackEntry, DeliveryEntry
from bridge.store.work import ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry:
    """A change that people may have been told of."""

    id: int
    state: str
    episode_id: int
    callback_id: int
    created_at: datetime
    cause: str
    successor: str  # short id of the episode that follows a replaced one
    repeat_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEntry:
    """One call, and the platform's answer."""

    id: int
    made_at: datetime
    answer: str
    status: int | None
    said: str
    sent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """What a person asked for by a command."""

    id: int
    what: str
    subject: int
    who: str
    created_at: datetime
    done_at: datetime | None
    changed: bool
    answer: str
    result: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A delivery with its attempts; `ahead`: how many wait before it in its channel."""

    delivery: DeliveryEntry
    attempts: Sequence[AttemptEntry] = ()
    requests: Sequence[RequestEntry] = ()
    ahead: int = 0
    digest: "Sequence[Carried]" = ()  # the calls of the digest that tells of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event with its deliveries."""

    event: EventEntry
    deliveries: Sequence[Carried] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An alarm's life, or that of a callback that is none."""

    alarm: AlarmEntry | None
    callbacks: Sequence[CallbackEntry]
    told: Sequence[ToldEvent]
    requests: Sequence[RequestEntry] = ()
    channels: Mapping[str, ChannelState] = field(default_factory=dict)
    silent_seconds: int = 0  # of receiving, since a callback last spoke of it


def event_entry(row: Any) -> EventEntry:
    """Read a row of events."""
    return EventEntry(
        id=row.id,
        state=row.state,
        episode_id=row.episode_id,
        callback_id=row.callback_id,
        created_at=moment(row.created_at),
        cause=row.cause,
        successor=short_id(row.successor) if row.successor else "",
        repeat_count=row.repeat_count,
    )


def attempt_entry(row: Any) -> AttemptEntry:
    """Read a row of attempts."""
    return AttemptEntry(
        id=row.id, made_at=moment(row.made_at), answer=row.answer, status=row.status, said=row.said, sent=row.sent
    )


def request_entry(row: Any) -> RequestEntry:
    """Read a row of requests."""
    return RequestEntry(
        id=row.id,
        what=row.what,
        subject=row.subject,
        who=row.who,
        created_at=moment(row.created_at),
        done_at=None if row.done_at is None else moment(row.done_at),
        changed=row.changed,
        answer=row.answer,
        result=row.result,
    )
