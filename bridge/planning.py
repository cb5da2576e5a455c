"""Which calls an event makes in a channel. Pure.

A channel's own settings say what it does on repeats and recoveries; a route may say otherwise. What
a channel's kind cannot do (update a webhook's message) becomes one new message.
"""

from dataclasses import dataclass

from bridge.alarm import State
from bridge.channels import KINDS
from bridge.message import Step
from bridge.routing import Route
from bridge.settings import ChannelSettings

POST = (Step.POST,)
TOLD_ONCE = (Step.UPDATE, Step.THREAD)  # an escalation is to be seen, and belongs to its alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What the upper half must know of a channel."""

    can: frozenset[Step]
    chat: bool  # people read there: what is no news to them is told by an update or not at all
    on_repeat: tuple[Step, ...]
    on_recovered: tuple[Step, ...]
    fallback: str | None = None


def plan_of(settings: ChannelSettings) -> ChannelPlan:
    """Give a channel's plan, by its settings and what its kind can do."""
    kind = KINDS[settings.type]
    return ChannelPlan(
        can=kind.steps,
        chat=kind.chat,
        on_repeat=settings.on_repeat,
        on_recovered=settings.on_recovered,
        fallback=settings.fallback,
    )


def steps_for(
    state: State, plan: ChannelPlan, route: Route | None, *, kind: str, unheard: bool = False
) -> tuple[Step, ...]:
    """Give the steps in order; empty is silence. `kind` is the alarm's (metric, event)."""
    on_repeat = plan.on_repeat if route is None or route.on_repeat is None else route.on_repeat
    on_recovered = plan.on_recovered if route is None or route.on_recovered is None else route.on_recovered
    if state is State.ESCALATED:
        return possible(TOLD_ONCE, plan.can)
    if state is State.REPEAT:
        return possible(on_repeat, plan.can)
    if is_no_news(state, kind):
        if not plan.chat:
            return POST
        return (Step.UPDATE,) if on_recovered and Step.UPDATE in plan.can else ()
    if state.ends:
        return POST if unheard and on_recovered else possible(on_recovered, plan.can)
    return POST


def is_no_news(state: State, kind: str) -> bool:
    """Say whether people are told by an update or not at all."""
    return state is State.REPLACED or (state is State.EXPIRED and kind == "event")


def possible(steps: tuple[Step, ...], can: frozenset[Step]) -> tuple[Step, ...]:
    """Replace what the channel cannot do by one new message."""
    return tuple(dict.fromkeys(step if step in can else Step.POST for step in steps))
