"""Digests: what waits is looked at as a whole, what becomes of it is written, and what a digest tells is read.

A digest is an event without a callback, and one delivery of it. What it tells of are the deliveries
that name it, so that what comes while it waits is told, too, and a restart loses and repeats nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bridge.alarm import BRIDGE, State
from bridge.clock import milliseconds
from bridge.digesting import NAMED, TOLD_BY_NOTHING, Crowd, Plan, Waiting
from bridge.episode import Cause, Event
from bridge.message import Count, Delivery, DeliveryState, Digest, Step, Why
from bridge.store import digest_statements as statements
from bridge.store import rows, unheard
from bridge.store.statements import add_delivery, add_event
from bridge.store.work import Ids, Merged

BATCH = 2000  # deliveries looked at in one transaction: some 50 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """How a channel's waiting deliveries are merged, and when."""

    channel: str
    plan: Callable[[Crowd], Plan]
    now: datetime
    due_at: datetime  # when a digest that begins may go
    answers: Step  # how a digest is answered
    give_up_after: timedelta
    mended_at: datetime | None = None  # what came until then and is over need not be told where its trigger was not


def merge(connection: Connection, merging: Merging, ids: Ids) -> Merged:
    """Look at what waits for a channel, and write what becomes of it."""
    found = connection.execute(statements.waiting, {"channel": merging.channel, "most": BATCH}).all()
    digests = {row.digest or TOLD_BY_NOTHING: row for row in found if _grows(row)}
    unheard_of = unheard.waiting(connection, merging.channel, found, merging.mended_at)
    gone = set(unheard_of)
    left = [row for row in found if row.id not in gone]
    planned = merging.plan(_crowd(connection, merging, left, digests))
    planned = replace(planned, superseded={**planned.superseded, **dict.fromkeys(unheard_of, unheard.OVER_UNHEARD)})
    own = {row.id for row in found if row.kind == BRIDGE}
    _end(connection, planned, gone, own, merging.give_up_after)
    for answered, deliveries in planned.digested.items():
        event_id, delivery_id = _digest(connection, merging, ids, answered, digests.get(answered))
        note = f"told in a digest: delivery {delivery_id}"
        values = [{"id_": one, "digest_": event_id, "note_": note} for one in deliveries]
        connection.execute(statements.digest, values)
    digested = sum(map(len, planned.digested.values()))
    return Merged(
        upto=ids.next(),
        is_storm=TOLD_BY_NOTHING in digests or TOLD_BY_NOTHING in planned.digested,
        is_all=len(found) < BATCH or not (digested or planned.superseded or planned.late),
        superseded=len(planned.superseded),
        digested=digested,
        dead=len(planned.late),
        has_digests=connection.execute(statements.any_digest).first() is not None,
    )


def _grows(row: Any) -> bool:
    """Say whether it is a digest that takes up what comes; one that a person put back tells what it told."""
    return bool(row.event_state == State.DIGEST and row.replayed_at is None)


def _crowd(connection: Connection, merging: Merging, found: Sequence[Any], digests: Mapping[int, Any]) -> Crowd:
    answered_by = {row.event_id: answered for answered, row in digests.items()}
    members: dict[str, int] = {}
    if answered_by:
        for key, digest in connection.execute(statements.members, {"digests": list(answered_by)}):
            members[key] = answered_by[digest]
    late = milliseconds(merging.now - merging.give_up_after)
    return Crowd(
        waiting=[_waiting(row, late) for row in found if row.event_state != State.DIGEST],
        told=_told(connection, merging.channel, {row.episode_id for row in found if row.episode_id}),
        members=members,
        digests=frozenset(digests),
    )


def _waiting(row: Any, late: int) -> Waiting:
    return Waiting(
        id=row.id,
        event_id=row.event_id,
        episode_id=row.episode_id,
        key=row.key or "",
        state=State(row.event_state),
        step=Step(row.step),
        kind=row.kind or "",
        route=row.route,
        severity=row.severity,
        is_late=row.created_at < late,
        is_begun=row.state == DeliveryState.BEGUN,
    )


