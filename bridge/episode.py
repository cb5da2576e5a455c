"""What is known of an alarm: its episodes, and the events people are told of.

An *alarm* is a policy watching an object (its key); an *episode* is one time that it fired: the key
and the first occurrence. An *event* is a change of an episode that somebody may want to hear of.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from bridge.alarm import State
from bridge.record import record


class Phase(StrEnum):
    """Where an episode stands."""

    OPEN = "open"
    RECOVERED = "recovered"  # the callback of its end came
    REPLACED = "replaced"  # a newer episode of the same alarm began
    EXPIRED = "expired"  # nothing was heard of it for 26 hours of receiving
    CLOSED = "closed"  # by a person, or at once: stateless events have no end


class Cause(StrEnum):
    """What made an event."""

    CALLBACK = "callback"
    REQUEST = "request"  # a command
    TIMER = "timer"


@record
class Heard:
    """One delivery of an alarm that was taken: how a re-send is known again."""

    fingerprint: str  # 16 hex digits, of the alert id with status, duration and level, or of the body
    received_at: datetime


@record
class Given:
    """A channel that was given the episode, and through which route."""

    channel: str
    route: str = ""  # empty: by default_channels
    repeated_at: datetime | None = None  # when a repeat was last posted there
    instead_of: str = ""  # channels that broke before they had the episode, with commas between: this one took over
    has_rest: bool = False  # its thread was given what a message had no room for

    @property
    def took_over(self) -> tuple[str, ...]:
        """The broken channels that never had the episode."""
        return tuple(filter(None, self.instead_of.split(",")))


@record
class Episode:
    """One time that an alarm fired. `id` is given by the store; `number` makes the short id."""

    id: int
    number: int
    key: str
    phase: Phase
    started_at: datetime
    heard_at: datetime  # the latest moment a firing callback spoke of
    heard_at_is_guess: bool = False
    counted_at: datetime  # when the last trigger, repeat or escalation was received
    alert_id: str = ""  # of the last one counted
    severity: str = ""
    recovered_at: datetime | None = None
    repeat_count: int = 0
    again: bool = False
    kind: str = "metric"
    heard: tuple[Heard, ...] = ()  # of the last day
    given: Mapping[str, Given] = field(default_factory=dict)  # channel name → Given, in order
    callback_id: int = 0  # the last callback that people were told of
    receiving_seconds: int = 0  # the bridge's receiving time when a callback last spoke of it

    @property
    def short_id(self) -> str:
        """The id that messages show."""
        return short_id(self.number)


Known = tuple[Episode, ...]  # of one alarm key, oldest first


@record
class Event:
    """A change that people may be told of."""

    id: int
    state: State
    episode_id: int  # 0: of no episode (unrecognised)
    number: int  # the episode's, for the short id
    key: str
    kind: str = ""  # the alarm's: metric, event, …
    callback_id: int
    created_at: datetime  # when the bridge judged it
    received_at: datetime  # when its callback was stored
    occurred_at: datetime  # the moment it speaks of
    started_at: datetime | None = None
    recovered_at: datetime | None = None
    repeat_count: int = 0  # for unrecognised: how many others came since the last message
    severity: str = ""
    previous_severity: str = ""
    again: bool = False
    unheard: bool = False  # a recovery whose trigger never came
    successor: int = 0  # of a replaced episode: the number of the one that follows
    cause: Cause = Cause.CALLBACK

    @property
    def short_id(self) -> str:
        """The id that messages show; empty for what is no alarm."""
        return short_id(self.number) if self.number else ""


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing that is misread aloud
BITS = 30
MASK = (1 << BITS) - 1
PAIRS = tuple(one + other for one in ALPHABET for other in ALPHABET)  # ten bits each
MIX = 0x2545F491  # odd, so that multiplying modulo 2**30 can be undone: neighbours look different


def short_id(number: int) -> str:
    """Spell an episode's number (1 to 2**30 - 1) as six letters and digits."""
    mixed = number * MIX & MASK
    return f"{PAIRS[mixed >> 20]}{PAIRS[mixed >> 10 & 1023]}{PAIRS[mixed & 1023]}"


def number_of(text: str) -> int | None:
    """Undo `short_id`; None where the text is not one."""
    if len(text) != BITS // 5 or any(letter not in ALPHABET for letter in text.lower()):
        return None
    mixed = 0
    for letter in text.lower():
        mixed = mixed << 5 | ALPHABET.index(letter)
    return mixed * pow(MIX, -1, 1 << BITS) % (1 << BITS)
