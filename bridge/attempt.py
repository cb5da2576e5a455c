"""What one attempt came to: the result that is stored, counted and logged. Pure but for the last."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import structlog

from bridge.alarm import BRIDGE
from bridge.channels import Finding
from bridge.message import Answer, Call, Delivery, DeliveryState, Message, Receipt, Step, Verdict, Why
from bridge.metrics import Metrics
from bridge.retry import Move, backoff_seconds
from bridge.sources import own
from bridge.store import OVER_UNHEARD, Result, Unsure, goes_with
from bridge.trouble import Reporter, Trouble

QUIET = frozenset({DeliveryState.SENT, DeliveryState.SUPERSEDED})
COUNTED: Mapping[DeliveryState, str] = {
    DeliveryState.SENT: "sent",
    DeliveryState.WAITING: "retried",
    DeliveryState.SUPERSEDED: "superseded",
    DeliveryState.DEAD: "dead",
}

LONGEST_LOOK = timedelta(minutes=5)  # for a message that may have arrived
PLAIN = "plain text, since more was refused"
SHORTENED = "shortened to what the platform takes"
TOLD_TOGETHER = "it had recovered while this waited: one message told both"

log = structlog.get_logger()


def call_of(delivery: Delivery, step: Step, receipt: Receipt | None, message: Message, now: datetime) -> Call:
    """Give the call that a delivery is."""
    if delivery.plain:
        message = Message(text=message.plain, plain=message.plain)
    return Call(
        step=step,
        message=message,
        delivery_id=str(delivery.id),
        sent_at=now,
        receipt=receipt,
        state=delivery.event.state,
        event_id=str(delivery.event.id),
        episode_id=str(delivery.event.episode_id),
        before=delivery.before,
    )


def concluded(delivery: Delivery, verdict: Verdict, move: Move, *, now: datetime, held: bool, sent: str) -> Result:
    """Give the result of a call; `held`: the delivery itself waits, rather than its channel."""
    return Result(
        delivery=delivery,
        state=move.state,
        made_at=now,
        due_at=now + timedelta(seconds=move.wait_seconds) if held and move.wait_seconds else now,
        step=move.step if move.forget_message else delivery.step,
        attempts=delivery.attempts + 1,
        verdict=verdict,
        note=move.note,
        plain=move.plain,
        sent=sent,
        forget_message=move.forget_message,
    )


def falls_short(delivery: Delivery, verdict: Verdict, message: Message) -> str:
    """Say in what a message that was taken is less than its template makes, and why; empty where it is all of it."""
    if message.problem:
        return f"plain text, since the template failed: {message.problem}"
    if delivery.plain:
        return f"{PLAIN}: {delivery.note}" if delivery.attempts == 1 else PLAIN  # later the note is of something else
    return verdict.without or (SHORTENED if message.rest else "")


def ended(delivery: Delivery, state: DeliveryState, note: str, *, now: datetime, why: Why = Why.NONE) -> Result:
    """Give the result of a delivery that ends without a call."""
    return Result(
        delivery=delivery,
        state=state,
        made_at=now,
        due_at=now,
        step=delivery.step,
        attempts=delivery.attempts,
        note=note,
        why=why,
        plain=delivery.plain,
    )


def is_worth_waiting(finding: Finding, unsure: Unsure, *, now: datetime) -> bool:
    """Say whether a message is not made again yet, since it may soon be known whether it arrived.

    Told twice is better than late: some minutes after the attempt it is made again all the same.
    """
    waits = timedelta(seconds=finding.after_seconds or 0)
    return finding.is_open and abs(now - unsure.made_at) + waits < LONGEST_LOOK


def looks_again(delivery: Delivery, finding: Finding, random: Random, *, now: datetime) -> Result:
    """Give the result of a delivery that may have arrived, which could not be looked for yet: it backs off alone."""
    seconds = finding.after_seconds or backoff_seconds(delivery.attempts, random)
    note = f"it may have arrived, and is looked for again: {finding.said}"
    waits = ended(delivery, DeliveryState.WAITING, note, now=now)
    return replace(waits, attempts=delivery.attempts + 1, due_at=now + timedelta(seconds=seconds))


def dissolved(digest: Delivery, note: str, *, now: datetime) -> Result:
    """Give the result of a digest that is not to be told: what it would have told waits again."""
    return replace(ended(digest, DeliveryState.SUPERSEDED, note, now=now), dissolves=True)


def over_unheard(delivery: Delivery, behind: Iterable[Delivery], *, now: datetime) -> Result:
    """Give the result of what a mended channel need not hear, with all that waits behind it of the same episode."""
    others = (one for one in behind if one.event.episode_id == delivery.event.episode_id)
    first, *also = (
        ended(one, DeliveryState.SUPERSEDED, OVER_UNHEARD, now=now, why=Why.OVER_UNHEARD) for one in (delivery, *others)
    )
    return replace(first, also=tuple(also))


def goes_along(moved: Result, behind: Iterable[Delivery]) -> Result:
    """Give the result of what another channel takes over, with all that waits behind it of the same episode."""
    along = tuple(
        replace(moved, delivery=one, step=one.step, attempts=one.attempts, plain=one.plain)
        for one in behind
        if goes_with(moved.delivery, one)
    )
    return replace(moved, along=along)


def is_about(delivery: Delivery, channel: str) -> bool:
    """Say whether a delivery is one of the bridge's own alarms, about this channel."""
    if delivery.event.kind != BRIDGE:
        return False
    said = own.said_in(delivery.body or b"")
    return said is not None and said.trouble in own.OF_CHANNELS and said.about == channel


