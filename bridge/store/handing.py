"""What becomes of a broken channel's delivery that another channel takes over, and of who has the alarm.

| handed over                                             | the fallback                                    |
| an event that it is told of anyway                      | is told of it once                              |
| what is older than news of the alarm that it has        | is not told: it would be out of order           |
| news of an alarm that is over, without its end          | is told of the end, too                         |
| what it handed on, and nobody took: a circle            | is not told again: it waits where it is         |
| all else                                                | is told                                         |

The end is missing where the broken channel is silent at ends, or has told it: what is told again by a
person's wish is older. Nobody else would ever tell it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from bridge.alarm import ENDINGS, State
from bridge.episode import Episode, Given, Phase
from bridge.message import Delivery, DeliveryState, Step, Why
from bridge.store import digest_statements, rows
from bridge.store import handing_statements as statements
from bridge.store.statements import add_delivery, change_episode, episode_by_id
from bridge.store.work import Ids, Result

NO_EVENT = 0
NEWS = frozenset({State.TRIGGERED, State.ESCALATED, State.REPEAT}) | ENDINGS
OVERTAKES: Mapping[State, frozenset[State]] = {State.ESCALATED: NEWS - {State.REPEAT}}  # that one is never skipped
WORK = frozenset({DeliveryState.WAITING, DeliveryState.BEGUN})
TOLD = frozenset({DeliveryState.SENT, DeliveryState.DIGESTED})
ELSEWHERE = frozenset({DeliveryState.SUPERSEDED, DeliveryState.MOVED})

Calls = Sequence[Any]  # of one event: id, channel, state, handed_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The channel that has new work by a hand-over, and the one that keeps what it wanted to hand over."""

    to: str = ""
    back: str = ""


def hand_over(connection: Connection, result: Result, ids: Ids) -> list[Handed]:
    """Give a broken channel's delivery to its fallback, and with it all that waits behind it of its alarm's episode.

    Were they given one after the other, a restart or another config might come between: who took the
    trigger would never hear of the end. The channel reads again where other ones went than it knew of:
    it has forgotten those that it thought had gone.
    """
    handed: list[Handed] = []
    left = _left_behind(connection, result.delivery)
    for one in (result.delivery, *left):
        values = {"id_": one.id, "note_": rows.clean(result.note), "to_": result.handed_to}
        connection.execute(statements.move, values)
        handed.append(_give(connection, replace(result, delivery=one), ids))
    if {one.id for one in left} != {one.delivery.id for one in result.along}:
        handed.append(Handed(back=result.delivery.channel))
    return handed


def _left_behind(connection: Connection, delivery: Delivery) -> list[Delivery]:
    values = {
        "episode": delivery.event.episode_id,
        "event_id_": delivery.event.id,
        "channel": delivery.channel,
        "id_": delivery.id,
    }
    found = [rows.delivery_of(row) for row in connection.execute(statements.left_behind, values)]
    return [one for one in found if goes_with(delivery, one)]


def goes_with(first: Delivery, other: Delivery) -> bool:
    """Say whether another delivery of a channel goes to the fallback with one that does: it follows in its episode.

    What is told again by a person's wish may be older, and what came round stays.
    """
    event = other.event
    follows = bool(event.episode_id) and event.episode_id == first.event.episode_id and event.id >= first.event.id
    begins = event.state is State.TRIGGERED and not event.again
    waits = other.state is DeliveryState.WAITING and other.step is not Step.REST and other.why is not Why.WENT_ROUND
    return follows and not begins and waits


def _give(connection: Connection, result: Result, ids: Ids) -> Handed:
    """Give one delivery to the fallback; a circle of fallbacks in which nobody has it ends here."""
    delivery, to = result.delivery, result.handed_to
    calls = _calls(connection, delivery.event.id)
    if is_circle(calls, delivery, to):
        note = f"{to} handed it on, and nobody took it: {delivery.channel} is broken: {result.because}".rstrip()
        connection.execute(statements.stay, {"id_": delivery.id, "note_": rows.clean(note)})
        return Handed(back=delivery.channel)
    row = connection.execute(episode_by_id, {"id_": delivery.event.episode_id}).first()
    episode = None if row is None else rows.episode_of(row)
    if episode is not None:
        given = taken_over(episode.given, result, again=had_it(calls, delivery))
        values = rows.episode_row(replace(episode, given=given))
        connection.execute(change_episode, {f"{name}_": value for name, value in values.items()})
    if is_told(calls, delivery, to):
        return Handed()
    if episode is not None and (newer := _newer(connection, delivery, episode, to)) is not None:
        note = f"{to} has newer news of it already: delivery {newer.id}"
        values = {"id_": delivery.id, "state_": DeliveryState.SUPERSEDED.value, "note_": note, "why_": ""}
        connection.execute(digest_statements.end, values)
        return Handed()
    _add(connection, result, episode, ids)
    return Handed(to=to)


