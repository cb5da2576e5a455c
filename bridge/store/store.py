"""The store's verbs. Only they open or end a transaction, and only the writer's thread calls them.

What comes in and what went out is written in one transaction for all that waits (group commit).
Where that fails on somebody's data, each is written alone, and a callback that still fails is kept
as unrecognised: a neighbour never pays for it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from bridge.alarm import Callback
from bridge.clock import Clock
from bridge.episode import Known
from bridge.message import Delivery
from bridge.store import rows, statements
from bridge.store.ahead import begin_now
from bridge.store.facts import read_notices
from bridge.store.failures import raise_if_unavailable
from bridge.store.ids import IdSequence
from bridge.store.jobs import Job, Jobs
from bridge.store.lower import write_results
from bridge.store.prepared import Writes
from bridge.store.recording import bare, callback_row, folded, keys_of, unreadable
from bridge.store.work import Done, Judge, Judgement, Notices, Result, followed_by

log = structlog.get_logger()


@dataclass(slots=True)
class Work:
    """What waits for the next transaction."""

    callbacks: list[Callback] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a Work, in the same order; an exception where one failed."""

    judgements: list[Any]
    jobs: list[Any]
    deliveries: list[Delivery]  # new ones, in order
    moved: frozenset[str]  # channels that took deliveries over
    returned: frozenset[str] = frozenset()  # channels into whose queues something old was put back
    failed: Mapping[int, Exception] = field(default_factory=dict)  # by delivery: results, and what was to be begun
    is_after_trouble: bool = False  # of what was refused before, a part may be on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The ways into one database."""

    writing: Engine  # waits while another process writes
    at_once: Engine  # does not
    reading: Engine


class Store(Jobs):
    """One database."""

    def __init__(self, engines: Engines, clock: Clock, random: Random) -> None:
        super().__init__(engines.reading)
        self._writing = engines.writing
        self._at_once = engines.at_once
        self._clock = clock
        self.writes = Writes(engines.writing.dialect)
        with self._transaction() as connection:
            self.ids = IdSequence.after(connection, clock, random)
        with suppress(OperationalError), self._transaction() as connection:  # a disk that is full: they hold again
            begin_now(connection, clock.now())

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
        self.writes.begun.run(connection, [{"id_": one} for one in work.begun])
        handed = write_results(connection, work.results, self.ids, self.writes)
        judgements = self._record(connection, work.callbacks, judge)
        done = [job(connection) for job in work.jobs]
        followed = [judgement for value in done for judgement in followed_by(value)]
        deliveries = [one for judgement in (*judgements, *followed) for one in judgement.deliveries]
        returned = frozenset().union(*(value.returned for value in done if isinstance(value, Done)))
        moved, back = (frozenset(filter(None, names)) for names in ([h.to for h in handed], [h.back for h in handed]))
        return Written(judgements, done, deliveries, moved, returned | back)

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
            frozenset().union(*(one.returned for one in written)),
            {delivery: error for one in written for delivery, error in one.failed.items()},
        )

    def _write_or_keep(self, part: Work, judge: Judge) -> Written:
        """Write one thing; keep of it what can be stored, where its data cannot."""
        try:
            return self._write(part, judge)
        except Exception as error:
            raise_if_unavailable(error)
            log.exception("something cannot be stored as it is")
            kept = [unreadable(one, error) for one in part.callbacks]
            return self._write_or_refuse(Work(kept, [bare(one, error) for one in part.results]), part, error, judge)

    def _write_or_refuse(self, kept: Work, part: Work, error: Exception, judge: Judge) -> Written:
        """Write what is left of one thing; where not even that can be stored, only this one hears of it."""
        try:
            if kept.callbacks or kept.results:
                return self._write(kept, judge)
        except Exception as another:
            raise_if_unavailable(another)
            log.exception("something cannot be stored at all")
        failed = dict.fromkeys([*part.begun, *(one.delivery.id for one in part.results)], error)
        return Written([error for _ in part.callbacks], [error for _ in part.jobs], [], frozenset(), failed=failed)

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
        self.writes.callbacks.run(connection, entries)
        self.write_judgements(connection, judgements)
        return judgements

    def _known(self, connection: Connection, callbacks: Sequence[Callback]) -> dict[str, Known]:
        known: dict[str, Known] = {}
        if keys := keys_of(callbacks):
            for row in connection.execute(statements.known_episodes, {"keys": keys}):
                known[row.key] = (*known.get(row.key, ()), rows.episode_of(row))
        return known

    def _transaction(self) -> Any:
        return self._writing.begin()