def also_told(delivery: Delivery, others: Iterable[Delivery], *, now: datetime) -> tuple[Result, ...]:
    """Give the results of deliveries that the message of another one told as well."""
    note = f"told together with its trigger: delivery {delivery.id}"
    return tuple(ended(one, DeliveryState.SUPERSEDED, note, now=now) for one in others)


def as_stored(result: Result) -> Delivery:
    """Give a delivery as its result left it."""
    return replace(
        result.delivery,
        state=result.state,
        step=result.step,
        plain=result.plain,
        attempts=result.attempts,
        due_at=result.due_at,
        note=result.note,
        why=result.why,
        alarm=None,  # read again from the body when its time comes: thousands may wait
    )


def revived(delivery: Delivery, *, now: datetime) -> Result:
    """Give what becomes of a dead letter that turned out to be no worse than its channel."""
    note = f"waits again, since {delivery.channel} is broken: {delivery.note}"
    return ended(delivery, DeliveryState.WAITING, note, now=now)


def report(result: Result, metrics: Metrics, reporter: Reporter) -> None:
    """Count and log an attempt, and what ended with it; tell of a dead letter."""
    for other in (*result.also, *result.along):
        report(other, metrics, reporter)
    delivery, verdict = result.delivery, result.verdict
    event = delivery.event
    if verdict is not None and verdict.answer is Answer.REJECTED:
        metrics.delivery(delivery.channel, "rejected")
    if result.state in COUNTED and (verdict is not None or result.state is not DeliveryState.WAITING):
        metrics.delivery(delivery.channel, COUNTED[result.state])
    if result.state is DeliveryState.SENT:
        metrics.delivered(delivery.channel, max(0.0, (result.made_at - event.received_at).total_seconds()))
    if result.state is DeliveryState.DEAD and event.kind != BRIDGE:  # of its own alarms: round in a circle
        words = f"{event.short_id} {event.state}: {result.note}".strip()
        reporter.trouble(Trouble.DEAD_LETTERS, delivery.channel, words)
    write = log.info if result.state in QUIET else log.warning
    write(
        "attempt",
        channel=delivery.channel,
        alarm=event.short_id,
        state=event.state,
        step=result.step,
        delivery=delivery.id,
        attempt=result.attempts,
        verdict=verdict.answer if verdict else "none",
        becomes=result.state,
        said=verdict.said if verdict else result.note,
    )
