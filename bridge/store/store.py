"""The store's verbs. Only they open or end a transaction, and only the writer's thread calls them.

What comes in and what went out is written in one transaction for all that waits (group commit).
Where that fails on somebody's data, each is written alone, and a callback that still fails is kept
as unrecognised: a neighbour never pays for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from bridge.alarm import Callback
from bridge.clock import Clock, milliseconds
from bridge.episode import Known
from bridge.message import Delivery
from bridge.store import rows, statements
from bridge.store.facts import read_notices, receiving_seconds, write_fact, write_notices
from bridge.store.failures import raise_if_unavailable
from bridge.store.ids import Sequence as IdSequence
from bridge.store.lower import write_channel, write_results
from bridge.store.prepared import Writes
from bridge.store.reading import Reads
from bridge.store.recording import bare, callback_row, folded, keys_of, unreadable
from bridge.store.retention import prune
from bridge.store.work import ChannelState, Judge, Judgement, Notices, Result

EXPIRING = 100  # episodes judged in one transaction

log = structlog.get_logger()
Job = Callable[[Connection], Any]


@dataclass(slots=True)
class Work:
    """What waits for the next transaction."""

    callbacks: list[Callback] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of it, in the same order."""

    judgements: list[Judgement]
    jobs: list[Any]  # an exception where one failed
    deliveries: list[Delivery]  # new ones, in order
    moved: frozenset[str]  # channels that took deliveries over


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The ways into one database."""

    writing: Engine  # waits while another process writes
    at_once: Engine  # does not
    reading: Engine


class Store(Reads):
    """One database."""

    def __init__(self, engines: Engines, clock: Clock, random: Random) -> None:
        super().__init__(engines.reading)
        self._writing = engines.writing
        self._at_once = engines.at_once
        self._clock = clock
        self._writes = Writes(engines.writing.dialect)
        with self._transaction() as connection:
            self.ids = IdSequence.after(connection, clock, random)

    def close(self) -> None:
        """Let go of the database."""
        for engine in (self._writing, self._at_once, self._reading):
            engine.dispose()

    def write(self, work: Work, judge: Judge) -> Written:
        """Write all of it in one transaction; raise StoreUnavailable where the database cannot take it."""
        try:
            return self._write(work, judge)
        except Exception as error:
            raise_if_unavailable(error)
            log.exception("what waited cannot be stored together")
            return self._write_one_by_one(work, judge)

    def begin(self) -> Connection:
        """Begin a transaction, if no other process is writing; `commit` or `roll_back` ends it."""
        connection = self._at_once.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def commit(self, connection: Connection) -> None:
        """Have the disk take it."""
        connection.commit()
        connection.close()

    def roll_back(self, connection: Connection) -> None:
        """Forget it."""
        connection.close()

    def _write(self, work: Work, judge: Judge) -> Written:
        with self._transaction() as connection:
            return self.fill(connection, work, judge)

    def fill(self, connection: Connection, work: Work, judge: Judge) -> Written:
        """Judge and write what waits, within a transaction."""
        self.ids.begin()
        self._writes.begun.run(connection, [{"id_": one} for one in work.begun])
        moved = write_results(connection, work.results, self.ids, self._writes)
        judgements = self._record(connection, work.callbacks, judge)
        done = [job(connection) for job in work.jobs]
        followed = [judgement for value in done if isinstance(value, list) for judgement in value]  # of the time
        deliveries = [one for judgement in (*judgements, *followed) for one in judgement.deliveries]
        return Written(judgements, done, deliveries, moved)

    def _write_one_by_one(self, work: Work, judge: Judge) -> Written:
        """Keep what somebody's data spoiled from spoiling the rest."""
        parts = [*(Work(results=[one]) for one in work.results), Work(begun=work.begun)]
        parts += [Work(callbacks=[one]) for one in work.callbacks]
        parts += [Work(jobs=[one]) for one in work.jobs]
        written = [self._write_or_keep(part, judge) for part in parts]
        return Written(
            [judgement for one in written for judgement in one.judgements],
            [value for one in written for value in one.jobs],
            [delivery for one in written for delivery in one.deliveries],
            frozenset().union(*(one.moved for one in written)),
        )

    def _write_or_keep(self, part: Work, judge: Judge) -> Written:
        """Write one thing; keep of it what can be stored, where its data cannot."""
        try:
            return self._write(part, judge)
        except Exception as error:
            raise_if_unavailable(error)
            log.exception("something cannot be stored as it is")
            if part.jobs:
                return Written([], [error], [], frozenset())
            kept = [unreadable(one, error) for one in part.callbacks]
            return self._write(Work(kept, [bare(one, error) for one in part.results], part.begun), judge)

    def _record(self, connection: Connection, callbacks: Sequence[Callback], judge: Judge) -> list[Judgement]:
        """Judge a batch in the order of arrival and write what follows."""
        if not callbacks:
            return []
        known = self._known(connection, callbacks)
        notices: Notices | None = None
        judgements, entries = [], []
        for callback in callbacks:
            callback_id = self.ids.next()
            if callback.reading.alarm is not None:
                key = callback.reading.alarm.key
                judgement = judge.alarm(known.get(key, ()), callback, callback_id, self.ids)
                known[key] = folded(known.get(key, ()), judgement.changed)
            else:
                notices = notices or read_notices(connection)
                judgement = judge.other(notices, callback, callback_id, self.ids)
                notices = judgement.notices or notices
            judgements.append(judgement)
            entries.append(callback_row(callback_id, callback, judgement))
        self._writes.callbacks.run(connection, entries)
        self._write_judgements(connection, judgements)
        return judgements

    def _known(self, connection: Connection, callbacks: Sequence[Callback]) -> dict[str, Known]:
        known: dict[str, Known] = {}
        if keys := keys_of(callbacks):
            for row in connection.execute(statements.known_episodes, {"keys": keys}):
                known[row.key] = (*known.get(row.key, ()), rows.episode_of(row))
        return known

    def _write_judgements(self, connection: Connection, judgements: Sequence[Judgement]) -> None:
        new, old = self._changes(judgements)
        events = [rows.event_row(event) for judgement in judgements for event in judgement.events]
        deliveries = [rows.delivery_row(one) for judgement in judgements for one in judgement.deliveries]
        self._writes.episodes.run(connection, new)
        self._writes.changes.run(connection, old)
        self._writes.events.run(connection, events)
        self._writes.deliveries.run(connection, deliveries)
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
            self._write_judgements(connection, judgements)
            return judgements

        return job

    def announce(self, judge: Judge) -> Job:
        """Make the job that announces unrecognised callbacks that waited for their minute."""

        def job(connection: Connection) -> list[Judgement]:
            judgement = judge.announcement(read_notices(connection), self.ids)
            self._write_judgements(connection, [judgement] if judgement else [])
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

    def prune(self, before: datetime) -> Job:
        """Make the job that deletes one batch of what is older, and gives how much it was."""
        at = milliseconds(before)
        return lambda connection: prune(connection, before=self.ids.at(at), before_at=at)

    def _transaction(self) -> Any:
        return self._writing.begin()
