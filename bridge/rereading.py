"""A callback read again, when its message is made."""

from bridge import sources
from bridge.alarm import BRIDGE, Alarm, Status
from bridge.episode import Event
from bridge.sources import own


def alarm_of(body: bytes, event: Event, language: str) -> Alarm:
    """Read the callback again; one that is no alarm says only what is wrong with it, in the channel's language."""
    if event.kind == BRIDGE and (said := own.read(body, event.received_at)) is not None:
        return said
    reading = sources.read(body, event.received_at)
    if reading.alarm is not None:
        return reading.alarm
    return Alarm(
        status=Status.STATELESS,
        received_at=event.received_at,
        occurred_at=event.occurred_at,
        session_id=reading.session_id,
        kind="",
        details={"problem": reading.problem_zh if language == "zh" else reading.problem},
    )
