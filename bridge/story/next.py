"""What happens next: to a delivery that waits, and to an alarm that is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.episode import Phase
from bridge.lifecycle import EXPIRY_SECONDS
from bridge.rendering.words import duration_words
from bridge.settings import ChannelSettings
from bridge.store import ChannelState
from bridge.store.entries import AlarmEntry, DeliveryEntry
from bridge.store.happened import Carried

REPLAY = "`alarm-bridge replay {id}` puts it back"
ENDS = {
    "superseded": "nothing: another message says it",
    "moved": "nothing here: another channel has it",
    "digested": "nothing by itself: the digest tells of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """How things stand while somebody asks."""

    at: datetime
    served: bool  # a bridge serves from this store
    channels: Mapping[str, ChannelSettings]  # of today's config
    states: Mapping[str, ChannelState]


def next_of_delivery(carried: Carried, now: Now) -> str:
    """Say what happens to a delivery; empty where it is done."""
    delivery = carried.delivery
    if delivery.state == "dead":
        return f"nothing more, unless somebody asks: {REPLAY.format(id=delivery.id)}"
    if delivery.state not in {"waiting", "begun"}:
        return ENDS.get(delivery.state, "")
    if delivery.channel not in now.channels:
        return f"stays until the config has a channel {delivery.channel} again"
    if not now.served:
        return "stays until a bridge serves this store: none does now"
    if delivery.state == "begun":
        return "is being sent now, or was when the bridge stopped: then it is sent again"
    return _waits(carried, now)


def next_of_alarm(alarm: AlarmEntry, silent_seconds: int) -> str:
    """Say what becomes of an alarm if nothing more is heard of it."""
    if alarm.phase is not Phase.OPEN:
        return ""
    left = timedelta(seconds=max(EXPIRY_SECONDS - silent_seconds, 0))
    return (
        f"it expires if nothing is heard of it in the next {duration_words(left, 'en')} in which the bridge receives; "
        f"`alarm-bridge close {alarm.alarm}` closes it"
    )


def _waits(carried: Carried, now: Now) -> str:
    delivery, settings = carried.delivery, now.channels[carried.delivery.channel]
    state = now.states.get(delivery.channel)
    if state is not None and state.broken_since is not None:
        return _broken(delivery, state, settings.fallback, now.at)
    if state is not None and state.paused_until > now.at:
        return f"waits for {delivery.channel}, which pauses: {state.reason}; goes on {_in(state.paused_until, now.at)}"
    if delivery.due_at > now.at:
        return f"is tried again {_in(delivery.due_at, now.at)}"
    if carried.ahead:
        return f"waits for its turn in {delivery.channel}, behind {carried.ahead:,} before it"
    return f"is next in {delivery.channel}"


def _broken(delivery: DeliveryEntry, state: ChannelState, fallback: str | None, at: datetime) -> str:
    words = f"waits for {delivery.channel}, which is broken: {state.reason}; "
    if fallback and state.paused_until > at:
        return f"{words}goes to {fallback} instead"
    return f"{words}tried again {_in(state.paused_until, at)}"


def _in(moment: datetime, now: datetime) -> str:
    return f"in {duration_words(moment - now, 'en')}" if moment - now >= timedelta(seconds=1) else "at once"
