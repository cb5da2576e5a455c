"""What commands read of the store while the bridge runs: opened for reading, and listed newest first.

Ids rise with time, so that the newest are read first without an index, and a list ends as soon as it
is long enough.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, literal_column, select
from sqlalchemy.exc import DatabaseError

from bridge.clock import milliseconds
from bridge.episode import Phase
from bridge.store.engines import engine
from bridge.store.entries import AlarmEntry, CallbackEntry, DeliveryEntry, alarm_entry, callback_entry, delivery_entry
from bridge.store.failures import cause_of
from bridge.store.ids import IdSequence
from bridge.store.schema import callbacks, deliveries, episodes, events
from bridge.store.statements import IS_WORK
from bridge.store.versions import newest_version, versions_in
from bridge.store.work import StoreError

PAGE = 50  # rows fetched at once, so that the first are printed while the others are looked for

CALLBACKS = (
    select(
        callbacks.c.id,
        callbacks.c.received_at,
        callbacks.c.outcome,
        callbacks.c.reason,
        callbacks.c.session_id,
        callbacks.c.episode_id,
        episodes.c.number,
        episodes.c.kind,
        episodes.c.policy_id,
        episodes.c.policy_name,
        episodes.c.subject,
        episodes.c.object_id,
    )
    .join(episodes, episodes.c.id == callbacks.c.episode_id, isouter=True)
    .order_by(callbacks.c.id.desc())
)
ALARMS = select(episodes).order_by(episodes.c.id.desc())
DELIVERIES = (
    select(
        deliveries,
        events.c.state.label("told"),
        events.c.created_at,
        episodes.c.number,
        episodes.c.object_id,
        episodes.c.kind,
        episodes.c.callback_id,
    )
    .join(events, events.c.id == deliveries.c.event_id, isouter=True)
    .join(episodes, episodes.c.id == events.c.episode_id, isouter=True)
    .order_by(deliveries.c.id.desc())
)


class Asking:
    """Reads what a person asks for. Every list is an iterator, newest first."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def callbacks(self, *, since: datetime | None = None, outcome: str = "") -> Iterator[CallbackEntry]:
        """List what came in."""
        query = CALLBACKS
        if since is not None:
            query = query.where(
                callbacks.c.id >= IdSequence.at(milliseconds(since)), callbacks.c.received_at >= milliseconds(since)
            )
        if outcome:
            query = query.where(callbacks.c.outcome == outcome)
        return map(callback_entry, self.stream(query))

    def body(self, callback_id: int) -> bytes:
        """Read a callback's bytes; empty where it is gone."""
        query = select(callbacks.c.body).where(callbacks.c.id == callback_id)
        return self.connection.execute(query).scalar() or b""

    def alarms(self, phase: Phase | None = Phase.OPEN) -> Iterator[AlarmEntry]:
        """List alarms; None: whatever became of them."""
        query = ALARMS if phase is None else ALARMS.where(_is(episodes.c.phase, phase.value))
        return map(alarm_entry, self.stream(query))

    def deliveries(self, *, state: str = "", channel: str = "") -> Iterator[DeliveryEntry]:
        """List what goes out, or went."""
        query = DELIVERIES
        if state in {"waiting", "begun"}:
            query = query.where(IS_WORK)
        conditions = [
            column == value for column, value in ((deliveries.c.state, state), (deliveries.c.channel, channel)) if value
        ]
        return map(delivery_entry, self.stream(query.where(and_(True, *conditions))))  # noqa: FBT003 - all of none

    def stream(self, query: Select[Any]) -> Iterator[Any]:
        """Read rows as they are found."""
        return iter(self.connection.execution_options(yield_per=PAGE).execute(query))


def ask(path: Path) -> Asking:
    """Open the store for reading; raise StoreError in words.

    The transaction lasts as long as the command: what it reads is of one moment.
    """
    if not os.access(path, os.R_OK):
        raise StoreError(_not_there(path))
    try:
        connection = engine(path, "DEFERRED", still=_is_still(path)).connect()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        check_version(connection, path)
    except DatabaseError as error:
        raise StoreError(f"{path} cannot be read: {cause_of(error)}") from error
    return Asking(connection)


def _not_there(path: Path) -> str:
    with suppress(PermissionError):  # a folder that may not be looked into
        if not path.exists():
            return f"{path}: there is no store yet; `alarm-bridge serve` makes it"
    return f"{path} may not be read by this user: ask as the user that serves"


def _is_still(path: Path) -> bool:
    """Say whether to open it as a file that nobody writes.

    Who may not write the folder cannot make the files beside the store, which are there while a bridge serves.
    """
    return not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()


def check_version(connection: Connection, path: Path) -> None:
    """Raise StoreError where the tables are not this program's."""
    found, newest = max(versions_in(connection), default=None), newest_version()
    if found is None:
        raise StoreError(f"{path} is no store of alarm-bridge")
    if found < newest:
        raise StoreError(f"{path} was written by an older alarm-bridge; `alarm-bridge serve` brings it up to date")
    if found > newest:
        raise StoreError(f"{path} was written by a newer alarm-bridge; use that one")


def _is(column: Any, value: str) -> Any:
    """Compare with a literal: a partial index is used for nothing else."""
    return column == literal_column(f"'{value}'")
