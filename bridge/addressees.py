"""Who is told of an event, and by which calls. Pure.

News of an alarm goes where today's routes send it; the end of an episode goes to the channels that
were given it, and to no other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.alarm import Alarm, State
from bridge.episode import Given
from bridge.message import Step
from bridge.planning import ChannelPlan, steps_for
from bridge.record import record
from bridge.routing import Choice, Route, Routes
from bridge.sources import own

Address = tuple[str, Step, str]  # channel, step, the route's name


@record
class Audience:
    """Who is told, the channels that have the episode then, and words where nobody is."""

    calls: tuple[Address, ...]
    given: Mapping[str, Given]
    silence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressees:
    """Chooses by one snapshot of the config."""

    routes: Routes
    channels: Mapping[str, ChannelPlan]

    def of_news(
        self, alarm: Alarm, state: State, *, kind: str, given: Mapping[str, Given], unheard: bool = False
    ) -> Audience:
        """Choose by the routes, for an alarm whose episode was `given` so far."""
        choices = chosen = self.routes.choose(alarm, state)
        if about := own.channel_about(alarm):
            fallback = self.channels[about].fallback if about in self.channels else None
            choices = elsewhere(chosen, about, fallback, self.routes.default_channels)
        calls: list[Address] = []
        now_given, held = dict(given), False
        for choice in choices:
            name, before = choice.channel, before_in(given, choice.channel)
            steps = self._steps(state, kind, name, choice.route, unheard=unheard)
            if state is State.REPEAT and is_held_back(before, choice.route, alarm.received_at):
                held = True
                steps = tuple(step for step in steps if step is Step.UPDATE)
            route = choice.route.name if choice.route else ""
            calls += [(name, step, route) for step in steps]
            if steps or name in given:
                now_given[name] = after(before, name, route, state, steps, alarm.received_at)
        why = "" if calls else silence(choices, held=held, left_out=bool(chosen) and not choices)
        return Audience(calls=tuple(calls), given=now_given, silence=why)

    def of_ending(self, state: State, *, kind: str, given: Mapping[str, Given]) -> Audience:
        """Choose those that were given the episode."""
        calls = tuple(
            (one.channel, step, one.route)
            for one in given.values()
            for step in self._steps(state, kind, one.channel, self.routes.named(one.route))
        )
        return Audience(calls=calls, given=given, silence="" if calls else self._silence(given))

    def _silence(self, given: Mapping[str, Given]) -> str:
        """Say why nobody hears of an ending."""
        if not given:
            return "; told nowhere: no channel was given it"
        if not given.keys() & self.channels.keys():
            return "; told nowhere: the config has none of the channels that were given it"
        return "; told nowhere: its channels are silent in this state"

    def _steps(
        self, state: State, kind: str, channel: str, route: Route | None, *, unheard: bool = False
    ) -> tuple[Step, ...]:
        plan = self.channels.get(channel)
        if plan is None:  # it was taken out of the config
            return ()
        return steps_for(state, plan, route, kind=kind, unheard=unheard)


def elsewhere(
    choices: tuple[Choice, ...], about: str, fallback: str | None, default_channels: Iterable[str]
) -> tuple[Choice, ...]:
    """Send what the bridge says of a channel to any but that one: its fallback, else the default channels."""
    defaults = tuple(Choice(channel=name, route=None) for name in default_channels if choices)
    for some in (choices, defaults):
        instead: dict[str, Choice] = {}
        for one in some:
            name = fallback if one.channel == about else one.channel
            if name is not None:
                instead.setdefault(name, replace(one, channel=name))
        if instead:
            return tuple(instead.values())
    return ()


def before_in(given: Mapping[str, Given], channel: str) -> Given | None:
    """Give what a channel was given, or what another took over from it."""
    return given.get(channel) or next((one for one in given.values() if channel in one.took_over), None)


def is_held_back(given: Given | None, route: Route | None, received_at: datetime) -> bool:
    """Say whether a repeat comes too soon after the last one that this channel was told."""
    if route is None or route.repeat_interval is None or given is None or given.repeated_at is None:
        return False
    return timedelta() <= received_at - given.repeated_at < route.repeat_interval


def after(  # each is a fact of its own
    given: Given | None, channel: str, route: str, state: State, steps: Iterable[Step], received_at: datetime
) -> Given:
    """Give what a channel was given, with this event."""
    repeated = state is State.REPEAT and any(step is not Step.UPDATE for step in steps)
    return Given(
        channel=channel,
        route=route,
        repeated_at=received_at if repeated else given.repeated_at if given else None,
        instead_of=given.instead_of if given and given.channel == channel else "",
        has_rest=given is not None and given.channel == channel and given.has_rest,
    )


def silence(choices: Iterable[Choice], *, held: bool, left_out: bool) -> str:
    """Say why nobody hears of an event, in words to go on with; `left_out`: of a channel, and there is no other."""
    if left_out:
        return "; told nowhere: the channel that it is about is left out, and there is no other"
    if held:
        return "; told nowhere: held back by repeat_interval"
    if any(True for _ in choices):
        return "; told nowhere: its channels are silent in this state"
    return "; told nowhere: no route gives it a channel"
