"""The one table that says what a callback means for an alarm.

For each pair of what is known and what is heard the first row that fits is the one that holds.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum, unique

from bridge.alarm import SEVERITIES, Alarm, Status
from bridge.episode import Episode, Known, Phase
from bridge.record import record

RESEND = timedelta(days=1)  # how long a delivery is known again
CLEARLY_LATER = timedelta(minutes=5)  # between moments of which one is a guess, and between uncounted repeats


class Outcome(StrEnum):
    """What a callback means. Of a duplicate or stale one nobody is told."""

    TRIGGERED = "triggered"
    ESCALATED = "escalated"
    REPEAT = "repeat"
    RECOVERED = "recovered"
    DUPLICATE = "duplicate"
    STALE = "stale"


@unique
class Row(StrEnum):
    """The rows of the table, as a person reads them at night, behind the outcome."""

    RESENT = "Tencent Cloud sent the same one before, less than a day ago"
    STATELESS_KNOWN = "it has no state, and is known already"
    STATELESS = "it has no state: told once, and closed at once"
    ROSE = "still firing, and its severity rose"
    LATER = "still firing"
    SAME_MOMENT = "still firing: the same moment from another session, 5 minutes or more after the last one counted"
    NOTHING_NEW = "still firing, and nothing new in it"
    AGAIN = "firing again after its recovery"
    LATE_RESEND = "it came late: the alarm has recovered since"
    REOPENED = "still firing, though it was replaced, expired or closed: open again"
    LATE_OF_ENDED = "it came late: the alarm was replaced, expired or closed, and nothing here is newer"
    SUPERSEDED = "it came late: the same alarm has begun anew since"
    EARLIER = "a new alarm that began before the newest one, which stays as it is"
    NEW = "a new alarm"
    RECOVERED = "the end of a known alarm"
    RECOVERED_BEFORE = "the end of an alarm that had recovered before"
    RECOVERED_OPEN = "an end that names no known beginning: the newest open alarm is over"
    RECOVERED_NEWEST = "an end that names no beginning: the newest alarm had recovered before"
    RECOVERED_LATER = "it came late: a recovery of the same time or later is known"
    UNHEARD = "the end of an alarm whose trigger was never heard"


@record
class Decision:
    """What an alarm means, and the row that says so.

    `episode` is the one that the callback speaks of, as known before; None where it begins one. A
    duplicate or stale callback always has one: there its fingerprints are noted.
    """

    outcome: Outcome
    row: Row
    episode: Episode | None = None
    replaced: tuple[Episode, ...] = ()  # open ones, as known before
    again: bool = False  # the same episode fires after its recovery
    unheard: bool = False  # a recovery whose trigger never came

    @property
    def why(self) -> str:
        """The row's words, and what happens to others by it."""
        return f"{self.row}; what was open of it before is replaced" if self.replaced else self.row


def decide(known: Known, alarm: Alarm) -> Decision:
    """Say what an alarm means. `known` holds the episodes of its key, oldest first."""
    match = _match(known, alarm)
    holder = _holder(known, alarm)
    if holder is not None:
        return Decision(outcome=Outcome.DUPLICATE, row=Row.RESENT, episode=match or holder)
    if alarm.status is Status.STATELESS:
        return _stateless(match)
    if alarm.status is Status.RECOVERED:
        return _recovery(match) if match else _unmatched_recovery(known, alarm)
    return _firing(match, alarm) if match else _firing_unknown(known, alarm)


def _match(known: Known, alarm: Alarm) -> Episode | None:
    """Find this episode: the one with the same first occurrence.

    Without one, a recovery has no match, and anything else belongs to the newest open episode, or
    begins one at the time it was received.
    """
    started_at = alarm.started_at
    if started_at is None:
        if alarm.status is Status.RECOVERED:
            return None
        newest = next(_open(known), None)
        if newest is not None:
            return newest
        started_at = alarm.received_at
    return next((episode for episode in reversed(known) if episode.started_at == started_at), None)


def _open(known: Known) -> Iterator[Episode]:
    """Give the open episodes, newest first."""
    return (episode for episode in reversed(known) if episode.phase is Phase.OPEN)


def _holder(known: Known, alarm: Alarm) -> Episode | None:
    """Find the newest episode of which the same delivery was heard in the last day."""
    for episode in reversed(known):
        for heard in episode.heard:
            if heard.fingerprint in alarm.fingerprints and alarm.received_at - heard.received_at < RESEND:
                return episode
    return None


