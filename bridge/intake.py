"""The upper half: what follows from a callback. Pure: the store calls it inside its transaction.

remember → decide → route → enqueue
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.addressees import Addressees, Audience
from bridge.alarm import Alarm, Callback, ReadingKind, State
from bridge.episode import Cause, Episode, Event, Given, Known, Phase
from bridge.lifecycle import Decision, Outcome, advance, decide
from bridge.message import Delivery, Step
from bridge.store import Ids, Judgement, Notices

ANNOUNCE_EVERY = timedelta(minutes=1)  # unrecognised callbacks: one message, which counts the others
STATES = {
    Outcome.TRIGGERED: State.TRIGGERED,
    Outcome.ESCALATED: State.ESCALATED,
    Outcome.REPEAT: State.REPEAT,
    Outcome.RECOVERED: State.RECOVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Judges callbacks by one snapshot of the config."""

    addressees: Addressees
    default_channels: tuple[str, ...]
    now: Callable[[], datetime]

    def alarm(self, known: Known, callback: Callback, callback_id: int, ids: Ids) -> Judgement:
        """Say what follows from an alarm, given what is known of it."""
        alarm = callback.reading.alarm
        assert alarm is not None
        decision = decide(known, alarm)
        state = STATES.get(decision.outcome)
        audience = self._audience(decision, state, alarm) if state else None
        begins = decision.episode is None
        episode, replaced = advance(
            decision,
            alarm,
            new_id=ids.episode() if begins else 0,
            new_number=ids.number() if begins else 0,
            receiving_seconds=ids.receiving_seconds,
            callback_id=callback_id,
            given=audience.given if audience else None,
        )
        if state is None or audience is None:
            return _silent(decision, episode, alarm)
        endings = [self._replaced(old, episode, ids) for old in replaced]  # first: deliveries go out by their ids
        event = self._event(decision, state, alarm, episode, ids)
        return Judgement(
            outcome=decision.outcome,
            reason=f"{decision.why}{audience.silence}",
            episode_id=episode.id,
            number=episode.number,
            alarm=alarm,
            changed=(*replaced, episode),
            events=(*(ending for ending, _ in endings), event),
            deliveries=(
                *(one for _, deliveries in endings for one in deliveries),
                *_deliveries(event, audience, ids, callback),
            ),
        )

    def other(self, notices: Notices, callback: Callback, callback_id: int, ids: Ids) -> Judgement:
        """Say what follows from a body that is no alarm."""
        if callback.reading.kind is ReadingKind.VERIFICATION:
            return Judgement(outcome="verification", reason="a check of the callback URL: never announced")
        waiting = replace(notices, waiting=notices.waiting + 1, callback_id=callback_id)
        announced = self.announcement(waiting, ids)
        if announced is None:
            why = f"{callback.reading.problem}; to be counted in the next message, at most one a minute"
            return Judgement(outcome="unrecognised", reason=why, notices=waiting)
        return replace(announced, reason=f"{callback.reading.problem}; announced in the default channels")

    def announcement(self, notices: Notices, ids: Ids) -> Judgement | None:
        """Announce the newest unrecognised callback and count the others, once a minute."""
        now = self.now()
        recently = notices.announced_at is not None and timedelta() <= now - notices.announced_at < ANNOUNCE_EVERY
        if recently or not notices.waiting:
            return None
        event = Event(
            id=ids.next(),
            state=State.UNRECOGNISED,
            episode_id=0,
            number=0,
            key="",
            callback_id=notices.callback_id,
            created_at=now,
            received_at=now,
            occurred_at=now,
            repeat_count=notices.waiting - 1,
        )
        calls = tuple((name, Step.POST, "") for name in self.default_channels)
        return Judgement(
            outcome="unrecognised",
            reason="",
            events=(event,),
            deliveries=_deliveries(event, Audience(calls=calls, given={}), ids),
            notices=Notices(announced_at=now),
        )

    def expired(self, episode: Episode, ids: Ids) -> Judgement:
        """End an episode of which nothing was heard for too long."""
        why = "nothing was heard of it for 26 hours in which the bridge was receiving: expired"
        return self._over(replace(episode, phase=Phase.EXPIRED), State.EXPIRED, why, ids, Cause.TIMER)

    def closed(self, episode: Episode, ids: Ids) -> Judgement:
        """End an episode because a person says so."""
        why = "closed by a person"
        return self._over(replace(episode, phase=Phase.CLOSED), State.CLOSED, why, ids, Cause.REQUEST)

    def _over(self, ended: Episode, state: State, why: str, ids: Ids, cause: Cause) -> Judgement:
        """Say what follows from an end that no callback told."""
        event = self._ending(state, ended, ids, cause)
        audience = self.addressees.of_ending(state, kind=ended.kind, given=ended.given)
        return Judgement(
            outcome=state,
            reason=f"{why}{audience.silence}",
            episode_id=ended.id,
            number=ended.number,
            changed=(ended,),
            events=(event,),
            deliveries=_deliveries(event, audience, ids),
        )

    def _event(self, decision: Decision, state: State, alarm: Alarm, episode: Episode, ids: Ids) -> Event:
        """Make the event that a callback tells."""
        before = decision.episode
        return Event(
            id=ids.next(),
            state=state,
            episode_id=episode.id,
            number=episode.number,
            key=episode.key,
            kind=episode.kind,
            callback_id=episode.callback_id,
            created_at=self.now(),
            received_at=alarm.received_at,
            occurred_at=alarm.occurred_at,
            started_at=episode.started_at,
            recovered_at=episode.recovered_at,
            repeat_count=episode.repeat_count,
            severity=alarm.severity,
            previous_severity=before.severity if before is not None and before.severity != alarm.severity else "",
            again=decision.again,
            unheard=decision.unheard,
        )

    def _ending(self, state: State, episode: Episode, ids: Ids, cause: Cause, successor: int = 0) -> Event:
        """Make the event of an end that no callback told."""
        now = self.now()
        return Event(
            id=ids.next(),
            state=state,
            episode_id=episode.id,
            number=episode.number,
            key=episode.key,
            kind=episode.kind,
            callback_id=episode.callback_id,
            created_at=now,
            received_at=now,
            occurred_at=now,
            started_at=episode.started_at,
            repeat_count=episode.repeat_count,
            severity=episode.severity,
            successor=successor,
            cause=cause,
        )

    def _replaced(self, old: Episode, episode: Episode, ids: Ids) -> tuple[Event, tuple[Delivery, ...]]:
        event = self._ending(State.REPLACED, old, ids, Cause.CALLBACK, successor=episode.number)
        audience = self.addressees.of_ending(event.state, kind=old.kind, given=old.given)
        return event, _deliveries(event, audience, ids)

    def _audience(self, decision: Decision, state: State, alarm: Alarm) -> Audience:
        before = decision.episode
        given: Mapping[str, Given] = before.given if before else {}
        kind = before.kind if before else alarm.kind
        if state.ends and not decision.unheard:
            return self.addressees.of_ending(state, kind=kind, given=given)
        return self.addressees.of_news(alarm, state, kind=kind, given=given, unheard=decision.unheard)


def _silent(decision: Decision, episode: Episode, alarm: Alarm) -> Judgement:
    """Keep what nobody is told of, with its reason."""
    return Judgement(
        outcome=decision.outcome,
        reason=decision.row,
        episode_id=episode.id,
        number=episode.number,
        alarm=alarm,
        changed=(episode,),
    )


def _deliveries(event: Event, audience: Audience, ids: Ids, callback: Callback | None = None) -> tuple[Delivery, ...]:
    """Make a delivery of each call; `callback` is the event's own, where it is at hand."""
    return tuple(
        Delivery(
            id=ids.next(),
            channel=channel,
            step=step,
            event=event,
            route=route,
            due_at=event.created_at,
            body=callback.body if callback else None,
            alarm=callback.reading.alarm if callback and not callback.origin else None,
            origin=callback.origin if callback else 0,
        )
        for channel, step, route in audience.calls
    )
