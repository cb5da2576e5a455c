"""The edge itself: forked by `serve`, or `python -m bridge.edge.process WIRE`, a file descriptor that it inherits.

The first that it reads is which edge it is, and the sockets at which it is to take callbacks.

It ends as soon as the wire does, and by nothing else: a signal to the group is for the bridge, which lets it finish.
"""

import asyncio
import os
import pickle
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog

from bridge import logs
from bridge.channels import tools_of
from bridge.clock import SystemClock
from bridge.edge.calls import Calls
from bridge.edge.desk import WireDesk
from bridge.edge.hello import Hello
from bridge.edge.wire import MOST_DOORS, START, Kind, Wire
from bridge.process import LOOP, tune_garbage_collection
from bridge.redaction import with_older
from bridge.web.callback import CallbackListener
from bridge.web.listening import listen_on

log = structlog.get_logger()


class Process:
    """The parts of an edge."""

    def __init__(self, generation: int, doors: list[socket.socket]) -> None:
        self._doors = doors
        self._open = AsyncExitStack()
        self._clock = SystemClock()
        self._listener: CallbackListener | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._secrets = list[str]()  # of all configs, the oldest first: calls by them may be under way
        self._generation = generation

    async def run(self, wire: socket.socket) -> None:
        """Work until the other end is gone."""
        ended = asyncio.Event()
        take: dict[int, Any] = {}
        self._wire = Wire(take, ended.set)
        self._desk = WireDesk(self._wire, self._generation)
        calls = Calls(self._wire, tools_of(os.environ, sys.stdout, self._clock.now), self._desk.kept)
        take |= {
            Kind.SETTINGS: self._settings,
            Kind.CHANNEL: calls.channel,
            Kind.VIEW: calls.view,
            Kind.FORGET: calls.forget,
            Kind.POST: calls.post,
            Kind.TAKE_BACK: calls.take_back,
            Kind.STORED: self._desk.stored,
            Kind.READY: self._desk.ready,
            Kind.PING: lambda: self._wire.send(Kind.PONG),
            Kind.STOP: lambda: self._begin(self._stop()),
        }
        await asyncio.get_running_loop().create_unix_connection(lambda: self._wire, sock=wire)
        await ended.wait()
        logs.flush()
        os._exit(0)  # at once, whatever is under way: nobody would hear of it, and a name server may keep a thread

    def _settings(self, number: int, written: bytes) -> None:
        """Take callbacks by these settings from the next request on."""
        hello: Hello = pickle.loads(written)  # noqa: S301 - from our own process
        self._secrets = with_older(hello.secrets, self._secrets)
        logs.begin(sys.stderr, os.environ, level=hello.level, secrets=self._secrets)
        if self._listener is None:
            self._listener = CallbackListener(hello.server, self._desk, self._clock)
            self._begin(self._serve(self._listener))
        else:
            self._listener.renew(hello.server)
        self._wire.send(Kind.SETTLED, number)

    async def _serve(self, listener: CallbackListener) -> None:
        try:
            await listen_on(self._open, listener, self._doors)
        except Exception:
            log.exception("the edge cannot take callbacks")
            logs.flush()
            os._exit(1)  # else it would live on, and no other take its place
        tune_garbage_collection()
        self._wire.send(Kind.SERVING)

    async def _stop(self) -> None:
        """Let nobody in any more, and answer who is."""
        await self._open.aclose()
        self._wire.send(Kind.STOPPED)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def work(wire: socket.socket) -> NoReturn:
    """Be an edge until the bridge is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in {0, 1} - {wire.fileno()}:  # which it may be, where these were closed
        os.dup2(nothing, standard)
    said, descriptors, _, _ = socket.recv_fds(wire, START.size, MOST_DOORS)
    if not said:
        os._exit(0)  # the bridge did not come so far as to serve
    doors = [socket.socket(fileno=each) for each in descriptors]
    for each in (wire, *doors):
        each.setblocking(False)  # noqa: FBT003 - its only argument
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(Process(START.unpack(said)[0], doors).run(wire))
    os._exit(1)


if __name__ == "__main__":
    work(socket.socket(fileno=int(sys.argv[1])))
