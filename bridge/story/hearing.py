"""What today's routes say to a callback that is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge import sources
from bridge.addressees import elsewhere
from bridge.alarm import BRIDGE, Alarm, State
from bridge.lifecycle import Row
from bridge.routing import RouteAnswer, Routes
from bridge.settings import ChannelSettings
from bridge.sources import own
from bridge.store.entries import CallbackEntry

NEWS = frozenset({State.TRIGGERED, State.ESCALATED, State.REPEAT})  # for which routes are asked
Body = Callable[[int], bytes]  # of a callback's id


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Each route's yes or no, and the channels that the routes choose today."""

    answers: tuple[RouteAnswer, ...]
    channels: tuple[str, ...]
    left_out: str = ""  # the channel that one of the bridge's own alarms is about, where the routes name it


def stored_alarm(body: bytes, received_at: datetime, kind: str) -> Alarm | None:
    """Read a stored callback; None where it is no alarm."""
    return own.read(body, received_at) if kind == BRIDGE else sources.read(body, received_at).alarm


def routed(
    callback: CallbackEntry, routes: Routes, channels: Mapping[str, ChannelSettings], body: Body
) -> Routed | None:
    """Ask today's routes about a callback; None where routes are not asked: of duplicates, and of most endings."""
    unheard = callback.outcome == State.RECOVERED and callback.reason.startswith(Row.UNHEARD)
    if callback.outcome not in NEWS and not unheard:
        return None
    alarm = stored_alarm(body(callback.id), callback.received_at, callback.kind)
    if alarm is None:
        return None
    state, about = State(callback.outcome), own.channel_about(alarm)
    choices = chosen = routes.choose(alarm, state)
    if about:
        choices = elsewhere(chosen, about, fallback_of(about, channels), routes.default_channels)
    return Routed(
        answers=tuple(routes.explain(alarm, state)),
        channels=tuple(choice.channel for choice in choices),
        left_out=about if any(choice.channel == about for choice in chosen) else "",
    )


def fallback_of(channel: str, channels: Mapping[str, ChannelSettings]) -> str | None:
    """Give the channel that takes another's place, if the config names one."""
    return channels[channel].fallback if channel in channels else None
