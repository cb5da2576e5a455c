"""Which message a delivery changes or answers, if any."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.alarm import State
from bridge.merging import in_place_of, newer_update
from bridge.message import ANSWERS, Delivery, Receipt, Step
from bridge.planning import is_no_news
from bridge.post import Outbox
from bridge.record import record
from bridge.store import Told


@record
class Aim:
    """The step to make, and the message that it is made on; `nothing`: why none is to be made, where that is so."""

    step: Step
    receipt: Receipt | None = None
    nothing: str = ""
    is_answer: bool = False  # to its own alarm's message, which says the rest
    follows: str = ""  # why the alarm's message could not be changed or answered


async def aimed(delivery: Delivery, behind: Sequence[Delivery], outbox: Outbox, *, chat: bool) -> Aim:
    """Find the message to update or answer; without one a new one is posted, once an event."""
    if delivery.step is Step.REST:
        return await _rest(delivery, outbox)
    return await _aimed(delivery, behind, outbox, chat=chat)


async def _aimed(delivery: Delivery, behind: Sequence[Delivery], outbox: Outbox, *, chat: bool) -> Aim:
    event = delivery.event
    is_alone = is_no_news(event.state, event.kind)
    if delivery.step is Step.POST:
        alone = chat and delivery.instead_of and is_alone
        follows = await outbox.gone(delivery.id) if chat and delivery.attempts else ""
        return Aim(step=Step.POST, follows=follows, nothing="people are told of it by an update alone" if alone else "")
    newer = newer_update(delivery, behind) if chat else None
    if newer is not None:
        return Aim(step=delivery.step, nothing=f"a newer update waits: delivery {newer.id}")
    told = await _told(delivery, outbox)
    if told is None:
        return Aim(step=Step.POST, nothing="there is no message to update" if is_alone else "")
    if told.event_id == event.id:
        return Aim(step=Step.POST, nothing="a new message tells it already")
    if told.is_digest:
        step, receipt, nothing = in_place_of(delivery, told.receipt, behind)
        return Aim(step=step, receipt=receipt, nothing=nothing)
    return Aim(
        step=delivery.step,
        receipt=told.receipt,
        is_answer=delivery.step in ANSWERS and event.state is not State.DIGEST,
    )


async def _rest(delivery: Delivery, outbox: Outbox) -> Aim:
    """Find the thread for what a message had no room for."""
    told = await outbox.message(delivery.event.episode_id, delivery.channel)
    if told is None or told.is_digest:
        return Aim(step=Step.REST, nothing="there is no message whose thread could hold it")
    return Aim(step=Step.REST, receipt=told.receipt)


async def _told(delivery: Delivery, outbox: Outbox) -> Told | None:
    """Read the message that a delivery changes or answers."""
    if delivery.event.state is State.DIGEST:
        told = await outbox.answered(delivery.event.id, delivery.channel)
        return replace(told, is_digest=False) if told else None
    return await outbox.message(delivery.event.episode_id, delivery.channel)