def _later(alarm: Alarm, moment: datetime, episode: Episode) -> bool:
    """Whether an alarm speaks of a later moment; by 5 minutes or more where one of them is a guess."""
    if alarm.occurred_at_is_guess or episode.heard_at_is_guess:
        return alarm.occurred_at - moment >= CLEARLY_LATER
    return alarm.occurred_at > moment


def _stateless(match: Episode | None) -> Decision:
    if match is not None:
        return Decision(outcome=Outcome.DUPLICATE, row=Row.STATELESS_KNOWN, episode=match)
    return Decision(outcome=Outcome.TRIGGERED, row=Row.STATELESS)


def _firing(match: Episode, alarm: Alarm) -> Decision:
    if match.phase is Phase.OPEN:
        return _firing_open(match, alarm)
    if match.phase is Phase.RECOVERED:
        return _firing_recovered(match, alarm)
    return _firing_ended(match, alarm)


def _firing_open(match: Episode, alarm: Alarm) -> Decision:
    if SEVERITIES.index(alarm.severity) > SEVERITIES.index(match.severity):
        return Decision(outcome=Outcome.ESCALATED, row=Row.ROSE, episode=match)
    if _later(alarm, match.heard_at, match):
        return Decision(outcome=Outcome.REPEAT, row=Row.LATER, episode=match)
    waited = alarm.received_at - match.counted_at >= CLEARLY_LATER
    if waited and alarm.occurred_at == match.heard_at and alarm.alert_id != match.alert_id:
        return Decision(outcome=Outcome.REPEAT, row=Row.SAME_MOMENT, episode=match)
    return Decision(outcome=Outcome.DUPLICATE, row=Row.NOTHING_NEW, episode=match)


def _firing_recovered(match: Episode, alarm: Alarm) -> Decision:
    if _later(alarm, match.recovered_at or match.heard_at, match):
        return Decision(outcome=Outcome.TRIGGERED, row=Row.AGAIN, episode=match, again=True)
    return Decision(outcome=Outcome.STALE, row=Row.LATE_RESEND, episode=match)


def _firing_ended(match: Episode, alarm: Alarm) -> Decision:
    if _later(alarm, match.heard_at, match):
        return Decision(outcome=Outcome.REPEAT, row=Row.REOPENED, episode=match)
    return Decision(outcome=Outcome.STALE, row=Row.LATE_OF_ENDED, episode=match)


def _firing_unknown(known: Known, alarm: Alarm) -> Decision:
    started_at = alarm.started_at or alarm.received_at
    following = next((episode for episode in known if episode.started_at > started_at), None)
    if following is None:
        return Decision(outcome=Outcome.TRIGGERED, row=Row.NEW, replaced=tuple(_open(known)))
    if alarm.occurred_at < following.started_at:
        return Decision(outcome=Outcome.STALE, row=Row.SUPERSEDED, episode=known[-1])
    return Decision(outcome=Outcome.TRIGGERED, row=Row.EARLIER)


def _recovery(match: Episode) -> Decision:
    if match.phase is Phase.RECOVERED:
        return Decision(outcome=Outcome.DUPLICATE, row=Row.RECOVERED_BEFORE, episode=match)
    return Decision(outcome=Outcome.RECOVERED, row=Row.RECOVERED, episode=match)


def _unmatched_recovery(known: Known, alarm: Alarm) -> Decision:
    began_by = alarm.started_at or alarm.occurred_at
    ended = next((episode for episode in _open(known) if episode.started_at <= began_by), None)
    if ended is not None:
        return Decision(outcome=Outcome.RECOVERED, row=Row.RECOVERED_OPEN, episode=ended)
    recovered = [episode for episode in known if episode.phase is Phase.RECOVERED]
    if alarm.started_at is None and recovered and recovered[-1] is known[-1]:
        return Decision(outcome=Outcome.DUPLICATE, row=Row.RECOVERED_NEWEST, episode=known[-1])
    if any(episode.recovered_at is not None and episode.recovered_at >= alarm.occurred_at for episode in recovered):
        return Decision(outcome=Outcome.STALE, row=Row.RECOVERED_LATER, episode=known[-1])
    return Decision(outcome=Outcome.RECOVERED, row=Row.UNHEARD, unheard=True)
