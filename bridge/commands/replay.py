"""`replay`: send again what is dead or was sent, and read again what was not understood."""

from typing import Annotated

import typer
from sqlalchemy import select

from bridge.commands.asking_for import ask_for, unique
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, complete_channel
from bridge.commands.listing import Desk, desk
from bridge.commands.output import WRONG_USAGE, fail, say
from bridge.episode import number_of
from bridge.message import DeliveryState
from bridge.store.ids import read_id
from bridge.store.requests import What, Wish, why_not_judge, why_not_replay
from bridge.store.schema import callbacks, deliveries

UNKNOWN = "no delivery has this id, and no callback; `alarm-bridge deliveries` and `callbacks` show them"
REMOVED = (
    "its channel {name} is not in the config; a channel of that name there, whatever its type and room, "
    "gets what waits for it, and what is sent again then"
)
AGAIN = frozenset({DeliveryState.WAITING, DeliveryState.BEGUN, DeliveryState.SENT, DeliveryState.DEAD})
ALARM = "is an alarm's id; `alarm-bridge explain {name}` shows its deliveries"


def replay(
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of deliveries, or of callbacks that are unrecognised.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    dead: Annotated[bool, typer.Option("--dead", help="Every dead letter.")] = False,
    channel: Annotated[
        str,
        typer.Option(metavar="NAME", show_default=False, autocompletion=complete_channel, help="With --dead: of this."),
    ] = "",
) -> None:
    """Put deliveries back into their queue: a dead one keeps its id, one that was sent gets a new one.

    The id of an unrecognised callback has it judged again, as today's bridge
    reads it. `alarm-bridge serve` does the work; where none runs, the next one.
    """
    if bool(ids) is dead or (channel and not dead):
        fail("give the ids of what is to be sent again, or --dead, which takes --channel NAME", WRONG_USAGE)
    with desk(config) as at:
        found = _dead(at, channel) if dead else {name: _wish(at, name) for name in unique(ids or ())}
    wishes = {name: wish for name, wish in found.items() if isinstance(wish, Wish)}
    if dead and not found:
        say(f"no dead letter{' of ' + channel if channel else ''}")
        return
    refused = {name: why for name, why in found.items() if isinstance(why, str)}
    ask_for(at.config.store, wishes, refused)


def _dead(at: Desk, channel: str) -> dict[str, Wish | str]:
    """Find the dead letters, the oldest first: they are told in that order."""
    found = list(at.asking.deliveries(state=DeliveryState.DEAD, channel=channel))
    return {
        str(one.id): _why_nobody_would(at, one.channel) or Wish(what=What.REPLAY, subject=one.id)
        for one in reversed(found)
    }


def _why_nobody_would(at: Desk, channel: str) -> str:
    """Say why nobody would send to a channel, where that is so."""
    return "" if channel in at.config.channels else REMOVED.format(name=channel)


def _wish(at: Desk, name: str) -> Wish | str:
    """Give what an id asks for, or why that cannot be."""
    id_ = read_id(name)
    if not id_:
        return ALARM.format(name=name) if number_of(name) else UNKNOWN
    delivery = at.asking.connection.execute(
        select(deliveries.c.state, deliveries.c.note, deliveries.c.channel).where(deliveries.c.id == id_)
    ).first()
    if delivery is not None and delivery.state in AGAIN and (why := _why_nobody_would(at, delivery.channel)):
        return why
    if delivery is not None:
        return why_not_replay(delivery.state, delivery.note) or Wish(what=What.REPLAY, subject=id_)
    outcome = at.asking.connection.execute(select(callbacks.c.outcome).where(callbacks.c.id == id_)).scalar()
    if outcome is not None:
        return why_not_judge(outcome) or Wish(what=What.JUDGE, subject=id_)
    return UNKNOWN