def _told(connection: Connection, channel: str, episodes: Collection[int]) -> dict[int, int]:
    """Find the episodes whose newest message is a digest, and which."""
    newest: dict[int, tuple[int, int]] = {}
    for row in connection.execute(statements.messages_of, {"episodes": list(episodes), "channel": channel}):
        digest = row.event_id if row.state == State.DIGEST else TOLD_BY_NOTHING
        newest[row.episode_id] = max(newest.get(row.episode_id, (0, 0)), (row.message_id, digest))
    return {episode: digest for episode, (_, digest) in newest.items() if digest}


def _end(
    connection: Connection,
    planned: Plan,
    unheard_of: Collection[int],
    own: Collection[int],
    give_up_after: timedelta,
) -> None:
    """End what need not be said, and what is too old; of the bridge's own dead letters nobody is told."""
    superseded, dead = DeliveryState.SUPERSEDED.value, DeliveryState.DEAD.value
    values = [
        {"id_": one, "state_": superseded, "note_": note, "why_": Why.OVER_UNHEARD.value if one in unheard_of else ""}
        for one, note in planned.superseded.items()
    ]
    note = f"given up after {give_up_after}: too much waited"
    values += [
        {"id_": one, "state_": dead, "note_": note, "why_": "" if one in own else Why.UNTOLD.value}
        for one in planned.late
    ]
    if values:
        connection.execute(statements.end, values)


def _digest(connection: Connection, merging: Merging, ids: Ids, answered: int, waits: Any) -> tuple[int, int]:
    """Give the event and the delivery of the digest that waits, else of a new one."""
    if waits is not None:
        connection.execute(statements.renew, {"id_": waits.event_id, "now": milliseconds(merging.now)})
        connection.execute(statements.sooner, {"id_": waits.id, "due_": milliseconds(merging.due_at)})
        return waits.event_id, waits.id
    event = _event(ids.next(), merging.now)
    delivery = Delivery(
        id=ids.next(),
        channel=merging.channel,
        step=merging.answers if answered else Step.POST,
        event=event,
        due_at=merging.now if answered else merging.due_at,
    )
    connection.execute(add_event, rows.event_row(event))
    connection.execute(add_delivery, rows.delivery_row(delivery))
    if answered:
        connection.execute(statements.answer, {"id_": delivery.id, "digest_": answered})
    return event.id, delivery.id


def _event(event_id: int, now: datetime) -> Event:
    return Event(
        id=event_id,
        state=State.DIGEST,
        episode_id=0,
        number=0,
        key="",
        callback_id=0,
        created_at=now,
        received_at=now,
        occurred_at=now,
        cause=Cause.TIMER,
    )


def read_digest(connection: Connection, event_id: int, urgent_routes: Iterable[str]) -> Digest:
    """Read what a digest tells: each alarm in its newest state; the worst first, and of these the urgent."""
    values: dict[str, Any] = {"digest": event_id}
    counts = tuple(
        Count(policy=_policy(row), state=State(row.state), route=row.route, severity=row.severity, alarms=row.alarms)
        for row in connection.execute(statements.counts, values)
    )
    values |= {"routes": list(urgent_routes), "most": NAMED}
    worst = tuple(rows.delivery_of(row) for row in connection.execute(statements.worst, values))
    return Digest(counts=counts, worst=worst)


def _policy(row: Any) -> str:
    """Name a policy, or what it watches."""
    name, identity = row.policy_name, row.policy_id
    return (f"{name} ({identity})" if name and identity else name or identity) or row.subject


def link(connection: Connection, event_id: int, message_id: int, channel: str) -> None:
    """Let the message of a digest be that of each episode which it was the first to tell of."""
    connection.execute(statements.link, {"digest": event_id, "message": message_id, "channel_": channel})


def forget(connection: Connection, event_id: int, channel: str) -> None:
    """Forget the message that a digest answers."""
    connection.execute(statements.forget, {"digest": event_id, "channel_": channel})


def an_episode(connection: Connection, event_id: int) -> int:
    """Give one of the episodes that a digest tells of; 0 where there are none."""
    return int(connection.execute(statements.an_episode, {"digest": event_id}).scalar() or 0)


def dissolve(connection: Connection, event_id: int) -> None:
    """Let what a digest would tell of wait again."""
    connection.execute(statements.dissolve, {"digest_": event_id})
