"""Opening the database: one `serve` a file, migrated, and refused in words where that cannot be."""

from contextlib import ExitStack
from pathlib import Path
from random import Random

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import DatabaseError

from bridge.clock import Clock
from bridge.store.engines import BUSY_SECONDS, engine
from bridge.store.failures import cause_of
from bridge.store.schema import metadata
from bridge.store.store import Engines, Store
from bridge.store.work import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


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
