"""A store that is made and migrated once for all tests of a process: each test begins with a copy of the file."""

import shutil
import tempfile
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from random import Random

from bridge.clock import SystemClock
from bridge.store.opening import open_store


def made(path: Path) -> Path:
    """Make a store where there is none yet."""
    if not path.exists():
        shutil.copy(_migrated(), path)
    return path


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="alarm-bridge-"))
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=1)
    open_store(folder / "migrated.db", SystemClock(), Random(1)).close()
    return folder / "migrated.db"
