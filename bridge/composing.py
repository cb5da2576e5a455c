"""What a delivery says: its callback read again, its event, its channel and route, rendered.

The message is made when it is sent: a template mended today mends what is still waiting.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import structlog

from bridge.alarm import Alarm, State, Status
from bridge.channels import KINDS
from bridge.digesting import is_urgent
from bridge.episode import Event
from bridge.message import Delivery, Digest, Message, Step
from bridge.rendering import ChannelView, Renderer, RouteView, Summary, Telling
from bridge.rereading import alarm_of
from bridge.routing import Route, Routes
from bridge.settings import ChannelSettings, Mentions

ROUTE_VIEWS = 1024  # kept, of routes and states
CALM = (State.TRIGGERED, "", "")  # what is urgent then is so by its route

log = structlog.get_logger()


def composer(
    channel: ChannelView,
    mention: Mentions,
    *,
    routes: Routes,
    renderer: Renderer,
    failed: Callable[[str, State, str], None],
    now: Callable[[], datetime],
    failing: set[State],
) -> Callable[[Delivery], Message]:
    """Make the function that renders one channel's deliveries.

    `failed` is told why a template does not work, and an empty text once it works again; `failing` are the
    states in which it did not work the last time, those of the config before included.
    """

    @lru_cache(ROUTE_VIEWS)
    def route_of(route: str, state: State) -> RouteView:
        return route_view(routes.named(route), mention, state)

    def telling_of(delivery: Delivery) -> Telling:
        return telling_for(delivery, channel, route_of(delivery.route, delivery.event.state), now())

    def compose(delivery: Delivery) -> Message:
        event, telling = delivery.event, telling_of(delivery)
        if digest := delivery.digest:
            whom = [name for one in digest.counts for name in route_of(one.route, one.state).mention]
            telling = of_digest(telling, digest, [telling_of(one) for one in digest.worst], whom)
        message = renderer.render(telling)
        if event.state in failing and not message.problem:
            failing.discard(event.state)
            failed(channel.name, event.state, "")
        if message.problem:
            failing.add(event.state)
            failed(channel.name, event.state, message.problem)
            log.error("the template failed", channel=channel.name, state=event.state.value, reason=message.problem)
        return part_of(message, delivery.part) if delivery.step is Step.REST else message

    return compose


def part_of(message: Message, part: int) -> Message:
    """Give one part of what a message has no room for; one without a text where it has room by now."""
    parts, place = (message.rest, part) if part > 0 else (message.plain_rest, -part)
    return parts[place - 1] if 0 < place <= len(parts) else Message(text="", plain="")


def telling_for(delivery: Delivery, channel: ChannelView, route: RouteView, now: datetime) -> Telling:
    """Give all that a delivery's message says."""
    event = delivery.event
    return Telling(
        event=event,
        alarm=delivery.alarm or alarm_of(delivery.body or b"", event, channel.language),
        body=delivery.body or b"",
        delivery_id=str(delivery.id),
        channel=channel,
        route=route,
        sent_at=now,
        step=Step.POST if delivery.step is Step.REST else delivery.step,
        brief=delivery.brief,
        together=delivery.together,
        before=delivery.before,
        instead_of=delivery.instead_of,
        follows=delivery.follows,
    )


def of_digest(telling: Telling, digest: Digest, worst: Iterable[Telling], whom: Iterable[str]) -> Telling:
    """Give the telling of a digest, which mentions everybody once."""
    return replace(
        telling,
        alarm=no_alarm(telling.event),
        route=RouteView(mention=tuple(dict.fromkeys(whom))),
        digest=Summary(counts=digest.counts, worst=tuple(worst)),
    )


class ByRoute:
    """Says what goes first in one channel: what mentions somebody there, and what is serious or called urgent."""

    def __init__(self, routes: Routes, mention: Mentions) -> None:
        self._routes = routes
        self._mention = mention
        self._judged = lru_cache(ROUTE_VIEWS)(self._judge)
        self.routes = tuple(name for name in ("", *(route.name for route in routes.all)) if self._judged(name, *CALM))

    def __call__(self, route: str, state: State, severity: str, kind: str) -> bool:
        """Say whether an event that goes through a route is urgent."""
        return self._judged(route, state, severity, kind)

    def _judge(self, name: str, state: State, severity: str, kind: str) -> bool:
        route = self._routes.named(name)
        mentions = bool(route_view(route, self._mention, state).mention)
        return is_urgent(state, severity, kind, mentions=mentions, route_says_so=route is not None and route.urgent)


def channel_view(name: str, settings: ChannelSettings, language: str, timezone: ZoneInfo) -> ChannelView:
    """Give a channel as templates see it."""
    kind = KINDS[settings.type]
    return ChannelView(
        name=name,
        type=settings.type,
        language=settings.language or language,
        timezone=settings.timezone or timezone,
        own_timezone=settings.timezone is not None,
        template=settings.template,
        sets=(settings.type, *kind.sets),
        formats=kind.formats,
        dialect=kind.dialect,
    )


def route_view(route: Route | None, mention: Mentions, state: State) -> RouteView:
    """Give a route as templates see it in a state; an escalation mentions as a trigger does."""
    merged: dict[State, tuple[str, ...]] = dict(mention.items())
    merged.update(route.mention.items() if route else ())
    texts = merged.get(state, merged.get(State.TRIGGERED, ()) if state is State.ESCALATED else ())
    if route is None:
        return RouteView(mention=texts)
    return RouteView(name=route.name, template=route.template, links=route.links, vars=route.vars, mention=texts)


def no_alarm(event: Event) -> Alarm:
    """Give the alarm of an event that is of none, such as a digest."""
    return Alarm(status=Status.STATELESS, received_at=event.received_at, occurred_at=event.occurred_at, kind="")
