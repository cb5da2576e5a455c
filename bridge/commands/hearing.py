"""A callback as `route` and `render` take it: heard for the first time, in a state of one's choice."""

from dataclasses import dataclass
from datetime import datetime

from bridge import sources
from bridge.alarm import ROUTED, Alarm, Reading, ReadingKind, State, Status
from bridge.commands.output import WRONG_USAGE, fail
from bridge.episode import Event

TOLD = (*ROUTED, State.EXPIRED, State.CLOSED, State.REPLACED)  # what can be told of an alarm
NUMBER = 1  # of the made-up episode, event and delivery: the store, which gives them, is not asked
SUCCESSOR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """A callback and what it counts as. Without an alarm the state is unrecognised."""

    body: bytes
    reading: Reading
    received_at: datetime
    state: State

    @property
    def alarm(self) -> Alarm | None:
        """What the callback tells, where it is an alarm's."""
        return self.reading.alarm

    @property
    def routed_as(self) -> State:
        """The state that routes see: an ending that no callback tells goes where its trigger went."""
        return self.state if self.state in ROUTED else State.TRIGGERED


def hear(body: bytes, state: State | None, received_at: datetime) -> Hearing:
    """Read a callback; unless a state is given, firing counts as triggered. Ends the command on a mistake."""
    reading = sources.read(body, received_at)
    if reading.alarm is None:
        if state:
            fail(f"--state {state} is of alarms, and this is none: {_what(reading)}", WRONG_USAGE)
        return Hearing(body=body, reading=reading, received_at=received_at, state=State.UNRECOGNISED)
    counts_as = State.RECOVERED if reading.alarm.status is Status.RECOVERED else State.TRIGGERED
    return Hearing(body=body, reading=reading, received_at=received_at, state=state or counts_as)


def is_verification(hearing: Hearing) -> bool:
    """Say whether it is a check of the URL, which is never announced."""
    return hearing.reading.kind is ReadingKind.VERIFICATION


def event_of(hearing: Hearing) -> Event:
    """Make the event that the bridge would make of it, had it heard nothing before.

    With a state of one's choice times stay as received, so that a recovery may have none.
    """
    alarm, state = hearing.alarm, hearing.state
    recovered = alarm is not None and alarm.status is Status.RECOVERED
    return Event(
        id=NUMBER,
        state=state,
        episode_id=NUMBER if alarm else 0,
        number=NUMBER if alarm else 0,
        key=alarm.key if alarm else "",
        callback_id=NUMBER,
        created_at=hearing.received_at,
        received_at=hearing.received_at,
        occurred_at=alarm.occurred_at if alarm else hearing.received_at,
        started_at=_began(alarm) if alarm else None,
        recovered_at=alarm.occurred_at if alarm and recovered and state is State.RECOVERED else None,
        repeat_count=1 if state is State.REPEAT else 0,
        severity=alarm.severity if alarm else "",
        unheard=recovered and state is State.RECOVERED,
        successor=SUCCESSOR if state is State.REPLACED else 0,
    )


def _began(alarm: Alarm) -> datetime:
    return alarm.started_at or (alarm.occurred_at if alarm.status is Status.RECOVERED else alarm.received_at)


def _what(reading: Reading) -> str:
    return reading.problem or "it is a check of the callback URL"
