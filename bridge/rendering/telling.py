"""What a message is made from: an event, its alarm, and the channel and route it goes through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bridge.alarm import Alarm
from bridge.episode import Event
from bridge.message import Count, Step
from bridge.record import record

LATE = timedelta(minutes=10)  # a message that waited longer says when it happened


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """The `channel` of templates, and what rendering must know of it."""

    name: str
    type: str
    language: str = "en"  # or zh
    timezone: ZoneInfo
    template: str | None = None  # a set of its own
    own_timezone: bool = False  # the config gives the channel one: times are written out in it
    sets: tuple[str, ...] = ()  # of templates for its type, the best first; empty: the type's name
    formats: tuple[str, ...] = ("txt",)  # which it takes, the best first: slack.json, mrkdwn, json, txt
    dialect: str = "terminal"  # slack, json or terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """The `route` of templates: `name` is empty where no route matched."""

    name: str = ""
    template: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)  # title → URL
    vars: Mapping[str, Any] = field(default_factory=dict)
    mention: tuple[str, ...] = ()  # for this state; from the config, so Slack prints it as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a digest tells: how many alarms there are of what, and the worst of them."""

    counts: tuple[Count, ...]
    worst: "tuple[Telling, ...]"


@record
class Telling:
    """All that one message says, and to whom. `body` is the callback as received."""

    event: Event
    alarm: Alarm
    body: bytes
    delivery_id: str
    channel: ChannelView
    route: RouteView
    sent_at: datetime | None = None  # None: as soon as it was stored
    step: Step = Step.POST
    brief: bool = False  # it answers its own alarm's message, which says the rest
    together: bool = False  # it tells a trigger and its recovery at once
    before: str = ""  # the address of the alarm's message before, where it comes again
    digest: Summary | None = None
    instead_of: str = ""  # the broken channel that should have been told, and why: "ops: invalid_auth"
    follows: str = ""  # why the alarm's message could not be changed or answered: "200 message_not_found"

    @property
    def instead(self) -> tuple[str, str]:
        """The broken channel that should have been told, and why it is broken; empty where there is none."""
        channel, _, why = self.instead_of.partition(": ")
        return channel, why

    @property
    def late(self) -> timedelta | None:
        """How long it waited; None where that is no news."""
        waited = self.sent_at - self.event.created_at if self.sent_at else timedelta()
        return waited if waited > LATE else None
