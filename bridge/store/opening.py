"""Opening the database: one `serve` a file, migrated, and refused in words where that cannot be."""

from contextlib import ExitStack
from pathlib import Path
from pkgutil import resolve_name
from random import Random

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DatabaseError

from bridge.clock import Clock
from bridge.store.engines import BUSY_SECONDS, engine
from bridge.store.failures import cause_of
from bridge.store.schema import metadata
from bridge.store.store import Engines, Store
from bridge.store.versions import MIGRATIONS, versions_in, versions_of
from bridge.store.work import StoreError

MIGRATE = "bridge.store.migrating:migrate"  # imported where it is wanted: its library took a tenth of each start


def open_store(path: Path, clock: Clock, random: Random) -> Store:
    """Open a SQLite file, made or migrated where needed; raise StoreError in words.

    The caller holds the file's `Lock`.
    """
    try:
        up_to_date = look(path)
        with ExitStack() as undone:
            writing, reading = engine(path, "IMMEDIATE"), engine(path, "DEFERRED")
            undone.callback(writing.dispose)
            if not up_to_date:
                resolve_name(MIGRATE)(writing, MIGRATIONS)
            at_once = engine(path, "IMMEDIATE", wait_seconds=0)
            store = Store(Engines(writing=writing, at_once=at_once, reading=reading), clock, random)
            undone.pop_all()
            return store
    except DatabaseError as error:
        raise StoreError(_words(path, error)) from error


def look(path: Path) -> bool:
    """Read whose database it is, and say whether its tables are up to date.

    Raise StoreError for a newer or foreign one, in which nothing was changed yet.
    """
    reading = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    try:
        with reading.connect() as connection:
            found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found if not name.startswith("sqlite_")} - {"alembic_version"}
            current = versions_in(connection)
    finally:
        reading.dispose()
    ours = versions_of(MIGRATIONS)
    foreign = current - set(ours)
    if (tables and not current) or (foreign and not tables & set(metadata.tables)):
        raise StoreError(f"{path} is a database of another program; give alarm-bridge a store of its own")
    if foreign:
        raise StoreError(
            f"{path} was written by a newer alarm-bridge (its tables are {', '.join(sorted(current))}); "
            "use that one again, or a new store"
        )
    return current == {ours[-1]}


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
