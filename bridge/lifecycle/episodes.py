"""What becomes of an episode once it is decided what a callback means."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.alarm import Alarm, Status
from bridge.episode import Episode, Given, Heard, Phase
from bridge.lifecycle.table import RESEND, Decision, Outcome

EXPIRY_SECONDS = 26 * 3600  # Tencent speaks at least daily while an alarm lasts (capture of 2021: at +86400 s)
MAX_HEARD = 600  # fingerprints kept of an episode: a delivery every 5 minutes for a day has 576


def advance(
    decision: Decision,
    alarm: Alarm,
    *,
    new_id: int,
    new_number: int,
    receiving_seconds: int,
    callback_id: int = 0,
    given: Mapping[str, Given] | None = None,
) -> tuple[Episode, tuple[Episode, ...]]:
    """Give the episode as it is after a decision, and the replaced ones as they are then.

    `new_id` and `new_number` go to an episode that begins; `receiving_seconds` is how long the
    bridge has been receiving in all. Where people are told of it, `callback_id` is of the callback
    that says so, and `given` the channels that have the episode then.
    """
    replaced = tuple(replace(episode, phase=Phase.REPLACED) for episode in decision.replaced)
    told: dict[str, Any] = {} if given is None else {"callback_id": callback_id, "given": given}
    if decision.episode is None:
        begun = _begun(decision, alarm, receiving_seconds, id=new_id, number=new_number, **told)
        return begun, replaced
    changes = _changes(decision, decision.episode, alarm)
    if alarm.status is Status.FIRING and decision.outcome is not Outcome.STALE:
        changes["receiving_seconds"] = receiving_seconds
    return replace(decision.episode, heard=_noted(decision.episode.heard, alarm), **changes, **told), replaced


def _begun(decision: Decision, alarm: Alarm, receiving_seconds: int, **given: Any) -> Episode:
    recovered = decision.outcome is Outcome.RECOVERED
    ended = Phase.CLOSED if alarm.status is Status.STATELESS else Phase.OPEN
    return Episode(
        **given,
        key=alarm.key,
        phase=Phase.RECOVERED if recovered else ended,
        started_at=alarm.started_at or (alarm.occurred_at if recovered else alarm.received_at),
        heard_at=alarm.occurred_at,
        heard_at_is_guess=alarm.occurred_at_is_guess,
        counted_at=alarm.received_at,
        alert_id=alarm.alert_id,
        severity=alarm.severity,
        recovered_at=alarm.occurred_at if recovered else None,
        kind=alarm.kind,
        heard=_noted((), alarm),
        receiving_seconds=receiving_seconds,
    )


def _changes(decision: Decision, episode: Episode, alarm: Alarm) -> dict[str, Any]:
    """Give what a decision changes of an episode, beside what was heard of it."""
    match decision.outcome:
        case Outcome.TRIGGERED:
            return _counted(alarm) | _at(alarm) | {"again": True, "repeat_count": 0, "recovered_at": None}
        case Outcome.ESCALATED:
            return _counted(alarm) | _at_latest(alarm, episode)
        case Outcome.REPEAT:
            return _counted(alarm) | _at_latest(alarm, episode) | {"repeat_count": episode.repeat_count + 1}
        case Outcome.RECOVERED:
            # While recovered, an episode is compared by its recovery: the guess is then of that moment.
            guess = alarm.occurred_at_is_guess
            return {"phase": Phase.RECOVERED, "recovered_at": alarm.occurred_at, "heard_at_is_guess": guess}
        case _:
            return {}


def _counted(alarm: Alarm) -> dict[str, Any]:
    return {
        "phase": Phase.OPEN,
        "counted_at": alarm.received_at,
        "alert_id": alarm.alert_id,
        "severity": alarm.severity,
    }


def _at(alarm: Alarm) -> dict[str, Any]:
    return {"heard_at": alarm.occurred_at, "heard_at_is_guess": alarm.occurred_at_is_guess}


def _at_latest(alarm: Alarm, episode: Episode) -> dict[str, Any]:
    return _at(alarm) if alarm.occurred_at > episode.heard_at else {}


def _noted(heard: tuple[Heard, ...], alarm: Alarm) -> tuple[Heard, ...]:
    """Keep what was heard in the last day, and add this delivery; known ones keep their time."""
    kept = [one for one in heard if alarm.received_at - one.received_at < RESEND]
    before = {one.fingerprint for one in kept}
    kept.extend(
        Heard(fingerprint=fingerprint, received_at=alarm.received_at)
        for fingerprint in alarm.fingerprints
        if fingerprint not in before
    )
    return tuple(kept[-MAX_HEARD:])
