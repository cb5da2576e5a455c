"""What can be read of the store, by whatever thread: readers hold nobody up."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from bridge.clock import moment
from bridge.message import Delivery, Digest
from bridge.store import rows, statements, untold
from bridge.store.digests import an_episode, read_digest
from bridge.store.lower import (
    read_channel_states,
    read_message,
    read_over_unheard,
    read_pauses,
    read_queues,
    read_unsure,
)
from bridge.store.work import ChannelState, Pause, Queues, Told, Unsure

PAGE = 200  # deliveries read at once


class Reads:
    """The verbs that only read; SQLAlchemy's errors come through."""

    def __init__(self, reading: Engine) -> None:
        self._reading = reading

    def waiting(self, channel: str, after: int) -> list[Delivery]:
        """Read one page of a channel's queue, in order."""
        with self._reading.connect() as connection:
            values = {"channel": channel, "after": after, "most": PAGE}
            return [rows.delivery_of(row) for row in connection.execute(statements.waiting_deliveries, values)]

    def message(self, episode_id: int, channel: str) -> Told | None:
        """Read the newest message of an episode in a channel."""
        with self._reading.connect() as connection:
            return read_message(connection, episode_id, channel)

    def gone(self, delivery_id: int) -> str:
        """Say why the message that a delivery was to change or answer is no more; empty where it is."""
        with self._reading.connect() as connection:
            return str(connection.execute(statements.why_gone, {"delivery_id": delivery_id}).scalar() or "")

    def over_unheard(self, episode_id: int, channel: str) -> bool:
        """Say whether an episode is over of which a channel never had the trigger."""
        with self._reading.connect() as connection:
            return read_over_unheard(connection, episode_id, channel)

    def unsure(self, delivery_id: int, channel: str) -> Unsure | None:
        """Say whether an attempt at a delivery may have arrived."""
        with self._reading.connect() as connection:
            return read_unsure(connection, delivery_id, channel)

    def digest(self, event_id: int, urgent_routes: Iterable[str]) -> Digest:
        """Read what a digest tells."""
        with self._reading.connect() as connection:
            return read_digest(connection, event_id, urgent_routes)

    def answered(self, event_id: int, channel: str) -> Told | None:
        """Read the message that a digest answers: that of the alarms which it tells of."""
        with self._reading.connect() as connection:
            return read_message(connection, an_episode(connection, event_id), channel)

    def channel_states(self) -> Mapping[str, ChannelState]:
        """Read what is remembered of each channel."""
        with self._reading.connect() as connection:
            return read_channel_states(connection)

    def pauses(self) -> Mapping[str, Pause]:
        """Read what is remembered of the budgets that channels share."""
        with self._reading.connect() as connection:
            return read_pauses(connection)

    def queues(self) -> Queues:
        """Count what waits for each channel."""
        with self._reading.connect() as connection:
            return read_queues(connection)

    def open_alarms(self) -> int:
        """Count the episodes that are open."""
        with self._reading.connect() as connection:
            return int(connection.execute(statements.open_episodes).scalar_one())

    def own_alarms(self) -> list[tuple[bytes, datetime]]:
        """Read the bridge's own alarms that are open: what was last told of each, and when."""
        with self._reading.connect() as connection:
            return [(row.body, moment(row.received_at)) for row in connection.execute(statements.own_alarms)]

    def untold(self) -> list[tuple[str, str]]:
        """Give the channels that have dead letters of which nobody was told, each with words of the newest."""
        with self._reading.connect() as connection:
            return untold.read(connection)
