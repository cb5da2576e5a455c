"""What goes out: a delivery, its message, and what the platform said to it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.alarm import Alarm, State
from bridge.episode import Event
from bridge.record import record

Receipt = Mapping[str, str]  # what a platform says of a message it took: read by its channel alone, but for BEFORE
BEFORE = "before"  # of a receipt: the address of the alarm's message before


class Step(StrEnum):
    """One call to a channel. `[update, thread]` are two deliveries."""

    POST = "post"
    UPDATE = "update"  # change the episode's message
    THREAD = "thread"  # answer it
    BROADCAST = "broadcast"  # answer it, and show the answer in the channel too
    REST = "rest"  # answer it with what it had no room for


ANSWERS = frozenset({Step.THREAD, Step.BROADCAST})


class DeliveryState(StrEnum):
    """Where a delivery stands. Only WAITING and BEGUN are work."""

    WAITING = "waiting"
    BEGUN = "begun"  # a step that is not idempotent was about to be made: without a result it is ambiguous
    SENT = "sent"
    SUPERSEDED = "superseded"  # another delivery says it already
    DIGESTED = "digested"  # a digest tells of it
    MOVED = "moved"  # a fallback channel has it now
    DEAD = "dead"  # a dead letter


class Why(StrEnum):
    """Why a delivery stands where it does, as far as anything is decided by it; its note says it in words."""

    NONE = ""
    WENT_ROUND = "went_round"  # its fallback handed it on, and nobody took it: it waits until its channel is mended
    OVER_UNHEARD = "over_unheard"  # superseded: its alarm was over before the channel was mended
    UNTOLD = "untold"  # dead: the alarm that tells people so is not stored yet


@record
class Delivery:
    """One call that is owed to one channel because of one event."""

    id: int
    channel: str
    step: Step
    event: Event
    route: str = ""  # empty: by default_channels
    plain: bool = False  # the platform refused the rich message: send the plain text
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    due_at: datetime
    note: str = ""  # why it is here or ended so, in words
    why: Why = Why.NONE
    instead_of: str = ""  # the broken channel that should have had it, and why: "ops: invalid_auth"
    replayed_at: datetime | None = None  # when a person put it back into its queue
    body: bytes | None = None  # the callback's own; None: on disk
    alarm: Alarm | None = None  # what it says, where that is known without reading it again
    origin: int = 0  # by which the edge knows what it says
    together: bool = False  # the recovery of an alarm whose trigger waited as long: one message tells both
    brief: bool = False  # it answers its own alarm's message, which says the rest
    before: str = ""  # the address of the message before, of an alarm that comes again
    part: int = 0  # which of the answers with what a message had no room for: 1, 2, …; a plain one: -1, -2, …
    digest: "Digest | None" = None  # what a digest tells, read when it is sent
    follows: str = ""  # why its alarm's message could not be changed or answered: a new one goes on from there


@record
class Count:
    """So many alarms of a policy, told through a route, are in this state."""

    policy: str  # its name and id, else what it watches
    state: State
    route: str = ""
    severity: str = ""
    alarms: int


@record
class Digest:
    """What one message tells of many alarms: each counted once, in its newest state, and the worst in full."""

    counts: tuple[Count, ...]
    worst: tuple[Delivery, ...]


@record
class Message:
    """A rendered message, safe in its channel's dialect.

    `payload` is what goes over the wire where the format is JSON (Slack's arguments, a webhook's
    body); else None and `text` is all. `plain` is the built-in text to degrade to.
    """

    text: str
    plain: str
    payload: Mapping[str, Any] | None = None
    problem: str = ""  # why the template failed, with file and line; the text is then the plain one
    rest: "tuple[Message, ...]" = ()  # what it had no room for, to be told in its thread
    plain_rest: "tuple[Message, ...]" = ()  # what `plain` had no room for


@record
class Call:
    """What a channel is asked to do."""

    step: Step
    message: Message
    delivery_id: str  # the same on every attempt
    sent_at: datetime
    receipt: Receipt | None = None  # the message to update or answer
    event_id: str = ""
    episode_id: str = ""
    state: State | None = None  # what is told, for a channel that shows it by itself
    before: str = ""  # the address of the alarm's message before this one, to be kept with the receipt


class Answer(StrEnum):
    """What an answer of a platform means for the delivery."""

    SENT = "sent"
    RETRY = "retry"  # not taken; later it may be
    REJECTED = "rejected"  # this message will never be taken
    BROKEN = "broken"  # this channel takes nothing until a person mends it
    AMBIGUOUS = "ambiguous"  # it may have arrived
    GONE = "gone"  # the message to update or answer is not there: post a new one


@record
class Verdict:
    """A platform's answer, judged."""

    answer: Answer
    said: str  # the platform's own words, or ours for what happened: no secret
    after_seconds: float | None = None  # how long the platform asks to wait
    receipt: Receipt | None = None
    status: int | None = None  # HTTP
    plain_helps: bool = False  # REJECTED: the same as plain text may be taken
    breaks_after: int = 0  # REJECTED: so many alarms in a row with this mean BROKEN
    tries: int = 0  # RETRY: after so many attempts the message is given up
    calls: int = 1  # that it took: a second one where the platform said what to leave out
    without: str = ""  # what that was, in the platform's words
    throttled: bool = False  # RETRY: the platform is overloaded (429, 503, time-out): send fewer at once
    is_lost: bool = False  # RETRY: between our own processes, which says nothing about the platform
