"""What the store is asked to write, and what it remembers of a channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bridge.alarm import Alarm, Callback
from bridge.episode import Episode, Event, Known
from bridge.message import Delivery, DeliveryState, Receipt, Step, Verdict, Why
from bridge.record import record


class Ids(Protocol):
    """Numbers given inside the transaction, by the only writer."""

    receiving_seconds: int  # how long the bridge has been receiving in all its life

    def next(self) -> int:
        """Give an id: higher than all before, and ordered in time."""
        ...

    def episode(self) -> int:
        """Give an id for a new episode."""
        ...

    def number(self) -> int:
        """Give the next episode's number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """How far the announcing of unrecognised callbacks is: the first at once, then one a minute."""

    announced_at: datetime | None = None
    waiting: int = 0  # came since, and are not announced
    callback_id: int = 0  # the newest of them


@record
class Judgement:
    """What follows from one callback, or from the time: all of it is written in one transaction."""

    outcome: str
    reason: str
    episode_id: int = 0
    number: int = 0  # the episode's
    alarm: Alarm | None = None
    changed: tuple[Episode, ...] = ()  # new ones among them
    events: tuple[Event, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    notices: Notices | None = None  # where it changed


class Judge(Protocol):
    """What says what follows from callbacks and from time: pure, and called inside the store's transaction."""

    def alarm(self, known: Known, callback: Callback, callback_id: int, ids: Ids) -> Judgement:
        """Judge a callback that a source could read."""
        ...

    def other(self, notices: Notices, callback: Callback, callback_id: int, ids: Ids) -> Judgement:
        """Judge any other body."""
        ...

    def expired(self, episode: Episode, ids: Ids) -> Judgement:
        """Judge an open episode of which nothing was heard for too long."""
        ...

    def closed(self, episode: Episode, ids: Ids) -> Judgement:
        """Judge an open episode that a person closes."""
        ...

    def announcement(self, notices: Notices, ids: Ids) -> Judgement | None:
        """Announce the unrecognised callbacks that wait, where it is time to."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What requests came to: what was judged, and the channels into whose queues something was put back."""

    judgements: Sequence[Judgement]
    returned: frozenset[str]
    count: int


def followed_by(value: Any) -> Sequence[Judgement]:
    """Give what was judged by a job, from what it gave back."""
    if isinstance(value, Done):
        return value.judgements
    return value if isinstance(value, list) else ()


@record
class Result:
    """How one attempt ended, and what becomes of its delivery."""

    delivery: Delivery
    state: DeliveryState
    made_at: datetime
    due_at: datetime
    step: Step
    attempts: int
    verdict: Verdict | None = None  # None: nothing was sent
    note: str = ""
    why: Why = Why.NONE
    plain: bool = False
    sent: str = ""  # the message's text
    forget_message: bool = False  # the platform does not have it any more
    handed_to: str = ""  # the fallback channel that takes it over
    because: str = ""  # why its own channel is broken
    also: "tuple[Result, ...]" = ()  # of others that end with it: its message told them as well, or need not be told
    along: "tuple[Result, ...]" = ()  # of others that go to the fallback with it
    rest: int = 0  # parts of what the message had no room for; below 0 of what its plain text had none for
    dissolves: bool = False  # a digest that is not to be: what it would tell of waits again


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What a restart must not forget of a channel."""

    name: str
    paused_until: datetime
    failures: int = 0  # in a row
    broken_since: datetime | None = None
    mark: str = ""  # of the settings: a channel mended in the config is tried at once
    reason: str = ""
    mended_at: datetime | None = None  # when it last was, having been broken
    paused_at: datetime | None = None  # when the pause began: the clock may be set back before a restart


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What a restart must not forget of a budget that channels share; `name` tells nothing of its secrets."""

    name: str
    until: datetime
    begun_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The message in which an episode was told to a channel."""

    receipt: Receipt
    event_id: int
    is_digest: bool = False  # it tells of many, and is never changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """An attempt at a delivery may have arrived; `beside` is the newest message that is known in its channel."""

    made_at: datetime
    beside: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a look at all that waits for a channel came to."""

    upto: int  # all deliveries before this id were looked at
    is_storm: bool  # a digest waits
    is_all: bool  # False: there is more to look at
    superseded: int = 0  # deliveries
    digested: int = 0
    dead: int = 0
    has_digests: bool = False  # there are digests that may be answered


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLength:
    """How much waits for a channel."""

    waiting: int
    oldest: datetime | None


Queues = Mapping[str, QueueLength]


class StoreError(Exception):
    """The store cannot be used; the text says why, in words for a person."""


class StoreUnavailable(StoreError):
    """The store cannot take it now; later it may."""
