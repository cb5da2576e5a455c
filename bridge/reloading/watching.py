"""Says when something stirs where config, secrets and templates are.

Folders are watched, not files: editors put another file in the place of the old one, and Kubernetes
turns a link (`..data`) to another folder. Whether anything changed is found out by whoever is told.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from watchfiles import Change, awatch

STEP_MS = 200  # between two looks of the thread that waits for the system's word
GROUP_MS = 1000  # of stirrings that are told as one
# It is written for each callback, and often stands beside the config.
OF_THE_STORE = ("-wal", "-shm", "-journal", ".lock")

log = structlog.get_logger()


async def watch(folders: frozenset[Path], stir: Callable[[], None]) -> None:
    """Call `stir` for whatever happens in one of the folders, until cancelled; where they cannot be watched, never."""
    try:
        async for _ in awatch(*folders, watch_filter=_matters, step=STEP_MS, debounce=GROUP_MS, recursive=False):
            stir()
    except (OSError, RuntimeError) as error:  # a full table of watches is the latter
        log.info("files cannot be watched, and are looked at every 2 s instead", reason=str(error))
    await asyncio.Event().wait()


def _matters(_change: Change, path: str) -> bool:
    return not path.endswith(OF_THE_STORE)
