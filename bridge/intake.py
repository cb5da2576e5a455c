"""The upper half: what follows from a callback. Pure: the store calls it inside its transaction.

remember → decide → route → enqueue
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.alarm import Alarm, Callback, ReadingKind, State
from bridge.episode import Cause, Episode, Event, Given, Known, Phase
from bridge.lifecycle import Decision, Outcome, advance, decide
from bridge.message import Delivery, Step
from bridge.planning import steps_for
from bridge.routing import Choice, Route, Routes
from bridge.store import Ids, Judgement, Notices

ANNOUNCE_EVERY = timedelta(minutes=1)  # unrecognised callbacks: one message, which counts the others
STATES = {
    Outcome.TRIGGERED: State.TRIGGERED,
    Outcome.ESCALATED: State.ESCALATED,
    Outcome.REPEAT: State.REPEAT,
    Outcome.RECOVERED: State.RECOVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What intake must know of a channel."""

    name: str
    can: frozenset[Step]
    chat: bool
    on_repeat: tuple[Step, ...]
    on_recovered: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Judges callbacks by one snapshot of the config."""

    routes: Routes
    channels: Mapping[str, ChannelPlan]
    default_channels: tuple[str, ...]
    now: Callable[[], datetime]

    def alarm(self, known: Known, callback: Callback, callback_id: int, ids: Ids) -> Judgement:
        """Say what follows from an alarm, given what is known of it."""
        alarm = callback.reading.alarm
        assert alarm is not None
        decision = decide(known, alarm)
        begins = decision.episode is None
        episode, replaced = advance(
            decision,
            alarm,
            new_id=ids.episode() if begins else 0,
            new_number=ids.number() if begins else 0,
            receiving_seconds=ids.receiving_seconds,
        )
        if decision.outcome not in STATES:
            return Judgement(
                outcome=decision.outcome,
                reason=decision.row,
                episode_id=episode.id,
                number=episode.number,
                alarm=alarm,
                changed=(episode,),
            )
        endings = [self._replaced(old, episode, ids) for old in replaced]  # first: deliveries go out by their ids
        event = self._event(decision, alarm, episode, callback_id, ids)
        given, deliveries, why = self._told(callback, event, episode, ids)
        episode = replace(episode, given=given, callback_id=callback_id)
        return Judgement(
            outcome=decision.outcome,
            reason=f"{decision.row}{why}",
            episode_id=episode.id,
            number=episode.number,
            alarm=alarm,
            changed=(*replaced, episode),
            events=(*(ending for ending, _ in endings), event),
            deliveries=(*(one for _, calls in endings for one in calls), *deliveries),
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
        deliveries = [
            self._delivery(event, name, Step.POST, "", ids) for name in self.default_channels if name in self.channels
        ]
        return Judgement(
            outcome="unrecognised",
            reason="",
            events=(event,),
            deliveries=tuple(deliveries),
            notices=Notices(announced_at=now),
        )

    def expired(self, episode: Episode, ids: Ids) -> Judgement:
        """End an episode of which nothing was heard for too long."""
        ended = replace(episode, phase=Phase.EXPIRED)
        event = self._ending(State.EXPIRED, ended, ids, Cause.TIMER)
        return Judgement(
            outcome="expired",
            reason="nothing was heard of it for 26 hours in which the bridge was receiving: expired",
            episode_id=episode.id,
            number=episode.number,
            changed=(ended,),
            events=(event,),
            deliveries=self._to_given(event, ended, ids),
        )

    def _event(self, decision: Decision, alarm: Alarm, episode: Episode, callback_id: int, ids: Ids) -> Event:
        before = decision.episode
        return Event(
            id=ids.next(),
            state=STATES[decision.outcome],
            episode_id=episode.id,
            number=episode.number,
            key=episode.key,
            kind=episode.kind,
            callback_id=callback_id,
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
        return event, self._to_given(event, old, ids)

    def _told(
        self, callback: Callback, event: Event, episode: Episode, ids: Ids
    ) -> tuple[Mapping[str, Given], tuple[Delivery, ...], str]:
        """Enqueue an event; give the channels that have the episode now, and words on silence."""
        if event.state.ends and not event.unheard:
            endings = self._to_given(event, episode, ids, callback)
            return episode.given, endings, "" if endings else "; told nowhere: no channel was given it"
        alarm = callback.reading.alarm
        assert alarm is not None
        choices = self.routes.choose(alarm, event.state)
        given, held = dict(episode.given), []
        deliveries: list[Delivery] = []
        for choice in choices:
            steps = self._steps(event, episode, choice.channel, choice.route)
            if event.state is State.REPEAT and is_held_back(given.get(choice.channel), choice.route, alarm.received_at):
                held.append(choice.channel)
                steps = tuple(step for step in steps if step is Step.UPDATE)
            name = choice.route.name if choice.route else ""
            deliveries += [self._delivery(event, choice.channel, step, name, ids, callback) for step in steps]
            if steps or choice.channel in given:
                given[choice.channel] = after(given.get(choice.channel), choice, event, steps, alarm.received_at)
        return given, tuple(deliveries), silence(choices, deliveries, held)

    def _to_given(
        self, event: Event, episode: Episode, ids: Ids, callback: Callback | None = None
    ) -> tuple[Delivery, ...]:
        """Enqueue an ending for the channels that were given the episode, and for no other."""
        return tuple(
            self._delivery(event, given.channel, step, given.route, ids, callback)
            for given in episode.given.values()
            for step in self._steps(event, episode, given.channel, self.routes.named(given.route))
        )

    def _steps(self, event: Event, episode: Episode, channel: str, route: Route | None) -> tuple[Step, ...]:
        plan = self.channels.get(channel)
        if plan is None:
            return ()
        on_repeat = plan.on_repeat if route is None or route.on_repeat is None else route.on_repeat
        on_recovered = plan.on_recovered if route is None or route.on_recovered is None else route.on_recovered
        return steps_for(
            event.state,
            kind=episode.kind,
            can=plan.can,
            chat=plan.chat,
            on_repeat=on_repeat,
            on_recovered=on_recovered,
            unheard=event.unheard,
        )

    @staticmethod
    def _delivery(
        event: Event, channel: str, step: Step, route: str, ids: Ids, callback: Callback | None = None
    ) -> Delivery:
        return Delivery(
            id=ids.next(),
            channel=channel,
            step=step,
            event=event,
            route=route,
            due_at=event.created_at,
            body=callback.body if callback else None,
            alarm=callback.reading.alarm if callback else None,
        )


def is_held_back(given: Given | None, route: Route | None, received_at: datetime) -> bool:
    """Say whether a repeat comes too soon after the last one that this channel was told."""
    if route is None or route.repeat_interval is None or given is None or given.repeated_at is None:
        return False
    return timedelta() <= received_at - given.repeated_at < route.repeat_interval


def after(given: Given | None, choice: Choice, event: Event, steps: Iterable[Step], received_at: datetime) -> Given:
    """Give what a channel was given, with this event."""
    repeated = event.state is State.REPEAT and any(step is not Step.UPDATE for step in steps)
    return Given(
        channel=choice.channel,
        route=choice.route.name if choice.route else "",
        repeated_at=received_at if repeated else given.repeated_at if given else None,
    )


def silence(choices: Iterable[Choice], deliveries: Iterable[Delivery], held: Iterable[str]) -> str:
    """Say why nobody hears of an event, in words to go on with; empty where somebody does."""
    if any(True for _ in deliveries):
        return ""
    if any(True for _ in held):
        return "; told nowhere: held back by repeat_interval"
    return (
        "; told nowhere: its channels are silent in this state"
        if choices
        else "; told nowhere: no route gives it a channel"
    )
