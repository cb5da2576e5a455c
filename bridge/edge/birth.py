"""How an edge comes into being: the first is forked before there is anything to inherit, later ones begin from nothing.

Forked, it shares the memory of all that was imported, and takes no time. That is for a process without threads, a loop
and a store: once these are there, another Python is started.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog

from bridge.process import python_path

MODULE = "bridge.edge.process"

log = structlog.get_logger()


class Child(Protocol):
    """A process, as asyncio shows one."""

    def kill(self) -> None:
        """End it."""
        ...

    async def wait(self) -> int:
        """Wait for its end; give the exit code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """An edge that waits to be told what to serve, and our end of its wire."""

    child: Child
    wire: socket.socket


def fork(work: Callable[[socket.socket], NoReturn]) -> Born:
    """Split off a process that does this work; there must be no threads yet."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be(work, theirs)
    theirs.close()
    return Born(child=_Forked(pid), wire=ours)


def _be(work: Callable[[socket.socket], NoReturn], wire: socket.socket) -> NoReturn:
    """Do the work and nothing else: whatever becomes of it, what called `fork` is not this process's to go on with."""
    try:
        work(wire)
    except BaseException:
        log.exception("the edge failed")
    finally:
        os._exit(1)


async def start(environ: Mapping[str, str]) -> Born:
    """Start one from nothing; raise OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = (sys.executable, "-P", "-m", MODULE, str(theirs.fileno()))
        environ = {**environ, "PYTHONPATH": python_path()}
        child = await asyncio.create_subprocess_exec(
            *command,
            env=environ,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C would end it with a traceback before it comes to ignore that
        )
    return Born(child=child, wire=ours)


class _Forked:
    """A process that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended: asyncio.Future[tuple[int, int]] | None = None

    def kill(self) -> None:
        if self._ended is None or not self._ended.done():  # else the number may be another's by now
            os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        if self._ended is None:
            self._ended = asyncio.ensure_future(asyncio.to_thread(os.waitpid, self.pid, 0))
        _, status = await asyncio.shield(self._ended)
        return os.waitstatus_to_exitcode(status)
