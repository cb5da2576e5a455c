"""All that is stored of one alarm, or of a callback that is none: what came, followed and was attempted.

What came as expected is found by its id: a transaction gives an episode, its event and the event's
deliveries ids that follow the callback's. Partial indexes hold the rest (`schema`), and are used for
nothing but their own conditions, word by word.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select

from bridge.clock import milliseconds, moment
from bridge.episode import number_of
from bridge.store.asking import ALARMS, CALLBACKS, DELIVERIES, Asking
from bridge.store.entries import (
    AlarmEntry,
    CallbackEntry,
    DeliveryEntry,
    alarm_entry,
    callback_entry,
    delivery_entry,
)
from bridge.store.facts import receiving_seconds
from bridge.store.happened import (
    AttemptEntry,
    Carried,
    EventEntry,
    Life,
    RequestEntry,
    ToldEvent,
    attempt_entry,
    event_entry,
    request_entry,
)
from bridge.store.ids import IdSequence, read_id
from bridge.store.lower import read_channel_states
from bridge.store.schema import NEAR, attempts, callbacks, deliveries, episodes, events, requests
from bridge.store.statements import CAME_LATER, IS_WORK, NO_TRIGGER, NOT_AT_ONCE, NOT_SENT

NAMES = (episodes.c.object_id, episodes.c.policy_id, episodes.c.policy_name)
SEARCHED = 100_000  # callbacks: what people ask about is recent, and their bodies are read one after the other
SENT_WITHIN = timedelta(days=1)  # the result of an attempt is stored soon, unless the disk is full


class Lives(Asking):
    """Finds what an id means, and reads all that is stored of it."""

    def named(self, text_: str, limit: int) -> list[AlarmEntry]:
        """Find the alarms of a short id, an object or policy, or a session, the newest first."""
        number = number_of(text_)
        if number and (found := self._alarms(episodes.c.number == number, 1)):
            return found
        if (id_ := read_id(text_)) and (episode := self._episode_of(id_)):
            return self._alarms(episodes.c.id == episode, 1)
        found = self._alarms(or_(*(column == text_ for column in NAMES)), limit)
        return found or self._alarms(episodes.c.id.in_(self._of_session(text_)), limit)

    def saying(self, name: str) -> Iterator[tuple[int, datetime, bytes]]:
        """Look through the last SEARCHED callbacks of alarms for a name in their bodies, the newest first.

        Gives the episode, when it was received, and the body.
        """
        columns = (callbacks.c.id, callbacks.c.episode_id, callbacks.c.received_at, callbacks.c.body)
        last = select(*columns).where(callbacks.c.episode_id > 0).order_by(callbacks.c.id.desc()).limit(SEARCHED)
        found = last.subquery()
        query = select(found).where(func.instr(found.c.body, name.encode()) > 0).order_by(found.c.id.desc())
        return ((row.episode_id, moment(row.received_at), row.body) for row in self.stream(query))

    def with_id(self, episode_id: int) -> list[AlarmEntry]:
        """Read an alarm; nothing where it is gone."""
        return self._alarms(episodes.c.id == episode_id, 1)

    def alone(self, text_: str) -> list[Life]:
        """Read the lives of what is no alarm: callbacks by their id or session, a digest by the id of its delivery."""
        id_ = read_id(text_)
        event = select(deliveries.c.event_id).where(deliveries.c.id == id_).scalar_subquery()
        told = list(self.connection.execute(select(events).where(or_(events.c.id == id_, events.c.id == event))))
        found = (
            callbacks.c.id.in_([id_, *(one.callback_id for one in told)]) if id_ else callbacks.c.session_id == text_
        )
        query = CALLBACKS.where(callbacks.c.episode_id == 0, found)
        came = [callback_entry(row) for row in self.connection.execute(query)]
        lives = [self._life_alone(one) for one in came]
        channels = read_channel_states(self.connection)
        told = [] if came else told
        return lives + [
            Life(alarm=None, callbacks=[], told=[self._told(event_entry(one))], channels=channels) for one in told
        ]

    def life(self, alarm: AlarmEntry) -> Life:
        """Read all that is stored of an alarm."""
        came = self._callbacks(alarm.id)
        asked = self._requests([alarm.id, *(one.id for one in came)])
        quiet = select(episodes.c.receiving_seconds).where(episodes.c.id == alarm.id)
        return Life(
            alarm=alarm,
            callbacks=came,
            told=[self._told(event) for event in self._events(alarm.id, came, asked)],
            requests=asked,
            channels=read_channel_states(self.connection),
            silent_seconds=receiving_seconds(self.connection) - int(self.connection.execute(quiet).scalar() or 0),
        )

    def _life_alone(self, callback: CallbackEntry) -> Life:
        """Read all that is stored of a callback that is no alarm.

        One that was not announced at once is counted in a later message: the first such one is its event.
        """
        query = (
            select(events)
            .where(events.c.id > callback.id, events.c.state == "unrecognised")
            .order_by(events.c.id)
            .limit(1)
        )
        rows = list(self.connection.execute(query)) if callback.outcome == "unrecognised" else []
        return Life(
            alarm=None,
            callbacks=[callback],
            told=[self._told(event_entry(row)) for row in rows],
            requests=self._requests([callback.id]),
            channels=read_channel_states(self.connection),
        )

    def _alarms(self, condition: Any, limit: int) -> list[AlarmEntry]:
        return [alarm_entry(row) for row in self.connection.execute(ALARMS.where(condition).limit(limit))]

    def _episode_of(self, id_: int) -> int:
        """Give the episode of a callback, event or delivery."""
        event = select(deliveries.c.event_id).where(deliveries.c.id == id_).scalar_subquery()
        for query in (
            select(callbacks.c.episode_id).where(callbacks.c.id == id_),
            select(events.c.episode_id).where(or_(events.c.id == id_, events.c.id == event)),
        ):
            if found := self.connection.execute(query).scalar():
                return int(found)
        return 0

    def _of_session(self, session: str) -> list[int]:
        """Look through all callbacks: sessions have no index, which every callback would pay for."""
        query = select(callbacks.c.episode_id).where(callbacks.c.session_id == session, callbacks.c.episode_id > 0)
        return [int(row.episode_id) for row in self.connection.execute(query.distinct())]

    def _callbacks(self, episode_id: int) -> list[CallbackEntry]:
        mine = callbacks.c.episode_id == episode_id
        first = CALLBACKS.where(mine, callbacks.c.id.between(episode_id - NEAR, episode_id))
        found = [*self.connection.execute(first), *self.connection.execute(CALLBACKS.where(mine, CAME_LATER))]
        return sorted(map(callback_entry, found), key=lambda one: one.id)

    def _events(
        self, episode_id: int, came: Sequence[CallbackEntry], asked: Sequence[RequestEntry]
    ) -> list[EventEntry]:
        """Find its events: those made with it, those that are no trigger, and what made it fire again."""
        mine = events.c.episode_id == episode_id
        again = [one.id for one in came if one.outcome == "triggered" and one.id > episode_id]
        queries = [
            select(events).where(mine, events.c.id.between(episode_id, episode_id + NEAR)),
            select(events).where(mine, NO_TRIGGER),
            select(events).where(mine, events.c.id.in_([one.result for one in asked])),
            *(select(events).where(mine, events.c.id.between(one, one + NEAR)) for one in again),
        ]
        found = {row.id: event_entry(row) for query in queries for row in self.connection.execute(query)}
        return [found[id_] for id_ in sorted(found)]

    def _told(self, event: EventEntry) -> ToldEvent:
        return ToldEvent(event=event, deliveries=self._of_event(event.id))

    def _of_event(self, event_id: int) -> list[Carried]:
        mine = deliveries.c.event_id == event_id
        near = DELIVERIES.where(mine, deliveries.c.id.between(event_id, event_id + NEAR))
        later = DELIVERIES.where(mine, NOT_AT_ONCE)
        found = [*self.connection.execute(near), *self.connection.execute(later)]
        return [self._carried(one) for one in sorted(map(delivery_entry, found), key=lambda one: one.id)]

    def _carried(self, delivery: DeliveryEntry) -> Carried:
        asked = self._requests([delivery.id])
        ahead = 0
        if delivery.state == "waiting":
            before = and_(deliveries.c.channel == delivery.channel, deliveries.c.id < delivery.id, IS_WORK)
            ahead = int(self.connection.execute(select(func.count()).where(before)).scalar_one())
        made = self._attempts(delivery) if delivery.attempts or asked else []
        digest = self._of_event(delivery.digest) if delivery.state == "digested" else ()
        return Carried(delivery=delivery, attempts=made, requests=asked, ahead=ahead, digest=digest)

    def _attempts(self, delivery: DeliveryEntry) -> list[AttemptEntry]:
        """Find the calls: those that were not taken by their index, the one that was by when it was made."""
        mine = attempts.c.delivery_id == delivery.id
        queries = [select(attempts).where(mine, NOT_SENT)]
        if delivery.state == "sent":
            since, until = (IdSequence.at(milliseconds(at)) for at in (delivery.due_at, delivery.due_at + SENT_WITHIN))
            within = attempts.c.id.between(since, until)
            taken = select(attempts).where(mine, within, attempts.c.answer == "sent").order_by(attempts.c.id)
            queries.append(taken.limit(1))
        rows = [row for query in queries for row in self.connection.execute(query)]
        found = {row.id: attempt_entry(row) for row in rows}
        return [found[id_] for id_ in sorted(found)]

    def _requests(self, subjects: Sequence[int]) -> list[RequestEntry]:
        query = select(requests).where(requests.c.subject.in_(subjects)).order_by(requests.c.id)
        return [request_entry(row) for row in self.connection.execute(query)]
