"""Which channels an alarm is for, and why: the tree of routes.

Top to bottom, the first route that matches wins and `continue: true` goes on; its children refine it
in the same manner, and where none of them matches it stands itself. A channel is named once: where
two routes name it, the first one's settings hold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.alarm import Alarm, State
from bridge.matching import Condition, compile_condition, reader
from bridge.message import Step
from bridge.settings import Duration, Mentions, MentionState, Record, RecoveredSteps, RepeatSteps, TemplateSet

MEMORY = 4096  # answers kept: alarms repeat, and distinct instances must not fill the memory
MAX_NAME = 100
WANT_URL = "must be an http or https URL"


def _texts(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _link(value: object) -> object:
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        raise ValueError(WANT_URL)
    return value


def _title(text: str) -> str:
    if not text.strip():
        raise ValueError("must have a title, which its button shows")
    return text


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Link = Annotated[str, BeforeValidator(_link)]
LinkTitle = Annotated[str, AfterValidator(_title)]


class RouteSettings(Record):
    """A route as the file has it. What is not set is inherited from the parent."""

    name: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)  # unless given: parent and position
    match: Mapping[str, Texts] = Field(default_factory=dict)  # field → texts; all must hold
    channels: tuple[str, ...] | None = None  # [] is nowhere, on purpose; at the top: default_channels
    continue_: bool = Field(default=False, alias="continue")  # go on with the routes below
    template: TemplateSet | None = None  # unless given: the channel's
    repeat_interval: Duration | None = None  # at most one repeat message an alarm in that time
    urgent: bool | None = None  # goes first in a storm
    mention: Mentions = Field(default_factory=dict)
    on_repeat: RepeatSteps | None = None  # unless given: the channel's
    on_recovered: RecoveredSteps | None = None
    links: Mapping[LinkTitle, Link] = Field(default_factory=dict)  # title → URL
    vars: Mapping[str, Any] = Field(default_factory=dict)  # `route.vars.KEY` in templates
    routes: tuple["RouteSettings", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route with what it inherits."""

    name: str
    conditions: tuple[Condition, ...] = ()
    goes_on: bool = False
    channels: tuple[str, ...] = ()
    template: str | None = None
    repeat_interval: timedelta | None = None
    urgent: bool = False
    mention: Mapping[MentionState, tuple[str, ...]] = field(default_factory=dict)
    on_repeat: tuple[Step, ...] | None = None
    on_recovered: tuple[Step, ...] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    children: tuple["Route", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A channel that gets the alarm, and the route whose settings hold; None: by default_channels."""

    channel: str
    route: Route | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteAnswer:
    """One route's yes or no, with the reason in words."""

    name: str
    matched: bool
    why: str


class Routes:
    """The tree, compiled once; it remembers what it chose for the same values of the fields it looks at."""

    def __init__(self, settings: Iterable[RouteSettings], default_channels: Iterable[str]) -> None:
        self.default_channels = tuple(default_channels)
        root = Route(name="", channels=self.default_channels)
        self.tree = tuple(_compiled(each, place, root) for place, each in enumerate(settings, 1))
        self.all = tuple(_flat(self.tree))
        self._named = {route.name: route for route in self.all}
        fields = sorted({condition.field for route in self.all for condition in route.conditions})
        self._place = {name: place for place, name in enumerate(fields)}
        self._read = reader(fields)
        self._choose = lru_cache(MEMORY)(self._choose_anew)

    def choose(self, alarm: Alarm, state: State) -> tuple[Choice, ...]:
        """Give the channels in the order in which the routes name them, each once."""
        return self._choose(self._read(alarm, state))

    def explain(self, alarm: Alarm, state: State) -> list[RouteAnswer]:
        """Give every route's yes or no, in the file's order, children after their parent."""
        return list(self._explained(self.tree, self._read(alarm, state), ""))

    def named(self, name: str) -> Route | None:
        """Give the route of that name, if today's config has it."""
        return self._named.get(name)

    def _choose_anew(self, values: tuple[str, ...]) -> tuple[Choice, ...]:
        winners = self._winners(self.tree, values)
        if not winners:
            return tuple(Choice(channel=name, route=None) for name in dict.fromkeys(self.default_channels))
        chosen: dict[str, Choice] = {}
        for route in winners:
            for channel in route.channels:
                chosen.setdefault(channel, Choice(channel=channel, route=route))
        return tuple(chosen.values())

    def _winners(self, routes: Iterable[Route], values: tuple[str, ...]) -> list[Route]:
        winners: list[Route] = []
        for route in routes:
            if not self._matches(route, values):
                continue
            winners += self._winners(route.children, values) or [route]
            if not route.goes_on:
                break
        return winners

    def _matches(self, route: Route, values: tuple[str, ...]) -> bool:
        return all(condition.holds(values[self._place[condition.field]]) for condition in route.conditions)

    def _explained(self, routes: Iterable[Route], values: tuple[str, ...], closed: str) -> Iterator[RouteAnswer]:
        """Explain one level; `closed` says why it is not reached, where it is not."""
        for route in routes:
            matched = not closed and self._matches(route, values)
            yield RouteAnswer(name=route.name, matched=matched, why=closed or self._why(route, values, matched=matched))
            below = closed or ("" if matched else f'not reached: its parent "{route.name}" does not match')
            yield from self._explained(route.children, values, below)
            if matched and not route.goes_on:
                closed = f'not reached: "{route.name}" decided'

    def _why(self, route: Route, values: tuple[str, ...], *, matched: bool) -> str:
        if not route.conditions:
            return "it asks for nothing, so that every alarm matches"
        pairs = [(condition, values[self._place[condition.field]]) for condition in route.conditions]
        return "; ".join(condition.why(value) for condition, value in pairs if condition.holds(value) is matched)


def route_name(name: str | None, place: int, parent: str) -> str:
    """Give a route's name: its own, else its parent and its position from 1 ("cvm/1", at the top "1")."""
    return name or (f"{parent}/{place}" if parent else str(place))


def _compiled(settings: RouteSettings, place: int, parent: Route) -> Route:
    route = Route(
        name=route_name(settings.name, place, parent.name),
        conditions=tuple(compile_condition(key, texts) for key, texts in settings.match.items()),
        goes_on=settings.continue_,
        channels=parent.channels if settings.channels is None else settings.channels,
        template=settings.template or parent.template,
        repeat_interval=parent.repeat_interval if settings.repeat_interval is None else settings.repeat_interval,
        urgent=parent.urgent if settings.urgent is None else settings.urgent,
        mention={**parent.mention, **settings.mention},
        on_repeat=parent.on_repeat if settings.on_repeat is None else settings.on_repeat,
        on_recovered=parent.on_recovered if settings.on_recovered is None else settings.on_recovered,
        links={**parent.links, **settings.links},
        vars={**parent.vars, **settings.vars},
    )
    return _with_children(route, settings.routes)


def _with_children(route: Route, settings: Sequence[RouteSettings]) -> Route:
    return replace(route, children=tuple(_compiled(each, place, route) for place, each in enumerate(settings, 1)))


def _flat(routes: Iterable[Route]) -> Iterator[Route]:
    for route in routes:
        yield route
        yield from _flat(route.children)
