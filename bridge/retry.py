"""When to try again, or never. Pure.

| verdict   | the delivery                                   | the channel                                     |
| sent      | done                                           | at ease again                                   |
| retry     | waits as the platform asks, else backs off     | a chat pauses as a whole                        |
| ambiguous | the same: better told twice than never         | the same                                        |
|           | of a chat, one that fails where others are     | -                                               |
|           | taken: waits by itself                         |                                                 |
| gone      | a new message instead of an update or answer   | -                                               |
| rejected  | once more as plain text where that helps, else | broken after some in a row: then the dead       |
|           | a dead letter                                  | letters among these wait with it (`pardon`)     |
| broken    | waits, or goes to the fallback channel         | pauses, and is tried with the oldest from time  |
|           |                                                | to time                                         |
"""

from datetime import datetime, timedelta
from random import Random

from bridge.alarm import State
from bridge.message import Answer, Delivery, DeliveryState, Step, Verdict
from bridge.record import record

AT_ONCE = 10  # attempts for which a platform that says "at once" is taken at its word
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 30.0
JITTER = 0.1  # of the wait, either way
FIRST_PROBE_SECONDS = 300.0  # of a broken channel
LONGEST_PROBE_SECONDS = 3600.0


@record
class Move:
    """What becomes of a delivery after an attempt."""

    state: DeliveryState
    wait_seconds: float = 0.0
    step: Step
    plain: bool
    note: str = ""
    forget_message: bool = False
    pauses: bool = False  # a failure that will pass: a chat waits as a whole
    breaks: bool = False  # the channel takes nothing until it is mended


def next_move(delivery: Delivery, verdict: Verdict, random: Random, *, strikes: int) -> Move:
    """Say what becomes of a delivery.

    `strikes` counts the alarms in a row, this one included, that got this verdict.
    """
    if verdict.answer is Answer.SENT:
        return Move(state=DeliveryState.SENT, step=delivery.step, plain=delivery.plain)
    if verdict.answer is Answer.BROKEN or (verdict.breaks_after and strikes >= verdict.breaks_after):
        return Move(
            state=DeliveryState.WAITING, step=delivery.step, plain=delivery.plain, note=verdict.said, breaks=True
        )
    if verdict.answer is Answer.GONE and delivery.step is not Step.POST:
        return _gone(delivery, verdict)
    if verdict.answer in {Answer.REJECTED, Answer.GONE}:
        again = verdict.plain_helps and not delivery.plain
        state = DeliveryState.WAITING if again else DeliveryState.DEAD
        return Move(state=state, step=delivery.step, plain=again or delivery.plain, note=verdict.said)
    if verdict.tries and delivery.attempts + 1 >= verdict.tries:
        return Move(state=DeliveryState.DEAD, step=delivery.step, plain=delivery.plain, note=verdict.said)
    return _later(delivery, verdict, random)


def _gone(delivery: Delivery, verdict: Verdict) -> Move:
    """Tell by a new message; what the old one had no room for goes with it."""
    if delivery.step is Step.REST:
        return Move(state=DeliveryState.SUPERSEDED, step=Step.REST, plain=delivery.plain, note=verdict.said)
    return Move(
        state=DeliveryState.WAITING, step=Step.POST, plain=delivery.plain, note=verdict.said, forget_message=True
    )


def _later(delivery: Delivery, verdict: Verdict, random: Random) -> Move:
    """Try again: as the platform asks, else with a longer wait each time."""
    wait, failures = verdict.after_seconds, delivery.attempts + 1
    if wait is None:
        wait = backoff_seconds(failures, random)
    elif not wait and failures > AT_ONCE:
        wait = backoff_seconds(failures - AT_ONCE, random)
    return Move(
        state=DeliveryState.WAITING,
        wait_seconds=wait,
        step=delivery.step,
        plain=delivery.plain,
        note=verdict.said,
        pauses=True,
    )


def is_its_own(delivery: Delivery, verdict: Verdict, move: Move) -> bool:
    """Say whether a failure is about one message, in a chat that took the last one: it had failed before.

    A platform that asks to wait is asked nothing else meanwhile, and a digest is not one message: it would go sooner
    with all that comes to it.
    """
    is_asked_to = verdict.after_seconds is not None
    return move.pauses and delivery.attempts > 0 and not is_asked_to and delivery.event.state is not State.DIGEST


def backoff_seconds(failures: int, random: Random) -> float:
    """Give the wait after so many failures in a row: 1 s, doubling up to 5 min, with jitter."""
    wait = FIRST_SECONDS * 2.0 ** min(max(failures, 1) - 1, 20)
    return min(min(wait, LONGEST_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER), LONGEST_SECONDS)


def next_pause_seconds(failures: int) -> float:
    """Give how long a machine's channel pauses as a whole after so many trials that failed: 1 s, doubling up to 30 s.

    Each message has a longer back-off of its own; a pause holds up those, too, that would be taken.
    """
    return min(FIRST_SECONDS * 2.0 ** min(max(failures, 1) - 1, 20), LONGEST_PAUSE_SECONDS)


def probe_seconds(failures: int) -> float:
    """Give the wait before a broken channel is tried again: 5 min, doubling up to 1 h."""
    return min(FIRST_PROBE_SECONDS * 2.0 ** min(max(failures, 1) - 1, 10), LONGEST_PROBE_SECONDS)


def is_too_late(delivery: Delivery, now: datetime, give_up_after: timedelta) -> bool:
    """Say whether a delivery has waited so long that it is noise by now."""
    return now - (delivery.replayed_at or delivery.event.created_at) > give_up_after
