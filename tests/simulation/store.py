"""The store of a run: the real one on a copy of a migrated file, its threads played by the loop, its disk at fault."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.exc import OperationalError

from bridge.clock import Clock, SystemClock
from bridge.store import Store, StoreUnavailable
from bridge.store.engines import engine
from bridge.store.opening import open_store
from bridge.store.requests import Requests, Wish
from bridge.store.store import Engines
from tests.simulation.loop import PROCESS, SimLoop

BUSY_SECONDS = 0.05
FULL = "database or disk is full"
MEMORY = Path("/dev/shm")  # a disk that takes no time, where there is one


@cache
def folder() -> Path:
    """Make the folder of this process's runs, with a migrated file to copy."""
    path = Path(tempfile.mkdtemp(prefix="alarm-bridge-", dir=MEMORY if MEMORY.is_dir() else None))
    Finalize(None, shutil.rmtree, (path,), {"ignore_errors": True}, exitpriority=1)  # also where a pool ends it
    open_store(path / "image.db", SystemClock(), Random(1)).close()
    return path


@cache
def _engines(path: Path) -> Engines:
    """Make the ways in once: each run finds another file there."""
    return Engines(
        writing=engine(path, "IMMEDIATE"),
        at_once=engine(path, "IMMEDIATE", wait_seconds=0),
        reading=engine(path, "DEFERRED"),
    )


class Disk:
    """The database file of a run, and the threads that use it."""

    def __init__(self, loop: SimLoop, random: Random, met: Callable[[str], None]) -> None:
        self.path = folder() / "run.db"
        self.full_until = self.slow_until = 0.0
        self.before: Callable[[str], None] = lambda _name: None  # told of each call in a thread, before it is made
        self._loop, self._random, self._met = loop, random, met
        self._open: Store | None = None
        self._connection: Any = None  # of a transaction that is begun and not committed
        for file in folder().glob("run.db*"):
            file.unlink()
        shutil.copy(folder() / "image.db", self.path)

    def open(self, _path: Path, clock: Clock, random: Random) -> Store:
        """Open the store for a process."""
        store = Store(_engines(self.path), clock, random)
        process, begin = PROCESS.get(), store.begin

        def begun() -> Any:
            if process.is_dead:
                raise StoreUnavailable("the process is dead")
            self._connection = begin()
            return self._connection

        store.begin = begun  # type: ignore[method-assign]  # a transaction that a kill may have to end
        self._open = store
        return store

    def last_id(self) -> int:
        """Give the highest id that the bridge has given."""
        assert self._open is not None
        return self._open.ids._last

    def kill(self) -> None:
        """Let go of the file as a process that dies does."""
        if self._connection is not None and not self._connection.closed:
            self._connection.close()
        if self._open is not None:
            self._open.close()
        self._open = self._connection = None

    def thread(self, call: Callable[..., Any], *values: Any) -> asyncio.Future[Any]:
        """Make a call as a thread would, now or a little later, with the answer later still."""
        future = self._loop.create_future()
        process = PROCESS.get(None)
        name = getattr(call, "__name__", "")

        def work() -> None:
            if future.done() or (process and process.is_dead):
                return
            try:
                self._fail_where_full(name)
                value = call(*values)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
                self._loop.call_later(self._seconds(name), self._settle, process, future, error, None)
            else:
                self._loop.call_later(self._seconds(name), self._settle, process, future, None, value)

        self.before(name)
        if self._random.random() < 0.5:
            work()
        else:
            self._loop.call_later(self._seconds(name), work)
        return future

    def _settle(self, process: Any, future: asyncio.Future[Any], error: Exception | None, value: Any) -> None:
        if future.done() or (process and process.is_dead):
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def _seconds(self, name: str) -> float:
        if name in {"commit", "write"} and self._loop.time() < self.slow_until:
            self._met("slow disk")
            return self._random.uniform(0.2, 4.0)
        return self._random.uniform(0.0001, 0.02)

    def _fail_where_full(self, name: str) -> None:
        if name not in {"commit", "write"} or self._loop.time() >= self.full_until:
            return
        self._met("full disk")
        if name == "write":
            raise StoreUnavailable(f"the store cannot be written: {FULL}")
        raise OperationalError(None, None, sqlite3.OperationalError(FULL))

    def ask(self, wishes: Iterable[Wish], now: datetime) -> None:
        """Write requests as a command does; one that finds the file busy tries again."""
        engines = _engines(self.path)
        try:
            Requests(writing=engines.at_once, reading=engines.reading).ask(wishes, who="somebody", now=now)
        except OperationalError:
            self._loop.call_later(BUSY_SECONDS, self.ask, list(wishes), now)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Read the database as another program would."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query, values).fetchall()
