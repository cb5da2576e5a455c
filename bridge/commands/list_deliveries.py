"""`deliveries`: what waits, was sent, or is dead."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

import typer

from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, complete_channel
from bridge.commands.listing import MOST, AsJson, Desk, Limit, desk, say_more, stream_json, table
from bridge.commands.output import WRONG_USAGE, fail
from bridge.configuration.problems import did_you_mean
from bridge.message import DeliveryState
from bridge.store.entries import DeliveryEntry
from bridge.story import object_of


def complete_state(incomplete: str) -> list[str]:
    """Offer the states of a delivery to the shell."""
    return [state for state in DeliveryState if state.startswith(incomplete)]


def list_deliveries(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    state: Annotated[
        str,
        typer.Option(
            metavar="S", show_default=False, autocompletion=complete_state, help=f"One of {', '.join(DeliveryState)}."
        ),
    ] = "",
    channel: Annotated[
        str, typer.Option(metavar="NAME", show_default=False, autocompletion=complete_channel, help="This channel's.")
    ] = "",
    as_json: AsJson = False,
    limit: Limit = MOST,
) -> None:
    """List what waits, was sent, or is dead, the newest first: one for each call to a channel."""
    if state and state not in set(DeliveryState):
        hint = did_you_mean(state, DeliveryState) or f": must be one of {', '.join(DeliveryState)}"
        fail(f"--state {state}{hint}", WRONG_USAGE)
    with desk(config) as at:
        found = at.asking.deliveries(state=state, channel=channel)
        if as_json:
            stream_json(_as_json(at, entry) for entry in islice(found, limit))
            return
        head = ("ID", f"MADE ({at.zone.key})", "STATE", "CHANNEL", "STEP", "TELLS", "ALARM", "OBJECT", "TRIED", "NOTE")
        table(head, [_row(at, entry) for entry in islice(found, limit)], _nothing(at, state, channel))
        if next(found, None) is not None:
            say_more(limit)


def _nothing(at: Desk, state: str, channel: str) -> str:
    words = " ".join(["no", *([state] if state else []), "delivery", *([f"of {channel}"] if channel else [])])
    if channel and channel not in at.config.channels:
        return f"{words}; the config has no channel of that name{did_you_mean(channel, at.config.channels)}"
    return words


def _row(at: Desk, entry: DeliveryEntry) -> tuple[str, ...]:
    return (
        str(entry.id),
        at.time(entry.created_at),
        entry.state,
        entry.channel,
        entry.step,
        entry.told,
        entry.alarm,
        object_of(entry, at.asking.body),
        str(entry.attempts),
        entry.note,
    )


def _as_json(at: Desk, entry: DeliveryEntry) -> dict[str, Any]:
    values = asdict(entry) | {"id": str(entry.id), "event_id": str(entry.event_id), "alarm": entry.alarm or None}
    del values["kind"], values["callback_id"]
    values["object"] = object_of(entry, at.asking.body)
    values["digest"] = str(entry.digest) if entry.digest else None
    values["due_at"] = at.iso(entry.due_at)
    values["created_at"] = at.iso(entry.created_at)
    return values