def _add(connection: Connection, result: Result, episode: Episode | None, ids: Ids) -> None:
    """Let the fallback be told, and of the end as well where that would be missing."""
    taken = _taken_over(result, ids.next())
    connection.execute(add_delivery, rows.delivery_row(taken))
    ending = NO_EVENT if episode is None else _missing_end(connection, result.delivery, episode, taken.channel)
    if ending:
        event = replace(taken.event, id=ending)
        connection.execute(add_delivery, rows.delivery_row(replace(taken, id=ids.next(), event=event)))


def is_told(calls: Calls, delivery: Delivery, to: str) -> bool:
    """Say whether a channel is told of an event anyway: by a call of its own, or one handed over before."""
    own = [one for one in calls if one.channel == to and one.state not in {DeliveryState.MOVED, DeliveryState.DEAD}]
    return bool(own) or _was_handed_before(calls, delivery, to)


def is_circle(calls: Calls, delivery: Delivery, to: str) -> bool:
    """Say whether a channel was handed an event before and handed it on, until it came back here."""
    reached: set[str] = set()
    following = [to] if _was_handed_before(calls, delivery, to) else []
    while following:
        name = following.pop()
        reached.add(name)
        others = [one for one in calls if one.channel == name and one.id != delivery.id]
        if any(one.state != DeliveryState.MOVED for one in others):
            return False
        following += {one.handed_to for one in others} - reached
    return bool(reached)


def _was_handed_before(calls: Calls, delivery: Delivery, to: str) -> bool:
    before = (one for one in calls if one.id < delivery.id and one.state == DeliveryState.MOVED)
    return any(one.handed_to == to for one in before)


def _calls(connection: Connection, event_id: int) -> Calls:
    return connection.execute(statements.calls, {"event_id_": event_id}).all()


def _newer(connection: Connection, delivery: Delivery, episode: Episode, to: str) -> Any:
    """Find the news of the alarm by which a channel knows better already."""
    overtakes = OVERTAKES.get(delivery.event.state, NEWS)
    values = {
        "key": episode.key,
        "episode": episode.id,
        "event_id_": delivery.event.id,
        "to": to,
        "states": [state.value for state in overtakes],
    }
    return connection.execute(statements.newer_news, values).first()


def _missing_end(connection: Connection, delivery: Delivery, episode: Episode, to: str) -> int:
    """Find the event that ended an alarm where its news is handed over now, and its end will not be."""
    if episode.phase is Phase.OPEN or delivery.event.state.ends:
        return NO_EVENT
    values = {"episode": episode.id, "event_id_": delivery.event.id}
    ending = int(connection.execute(statements.ending, values).scalar() or NO_EVENT)
    return NO_EVENT if ending and comes(_calls(connection, ending), delivery, to) else ending


def comes(calls: Calls, delivery: Delivery, to: str) -> bool:
    """Say whether a channel is told of an end anyway: it has it, or what waits will be handed over as well."""
    waits = any(one.channel == delivery.channel and one.state in WORK for one in calls)
    return waits or any(one.channel == to and one.state not in ELSEWHERE for one in calls)


def had_it(calls: Calls, delivery: Delivery) -> bool:
    """Say whether a channel was told of an event before: a person had it told again."""
    return any(one.channel == delivery.channel and one.state in TOLD and one.id != delivery.id for one in calls)


def taken_over(given: Mapping[str, Given], result: Result, *, again: bool = False) -> Mapping[str, Given]:
    """Give the channels that have an episode after a hand-over.

    Who took the trigger gets the ending, however it fared between: only a channel that never had it goes.
    `again` says that it had this event.
    """
    delivery = result.delivery
    before, already = given.get(delivery.channel), given.get(result.handed_to)
    had_nothing = not again and (
        delivery.event.state is State.TRIGGERED
        or delivery.event.unheard
        or any(delivery.channel in one.took_over for one in given.values())
    )
    kept = {name: one for name, one in given.items() if not (had_nothing and name == delivery.channel)}
    instead_of = dict.fromkeys([*(before.took_over if before else ()), delivery.channel] if had_nothing else ())
    if already is not None:
        instead_of = dict.fromkeys(already.took_over) | instead_of
        repeats = [one.repeated_at for one in (before, already) if one is not None and one.repeated_at is not None]
        repeated_at = max(repeats, default=None)
        return kept | {result.handed_to: replace(already, instead_of=",".join(instead_of), repeated_at=repeated_at)}
    taken = Given(
        channel=result.handed_to,
        route=delivery.route,
        repeated_at=before.repeated_at if before else None,
        instead_of=",".join(instead_of),
    )
    return kept | {result.handed_to: taken}


def _taken_over(result: Result, delivery_id: int) -> Delivery:
    return replace(
        result.delivery,
        id=delivery_id,
        channel=result.handed_to,
        step=Step.POST,
        state=DeliveryState.WAITING,
        plain=False,
        attempts=0,
        due_at=result.made_at,
        note=f"instead of {result.delivery.channel}, which is broken: {result.because}",
        instead_of=result.delivery.instead_of or f"{result.delivery.channel}: {result.because}",
    )
