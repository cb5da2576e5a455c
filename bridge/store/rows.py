"""Records to rows and back. Text is made fit for a database here, and nowhere else."""

import struct
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.alarm import Alarm, State
from bridge.clock import milliseconds, moment
from bridge.episode import Cause, Episode, Event, Given, Heard, Phase
from bridge.message import Delivery, DeliveryState, Step, Why

HEARD = struct.Struct(">8sq")
Row = dict[str, Any]


def clean(text: str) -> str:
    """Replace what databases refuse: U+0000 (PostgreSQL) and lone surrogates (both)."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def episode_row(episode: Episode) -> Row:
    """Give the columns of an episode that change in its life."""
    return {
        "id": episode.id,
        "number": episode.number,
        "key": episode.key,
        "phase": str(episode.phase),
        "kind": clean(episode.kind),
        "started_at": milliseconds(episode.started_at),
        "heard_at": milliseconds(episode.heard_at),
        "heard_at_is_guess": episode.heard_at_is_guess,
        "counted_at": milliseconds(episode.counted_at),
        "alert_id": clean(episode.alert_id),
        "severity": episode.severity,
        "recovered_at": milliseconds(episode.recovered_at) if episode.recovered_at else None,
        "repeat_count": episode.repeat_count,
        "again": episode.again,
        "heard": b"".join(
            HEARD.pack(bytes.fromhex(one.fingerprint), milliseconds(one.received_at)) for one in episode.heard
        ),
        "given": _given_text(episode.given),
        "callback_id": episode.callback_id,
        "receiving_seconds": episode.receiving_seconds,
    }


def search_columns(alarm: Alarm | None) -> Row:
    """Give the columns by which a person looks for an episode."""
    if alarm is None:
        return {"policy_id": "", "policy_name": "", "subject": "", "object_id": ""}
    return {
        "policy_id": clean(alarm.policy_id),
        "policy_name": clean(alarm.policy_name),
        "subject": clean(alarm.metric or alarm.event),
        "object_id": clean(alarm.object_id),
    }


def episode_of(row: Any) -> Episode:
    """Read an episode's row."""
    return Episode(
        id=row.id,
        number=row.number,
        key=row.key,
        phase=Phase(row.phase),
        kind=row.kind,
        started_at=moment(row.started_at),
        heard_at=moment(row.heard_at),
        heard_at_is_guess=row.heard_at_is_guess,
        counted_at=moment(row.counted_at),
        alert_id=row.alert_id,
        severity=row.severity,
        recovered_at=None if row.recovered_at is None else moment(row.recovered_at),
        repeat_count=row.repeat_count,
        again=row.again,
        heard=tuple(
            Heard(fingerprint=print_.hex(), received_at=moment(at)) for print_, at in HEARD.iter_unpack(row.heard)
        ),
        given=given_of(row.given),
        callback_id=row.callback_id,
        receiving_seconds=row.receiving_seconds,
    )


def _given_text(given: Mapping[str, Given]) -> str:
    """Write the channels told as JSON: [channel, route, repeated_at, instead_of] each, and has_rest."""
    if not given:
        return "[]"
    told = [
        [
            one.channel,
            one.route,
            milliseconds(one.repeated_at) if one.repeated_at else None,
            one.instead_of,
            *([True] if one.has_rest else ()),
        ]
        for one in given.values()
    ]
    return orjson.dumps(told).decode()


def given_of(text: str) -> dict[str, Given]:
    """Read the channels told."""
    return {
        channel: Given(
            channel=channel,
            route=route,
            repeated_at=None if at is None else moment(at),
            instead_of=instead_of,
            has_rest=bool(rest),
        )
        for channel, route, at, instead_of, *rest in orjson.loads(text)
    }


def event_row(event: Event) -> Row:
    """Give an event's row."""
    return {
        "id": event.id,
        "state": str(event.state),
        "episode_id": event.episode_id,
        "callback_id": event.callback_id,
        "created_at": milliseconds(event.created_at),
        "received_at": milliseconds(event.received_at),
        "occurred_at": milliseconds(event.occurred_at),
        "started_at": milliseconds(event.started_at) if event.started_at else None,
        "recovered_at": milliseconds(event.recovered_at) if event.recovered_at else None,
        "repeat_count": event.repeat_count,
        "severity": event.severity,
        "previous_severity": event.previous_severity,
        "again": event.again,
        "unheard": event.unheard,
        "successor": event.successor,
        "cause": str(event.cause),
    }


def delivery_row(delivery: Delivery) -> Row:
    """Give a delivery's row."""
    return {
        "id": delivery.id,
        "event_id": delivery.event.id,
        "channel": delivery.channel,
        "route": delivery.route,
        "step": str(delivery.step),
        "plain": delivery.plain,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "due_at": milliseconds(delivery.due_at),
        "note": clean(delivery.note),
        "instead_of": clean(delivery.instead_of),
    }


def delivery_of(row: Any) -> Delivery:
    """Read a delivery joined with its event, episode and callback."""
    return Delivery(
        id=row.id,
        channel=row.channel,
        step=Step(row.step),
        plain=row.plain,
        event=_event_of(row),
        route=row.route,
        state=DeliveryState(row.delivery_state),
        attempts=row.attempts,
        due_at=moment(row.due_at),
        note=row.note,
        why=Why(row.why),
        instead_of=row.instead_of,
        replayed_at=None if row.replayed_at is None else moment(row.replayed_at),
        part=row.part or 0,
        body=row.body or b"",
    )


def _event_of(row: Any) -> Event:
    return Event(
        id=row.event_id,
        state=State(row.event_state),
        episode_id=row.episode_id,
        number=row.number or 0,
        key=row.key or (row.event_state if row.event_state == State.DIGEST else ""),  # digests go one by one
        kind=row.kind or "",
        callback_id=row.callback_id,
        created_at=moment(row.created_at),
        received_at=moment(row.received_at),
        occurred_at=moment(row.occurred_at),
        started_at=None if row.started_at is None else moment(row.started_at),
        recovered_at=None if row.recovered_at is None else moment(row.recovered_at),
        repeat_count=row.repeat_count,
        severity=row.severity,
        previous_severity=row.previous_severity,
        again=row.again,
        unheard=row.unheard,
        successor=row.successor,
        cause=Cause(row.cause),
    )
