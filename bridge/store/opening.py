"""Opening the database: one `serve` a file, migrated, and refused in words where that cannot be.

The lock is a file of its own beside the database and is never unlinked: closing any descriptor of
the database file itself would drop SQLite's own locks.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from bridge.clock import Clock
from bridge.store.failures import cause_of
from bridge.store.schema import metadata
from bridge.store.store import Engines, Store
from bridge.store.work import StoreError

BUSY_SECONDS = 5  # how long another process's write is waited for
CHECKPOINT_PAGES = 8000  # 32 MB of WAL: 15 % faster than the default of 1,000 with a million rows
CACHE_KIB = 65536
MIGRATIONS = Path(__file__).parent / "migrations"


class Lock:
    """The right to serve from a database file; raise StoreError where another process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the store's folder cannot be used: {self._path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StoreError(
                f"another alarm-bridge serves from {path}; stop it first, or give this one a store of its own"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def open_store(path: Path, clock: Clock, random: Random) -> Store:
    """Open a SQLite file, made or migrated where needed; raise StoreError in words.

    The caller holds the file's `Lock`.
    """
    try:
        look(path)
        with ExitStack() as undone:
            writing, reading = engine(path, "IMMEDIATE"), engine(path, "DEFERRED")
            undone.callback(writing.dispose)
            migrate(writing)
            at_once = engine(path, "IMMEDIATE", wait_seconds=0)
            store = Store(Engines(writing=writing, at_once=at_once, reading=reading), clock, random)
            undone.pop_all()
            return store
    except DatabaseError as error:
        raise StoreError(_words(path, error)) from error


def engine(path: Path, begin: str, wait_seconds: float = BUSY_SECONDS) -> Engine:
    """Make an engine whose transactions begin as told, after waiting so long for another process's.

    The driver's own way of beginning lost another process's write without a word (measured, 2026).
    """
    made = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": wait_seconds, "check_same_thread": False}
    )
    event.listen(made, "connect", _prepare)

    @event.listens_for(made, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return made


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by the event above alone
    for setting in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"cache_size=-{CACHE_KIB}",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {setting}")


def look(path: Path) -> None:
    """Read whose database it is; raise StoreError for a newer or foreign one, in which nothing was changed yet."""
    reading = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    try:
        with reading.connect() as connection:
            found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found if not name.startswith("sqlite_")} - {"alembic_version"}
            current = set(MigrationContext.configure(connection).get_current_heads())
    finally:
        reading.dispose()
    ours = {revision.revision for revision in ScriptDirectory.from_config(_migrations()).walk_revisions()}
    if (tables and not current) or (current - ours and not tables & set(metadata.tables)):
        raise StoreError(f"{path} is a database of another program; give alarm-bridge a store of its own")
    if current - ours:
        raise StoreError(
            f"{path} was written by a newer alarm-bridge (its tables are {', '.join(sorted(current))}); "
            "use that one again, or a new store"
        )


def migrate(writing: Engine) -> None:
    """Bring the tables up to date."""
    config = _migrations()
    with writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _words(path: Path, error: DatabaseError) -> str:
    said = cause_of(error)
    if "not a database" in said:
        return f"{path} is not a database; move it away, or give alarm-bridge another store"
    if "unable to open" in said:
        return f"{path} cannot be opened: check that it is a file that this user may write, in a folder that exists"
    if "readonly" in said or "read-only" in said:
        return f"{path} may not be written by this user"
    if "locked" in said:
        return f"{path} is locked by another program"
    if "malformed" in said:
        return f"{path} is damaged; restore it from a backup, or give alarm-bridge another store"
    return f"{path} cannot be used: {said}"
