"""A database in memory, with its tables and nothing else: what the store's statements do, without writer and workers."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from sqlalchemy import create_engine, event, insert, text

from bridge.alarm import State
from bridge.episode import Episode, Event, Given, Phase
from bridge.message import Delivery, DeliveryState, Step
from bridge.store import rows
from bridge.store.prepared import Writes
from bridge.store.schema import callbacks, deliveries, episodes, metadata
from bridge.store.statements import add_event
from tests.fakes.virtual import START

WHOLE = re.compile(r"AUTOMATIC|\(rowid>\?\)|\(rowid<\?\)")
FAR = 2000  # ids between what is made at one time and at another


class Ids:
    """Numbers, one after the other, far above all that a test gives."""

    def __init__(self) -> None:
        self.last = 1_000_000

    def next(self) -> int:
        self.last += 1
        return self.last


class Shelf:
    """The tables, and short ways to put something into them and to look at it."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://")
        metadata.create_all(self._engine)
        self.connection = self._engine.connect()
        self.writes = Writes(self._engine.dialect)
        self.ids: Any = Ids()
        self._made: dict[int, Event] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._engine.dispose()

    def episode(self, number: int, *given: Given, key: str = "a", phase: Phase = Phase.OPEN, **more: Any) -> int:
        """Put an episode there, with the channels that have it; columns by which it is found are keywords as well."""
        search = {name: more.pop(name, "") for name in ("policy_id", "policy_name", "subject", "object_id")}
        episode = Episode(
            id=number * FAR,
            number=number,
            key=key,
            phase=phase,
            started_at=START,
            heard_at=START,
            counted_at=START,
            given={one.channel: one for one in given},
            **more,
        )
        self.connection.execute(insert(episodes), {**rows.episode_row(episode), **search})
        return episode.id

    def event(self, event_id: int, episode_id: int, state: State = State.TRIGGERED, **more: Any) -> Event:
        """Put an event there."""
        given = {"created_at": START, "received_at": START, "occurred_at": START, "callback_id": 0, "number": 0, **more}
        made = Event(id=event_id, state=state, episode_id=episode_id, key="", **given)
        self.connection.execute(add_event, rows.event_row(made))
        self._made[event_id] = made
        return made

    def triggered_again(self, callback_id: int, episode_id: int) -> Event:
        """Put a callback there that made an episode fire again, and its event."""
        row = {"id": callback_id, "episode_id": episode_id, "outcome": "triggered", "received_at": 0, "body": b""}
        self.connection.execute(insert(callbacks), {**row, "reason": "", "session_id": ""})
        return self.event(callback_id + 1, episode_id, callback_id=callback_id, again=True)

    def delivery(
        self,
        number: int,
        event: Event,
        *,
        channel: str = "ops",
        state: DeliveryState = DeliveryState.WAITING,
        step: Step = Step.POST,
        columns: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Delivery:
        """Put a delivery there; `columns` are those that begin empty."""
        delivery = Delivery(
            id=number, channel=channel, step=step, event=event, state=state, **{"due_at": START, **more}
        )
        self.connection.execute(insert(deliveries), {**rows.delivery_row(delivery), **(columns or {})})
        return delivery

    def looked_through(self, ask: Callable[[], Any]) -> list[str]:
        """Ask, and give what SQLite reads for it of a table from its beginning, or from a row on to its end."""
        asked: list[Any] = []

        def write_down(*seen: Any) -> None:
            asked.append(seen[2:4])

        event.listen(self.connection, "before_cursor_execute", write_down)
        ask()
        event.remove(self.connection, "before_cursor_execute", write_down)
        plans = [
            row[3]
            for query, values in asked
            if query.startswith(("SELECT", "WITH"))
            for row in self.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        ]
        read = [
            step for step in plans if re.match(r"(SCAN|SEARCH) (\w+)", step) and not step.startswith("SCAN CONSTANT")
        ]
        assert read
        made = {"later", "told", "(subquery"}
        return [
            step for step in read if step.split()[1] not in made and (step.startswith("SCAN") or WHOLE.search(step))
        ]

    def rows(self, query: str) -> list[Any]:
        return [tuple(row) for row in self.connection.execute(text(query))]
