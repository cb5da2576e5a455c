"""Which calls an event makes in a channel. Pure.

A channel's own settings say what it does on repeats and recoveries; a route may say otherwise. What
a channel's kind cannot do (update a webhook's message) becomes one new message.
"""

from bridge.alarm import State
from bridge.message import Step

POST = (Step.POST,)
TOLD_ONCE = (Step.UPDATE, Step.THREAD)  # an escalation is to be seen, and belongs to its alarm


def steps_for(
    state: State,
    *,
    kind: str,
    can: frozenset[Step],
    chat: bool,
    on_repeat: tuple[Step, ...],
    on_recovered: tuple[Step, ...],
    unheard: bool = False,
) -> tuple[Step, ...]:
    """Give the steps in order; empty is silence.

    `kind` is the alarm's (metric, event), `can` what the channel's kind knows, and `chat` whether
    people read there: what is no news to people is told by an update or not at all.
    """
    if state is State.ESCALATED:
        return possible(TOLD_ONCE, can)
    if state is State.REPEAT:
        return possible(on_repeat, can)
    if is_no_news(state, kind):
        if not chat:
            return POST
        return (Step.UPDATE,) if on_recovered and Step.UPDATE in can else ()
    if state.ends:
        return POST if unheard and on_recovered else possible(on_recovered, can)
    return POST


def is_no_news(state: State, kind: str) -> bool:
    """Say whether people are told by an update or not at all."""
    return state is State.REPLACED or (state is State.EXPIRED and kind == "event")


def possible(steps: tuple[Step, ...], can: frozenset[Step]) -> tuple[Step, ...]:
    """Replace what the channel cannot do by one new message."""
    return tuple(dict.fromkeys(step if step in can else Step.POST for step in steps))
