"""What is done in the store beside taking callbacks: by the clock, or because a person asked for it.

A job runs inside the writer's next transaction. What it gives back as judgements is handed to the
workers as though callbacks had told it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bridge.clock import milliseconds
from bridge.store import rows, statements, untold
from bridge.store.facts import read_notices, receiving_seconds, write_fact, write_notices
from bridge.store.ids import IdSequence
from bridge.store.lower import write_channel, write_pause
from bridge.store.prepared import Writes
from bridge.store.reading import Reads
from bridge.store.retention import prune
from bridge.store.work import ChannelState, Judge, Judgement, Pause

EXPIRING = 100  # episodes judged in one transaction

Job = Callable[[Connection], Any]


class Jobs(Reads):
    """The store's jobs, made here and run by the writer."""

    ids: IdSequence
    writes: Writes

    def write_judgements(self, connection: Connection, judgements: Sequence[Judgement]) -> None:
        """Write what follows from judgements."""
        new, old = self._changes(judgements)
        events = [rows.event_row(event) for judgement in judgements for event in judgement.events]
        deliveries = [rows.delivery_row(one) for judgement in judgements for one in judgement.deliveries]
        self.writes.episodes.run(connection, new)
        self.ids.fresh.clear()  # they are there: who is judged next in this transaction changes them
        self.writes.changes.run(connection, old)
        self.writes.events.run(connection, events)
        self.writes.deliveries.run(connection, deliveries)
        untold.heard(connection, judgements)
        for notices in [judgement.notices for judgement in judgements if judgement.notices][-1:]:
            write_notices(connection, notices)

    def _changes(self, judgements: Sequence[Judgement]) -> tuple[list[rows.Row], list[rows.Row]]:
        """Give each changed episode once, as it is at the end: the new ones, and the others."""
        new: dict[int, rows.Row] = {}
        old: dict[int, rows.Row] = {}
        for judgement in judgements:
            for episode in judgement.changed:
                row = rows.episode_row(episode)
                if episode.id in new:
                    new[episode.id].update(row)
                elif episode.id in self.ids.fresh:
                    new[episode.id] = row | rows.search_columns(judgement.alarm)
                else:
                    old[episode.id] = {f"{name}_": value for name, value in row.items()}
        return list(new.values()), list(old.values())

    def expire(self, judge: Judge, before: int) -> Job:
        """Make the job that ends episodes not heard of since the receiving time stood at `before`."""

        def job(connection: Connection) -> list[Judgement]:
            quiet = connection.execute(statements.quiet_episodes, {"before": before, "most": EXPIRING})
            judgements = [judge.expired(rows.episode_of(row), self.ids) for row in quiet]
            self.write_judgements(connection, judgements)
            return judgements

        return job

    def announce(self, judge: Judge) -> Job:
        """Make the job that announces unrecognised callbacks that waited for their minute."""

        def job(connection: Connection) -> list[Judgement]:
            judgement = judge.announcement(read_notices(connection), self.ids)
            self.write_judgements(connection, [judgement] if judgement else [])
            return [judgement] if judgement else []

        return job

    def keep_receiving_time(self, seconds: int) -> Job:
        """Make the job that adds to the time in which the bridge was receiving."""

        def job(connection: Connection) -> int:
            self.ids.receiving_seconds = receiving_seconds(connection) + seconds
            write_fact(connection, "receiving_seconds", str(self.ids.receiving_seconds))
            return self.ids.receiving_seconds

        return job

    def keep_channel(self, state: ChannelState) -> Job:
        """Make the job that remembers a channel's pause."""
        return lambda connection: write_channel(connection, state)

    def keep_pause(self, pause: Pause) -> Job:
        """Make the job that remembers the pause of what channels share."""
        return lambda connection: write_pause(connection, pause)

    def prune(self, before: datetime) -> Job:
        """Make the job that deletes one batch of what is older, and gives how much it was."""
        at = milliseconds(before)

        def job(connection: Connection) -> int:
            deleted = prune(connection, before=self.ids.at(at), before_at=at)
            if deleted:
                write_fact(connection, "last_number", str(self.ids.last_number))
            return deleted

        return job
