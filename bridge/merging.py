"""Which waiting deliveries of one alarm become one message. Pure; `digesting` is about many alarms.

| waits                                   | becomes                                        |
| two updates of one message              | the newest; the other is superseded            |
| a trigger, and its alarm's recovery     | one message, which says both                   |

An escalation is never skipped, and an ending only for a later ending: of it there may be no other word.
What a person has told again may wait behind what is newer, which it does not stand for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.alarm import LOUD, State
from bridge.message import ANSWERS, Delivery, Receipt, Step


def newer_update(delivery: Delivery, behind: Iterable[Delivery]) -> Delivery | None:
    """Find the waiting update of the same message that makes this one needless; `behind` waits for it."""
    event = delivery.event
    if delivery.step is not Step.UPDATE or event.state is State.ESCALATED:
        return None
    newest = None
    for one in behind:
        if one.event.episode_id != event.episode_id or one.step is Step.POST:
            break  # what follows is about another message
        is_newer = one.event.id >= (newest or delivery).event.id
        if is_newer and one.step is Step.UPDATE and (one.event.state.ends or not event.state.ends):
            newest = one
    return newest


def told_with(delivery: Delivery, behind: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Give what a trigger's message can tell as well: all up to the recovery of its alarm, where that waits."""
    event = delivery.event
    if delivery.step is not Step.POST or event.state is not State.TRIGGERED:
        return ()
    taken: list[Delivery] = []
    for one in behind:
        is_older = one.event.id < event.id
        if is_older or one.event.episode_id != event.episode_id or one.event.state in LOUD or one.step is Step.REST:
            break
        taken.append(one)
    while taken and taken[-1].event.state is not State.RECOVERED:
        taken.pop()
    return tuple(taken)


def together(delivery: Delivery, others: Sequence[Delivery]) -> Delivery:
    """Give the delivery that tells a trigger and what was `told_with` it: the recovery, in the trigger's place."""
    last = others[-1]
    return replace(delivery, event=last.event, body=last.body, alarm=last.alarm, together=True)


def told_by(others: Sequence[Delivery], event_id: str) -> tuple[Delivery, ...]:
    """Give what of `others` was told by an earlier message whose answer was lost: all up to the event it names."""
    events = [str(one.event.id) for one in others]
    return tuple(others[: len(events) - events[::-1].index(event_id)]) if event_id in events else ()


def in_place_of(delivery: Delivery, receipt: Receipt, behind: Iterable[Delivery]) -> tuple[Step, Receipt | None, str]:
    """Give the step, and the message it is made on, for an alarm that a digest told of: the digest is never changed.

    The third says why nothing is to be sent, where that is so.
    """
    event = delivery.event
    if delivery.step is not Step.UPDATE:
        return (Step.POST, None, "") if event.state is State.ESCALATED else (delivery.step, receipt, "")
    is_answered = any(one.event.id == event.id and one.step in ANSWERS for one in behind)
    if is_answered or not event.state.ends or event.state is State.REPLACED:
        return delivery.step, None, "a digest told of it, and a digest is never changed"
    return Step.THREAD, receipt, ""
