"""What the lower half writes and reads: results of attempts, messages, pauses, queues."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from bridge.alarm import State
from bridge.clock import milliseconds, moment
from bridge.message import DeliveryState, Step
from bridge.store import digests, rest, rows, statements, unheard, untold
from bridge.store.handing import Handed, hand_over
from bridge.store.prepared import Writes
from bridge.store.work import ChannelState, Ids, Pause, QueueLength, Queues, Result, Told, Unsure


def write_results(connection: Connection, results: Sequence[Result], ids: Ids, writes: Writes) -> list[Handed]:
    """Write how attempts ended; give what was handed over by it, and who has more to tell."""
    ended = [one for result in results for one in (result, *result.also)]
    writes.finished.run(connection, [_finish_row(one) for one in ended])
    for one in ended:
        if why := untold.why_of(one):
            connection.execute(statements.say_why, {"id_": one.delivery.id, "why_": str(why)})
    writes.attempts.run(connection, [_attempt_row(one, ids.next()) for one in results if one.verdict is not None])
    for result in results:
        if result.delivery.event.state is State.DIGEST:
            _write_digest(connection, result, ids)
            continue
        if result.forget_message:
            values = {"episode_id_": result.delivery.event.episode_id, "channel_": result.delivery.channel}
            connection.execute(statements.forget_message, values)
        if result.verdict is not None and result.verdict.receipt:
            _write_message(connection, result, ids)
    with_rest = [one.delivery.channel for one in results if one.rest and rest.enqueue(connection, one, ids)]
    return [
        *(one for result in results if result.handed_to for one in hand_over(connection, result, ids)),
        *(Handed(to=channel) for channel in with_rest),
    ]


def _finish_row(result: Result) -> rows.Row:
    return {
        "id_": result.delivery.id,
        "state_": str(result.state),
        "attempts_": result.attempts,
        "due_at_": milliseconds(result.due_at),
        "note_": rows.clean(result.note),
        "step_": str(result.step),
        "plain_": result.plain,
    }


def _attempt_row(result: Result, attempt_id: int) -> rows.Row:
    assert result.verdict is not None
    return {
        "id": attempt_id,
        "delivery_id": result.delivery.id,
        "made_at": milliseconds(result.made_at),
        "answer": str(result.verdict.answer),
        "status": result.verdict.status,
        "said": rows.clean(result.verdict.said),
        "sent": rows.clean(result.sent),
    }


def _write_message(connection: Connection, result: Result, ids: Ids) -> None:
    """Keep what the platform says of a new message; one that was updated is known already."""
    assert result.verdict is not None
    told = read_message(connection, result.delivery.event.episode_id, result.delivery.channel)
    if told is not None and told.receipt == result.verdict.receipt:
        return
    message_id = _add_message(connection, result, ids)
    if result.delivery.event.episode_id:
        link = {"episode_id": result.delivery.event.episode_id, "message_id": message_id}
        connection.execute(statements.link_message, link)


def _write_digest(connection: Connection, result: Result, ids: Ids) -> None:
    """Keep the message of a digest, also of a chat that says nothing of it: whom it told of must be known."""
    event, channel = result.delivery.event, result.delivery.channel
    if result.dissolves:
        digests.dissolve(connection, event.id)
    if result.forget_message:
        digests.forget(connection, event.id, channel)
    if result.state is DeliveryState.SENT and result.step is Step.POST:
        digests.link(connection, event.id, _add_message(connection, result, ids), channel)


def _add_message(connection: Connection, result: Result, ids: Ids) -> int:
    message_id = ids.next()
    message = {
        "id": message_id,
        "channel": result.delivery.channel,
        "event_id": result.delivery.event.id,
        "created_at": milliseconds(result.made_at),
        "receipt": json.dumps(dict(result.verdict.receipt or {}) if result.verdict else {}),
    }
    connection.execute(statements.add_message, message)
    return message_id


def read_message(connection: Connection, episode_id: int, channel: str) -> Told | None:
    """Read the newest message of an episode in a channel."""
    values = {"episode_id": episode_id, "channel": channel}
    row = connection.execute(statements.message_of_episode, values).first()
    if row is None:
        return None
    receipt = json.loads(row.receipt)
    return Told(receipt=receipt, event_id=row.event_id, is_digest=row.state == State.DIGEST) if receipt else None


def read_over_unheard(connection: Connection, episode_id: int, channel: str) -> bool:
    """Say whether an episode is over of which a channel never had the trigger."""
    return bool(unheard.among(connection, [episode_id], channel))


def read_unsure(connection: Connection, delivery_id: int, channel: str) -> Unsure | None:
    """Say whether an attempt at a delivery may have arrived."""
    made_at = connection.execute(statements.ambiguous_attempt, {"delivery_id": delivery_id}).scalar()
    if made_at is None:
        return None
    receipt = connection.execute(statements.newest_receipt, {"channel": channel}).scalar()
    return Unsure(made_at=moment(made_at), beside=json.loads(receipt) if receipt else None)


def write_channel(connection: Connection, state: ChannelState) -> None:
    """Remember a channel's pause."""
    connection.execute(statements.forget_channel, {"name_": state.name})
    values = {
        "name": state.name,
        "paused_until": milliseconds(state.paused_until),
        "failures": state.failures,
        "broken_since": milliseconds(state.broken_since) if state.broken_since else None,
        "mark": state.mark,
        "reason": rows.clean(state.reason),
        "mended_at": milliseconds(state.mended_at) if state.mended_at else None,
        "paused_at": milliseconds(state.paused_at) if state.paused_at else None,
    }
    connection.execute(statements.add_channel, values)


def read_channel_states(connection: Connection) -> dict[str, ChannelState]:
    """Read what is remembered of each channel."""
    return {
        row.name: ChannelState(
            name=row.name,
            paused_until=moment(row.paused_until),
            failures=row.failures,
            broken_since=None if row.broken_since is None else moment(row.broken_since),
            mark=row.mark,
            reason=row.reason,
            mended_at=None if row.mended_at is None else moment(row.mended_at),
            paused_at=None if row.paused_at is None else moment(row.paused_at),
        )
        for row in connection.execute(statements.channel_states)
    }


def write_pause(connection: Connection, pause: Pause) -> None:
    """Remember the pause of a budget; forget those that are over."""
    at = milliseconds(pause.begun_at)
    connection.execute(statements.forget_pauses, {"name_": pause.name, "now_": at})
    connection.execute(statements.add_pause, {"name": pause.name, "until": milliseconds(pause.until), "begun_at": at})


def read_pauses(connection: Connection) -> dict[str, Pause]:
    """Read what is remembered of budgets."""
    return {
        row.name: Pause(name=row.name, until=moment(row.until), begun_at=moment(row.begun_at))
        for row in connection.execute(statements.all_pauses)
    }


def read_queues(connection: Connection) -> Queues:
    """Count what waits for each channel, and since when: since it was put back, where a person did that."""
    counted = list(connection.execute(statements.queues))
    events = [event for _, _, event, _ in counted if event is not None]
    times = {row.id: row.received_at for row in connection.execute(statements.event_times, {"ids": events})}
    return {
        channel: QueueLength(waiting=waiting, oldest=_oldest(times.get(event), replayed))
        for channel, waiting, event, replayed in counted
    }


def _oldest(*times: int | None) -> datetime | None:
    known = [time for time in times if time is not None]
    return moment(min(known)) if known else None
