"""The bridge's own alarms: a trouble becomes a body of our own making, and a body an alarm.

The body is stored as a callback is, and read again when a message is made of it. `sources.read`
knows nothing of it: nobody outside can say such a thing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from bridge.alarm import BRIDGE, Alarm, Callback, Reading, ReadingKind, Status
from bridge.record import record
from bridge.sources.identity import fingerprints, own_key
from bridge.trouble import Trouble

NAME = "alarm-bridge"  # the policy's name, and what the body holds
MAX_WORDS = 500
SEVERITIES: Mapping[Trouble, str] = {
    Trouble.CHANNEL_BROKEN: "serious",
    Trouble.STORE_FAILING: "serious",
    Trouble.DEAD_LETTERS: "warn",
    Trouble.TEMPLATE_FAILING: "warn",
    Trouble.QUEUE_OLD: "warn",
    Trouble.RELOAD_FAILED: "warn",
    Trouble.DIGESTING: "remind",
}
LABELS: Mapping[Trouble, str] = {
    Trouble.CHANNEL_BROKEN: "Channel broken",
    Trouble.STORE_FAILING: "Store cannot be written",
    Trouble.DEAD_LETTERS: "Messages not delivered",
    Trouble.TEMPLATE_FAILING: "Template fails",
    Trouble.QUEUE_OLD: "Queue too old",
    Trouble.RELOAD_FAILED: "New config refused",
    Trouble.DIGESTING: "Telling in digests",
}
OF_CHANNELS = frozenset({Trouble.CHANNEL_BROKEN, Trouble.DEAD_LETTERS, Trouble.QUEUE_OLD, Trouble.DIGESTING})


@record
class Own:
    """What the bridge says of one of its troubles."""

    trouble: Trouble
    about: str = ""  # a channel's name, where the trouble is one of OF_CHANNELS
    words: str = ""
    since: datetime
    at: datetime
    is_over: bool = False


def callback_of(own: Own) -> Callback:
    """Give the callback that the bridge sends itself."""
    body = body_of(own)
    return Callback(body=body, received_at=own.at, reading=Reading(kind=ReadingKind.ALARM, alarm=read(body, own.at)))


def body_of(own: Own) -> bytes:
    """Write a body."""
    said = {
        "trouble": own.trouble.value,
        "about": own.about,
        "words": own.words[:MAX_WORDS].encode("utf-8", "replace").decode(),
        "status": "over" if own.is_over else "lasting",
        "since": own.since.isoformat(),
        "at": own.at.isoformat(),
    }
    return orjson.dumps({NAME: said})


def said_in(body: bytes) -> Own | None:
    """Read a body back; None where it is none of ours."""
    try:
        said = orjson.loads(body)[NAME]
        return Own(
            trouble=Trouble(said["trouble"]),
            about=said["about"],
            words=said["words"],
            since=datetime.fromisoformat(said["since"]),
            at=datetime.fromisoformat(said["at"]),
            is_over=said["status"] == "over",
        )
    except (ValueError, LookupError, TypeError):
        return None


def read(body: bytes, received_at: datetime) -> Alarm | None:
    """Read the alarm in a body of ours; None where it is none. Only what is known to be ours is read so."""
    own = said_in(body)
    if own is None:
        return None
    status = Status.RECOVERED if own.is_over else Status.FIRING
    return Alarm(
        status=status,
        received_at=received_at,
        occurred_at=own.at.astimezone(UTC),
        key=own_key(own.trouble, own.about),
        fingerprints=fingerprints(alert_id="", status=status, duration="", severity="", body=body),
        kind=BRIDGE,
        policy_name=NAME,
        event=own.trouble.value,
        event_label=LABELS[own.trouble],
        object_id=own.about,
        dimensions={"channel": own.about} if own.trouble in OF_CHANNELS else {},
        severity=SEVERITIES[own.trouble],
        started_at=own.since.astimezone(UTC),
        recovered_at=own.at.astimezone(UTC) if own.is_over else None,
        details={"problem": own.words} if own.words else {},
        raw=orjson.loads(body),
    )


def channel_about(alarm: Alarm) -> str:
    """Give the channel that one of the bridge's own alarms is about; empty where it is about none."""
    return str(alarm.dimensions.get("channel", "")) if alarm.kind == BRIDGE else ""
