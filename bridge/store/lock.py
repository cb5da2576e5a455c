"""The right to serve from a database file.

The lock is a file of its own beside the database and is never unlinked: closing any descriptor of
the database file itself would drop SQLite's own locks.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.store.work import StoreError

TRIALS = 5
TRIAL_SECONDS = 0.05


class Lock:
    """The right to serve from a database file; raise StoreError where another process has it."""

    def __init__(self, path: Path) -> None:
        self._path = lock_file(path)
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the store's folder cannot be used: {self._path.parent}: {error.strerror}") from error
        if not self._taken():
            os.close(self._descriptor)
            raise StoreError(
                f"another alarm-bridge serves from {path}; stop it first, or give this one a store of its own"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def _taken(self) -> bool:
        """Take it; a command that looks who has it may hold it for a moment."""
        for _ in range(TRIALS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(TRIAL_SECONDS)
            else:
                return True
        return False


def is_served(path: Path) -> bool:
    """Say whether a `serve` has the database file now."""
    try:
        descriptor = os.open(lock_file(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock_file(path: Path) -> Path:
    """Give the lock's file, which stands beside the database."""
    return path.with_name(path.name + ".lock")
