"""Keeps an edge: starts it, starts another one where it ends or says nothing, and lets it finish."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count

import structlog

from bridge.clock import Clock
from bridge.edge.birth import Born, Child, start
from bridge.edge.hello import Hello
from bridge.edge.link import Link
from bridge.edge.wire import START, Kind
from bridge.web.reception import Reception

START_SECONDS = 30.0  # for it to take callbacks: others may have the processors
LINK_SECONDS = 5.0  # for which a message waits for an edge
PING_SECONDS = 5.0  # of silence; who waits at Tencent's side gives up then, too
LOOKS = 10  # in that time
HALT_SECONDS = 1.0  # by which a look comes late where this process was halted, and the edge perhaps with it
STOP_SECONDS = 6.0  # for callbacks that are under way: more than the listener takes
END_SECONDS = 1.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0  # before another one is started
CALM_SECONDS = 60.0  # after which the next end is the first again

log = structlog.get_logger()


class Keeper:
    """Whichever edge there is."""

    def __init__(
        self,
        hello: Callable[[], Hello],
        reception: Callable[[], Reception],
        *,
        environ: Mapping[str, str],
        clock: Clock,
        first: Born | None = None,
    ) -> None:
        """Take `hello`, which gives by what it is to take callbacks, and `reception`, which takes them from it."""
        self.link: Link | None = None
        self.ends = 0  # of edges that were not told to end
        self._doors: Sequence[socket.socket] = ()
        self._reception = reception
        self._hello = hello
        self._environ = environ
        self._clock = clock
        self._numbers = count(1)
        self._opened, self._linked = asyncio.Event(), asyncio.Event()
        self._first = first
        self._process: Child | None = None
        self._is_stopping = False

    @property
    def trouble(self) -> str:
        """Why no callback is taken; empty where they are."""
        if self.link is not None and self.link.serving.done():
            return ""
        return f"it begins, after {self.ends} that ended" if self.ends else "it begins"

    def number(self) -> int:
        """Give a number that means nothing else."""
        return next(self._numbers)

    async def opened(self) -> None:
        """Wait until the first one takes callbacks."""
        await self._opened.wait()

    async def linked(self) -> Link | None:
        """Wait for an edge; give None where none comes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINK_SECONDS):
                await self._linked.wait()
        return self.link

    def renew(self) -> None:
        """Have callbacks taken by what `hello` gives now."""
        if self.link is not None:
            self.link.settle(self._hello())

    async def renewed(self) -> None:
        """Wait until it goes by what `renew` told it, or is gone: another one begins by that."""
        if (link := self.link) is not None:
            await asyncio.wait([link.settled, link.lost], timeout=LINK_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def open(self, doors: Sequence[socket.socket]) -> None:
        """Have an edge serve these sockets, which are open; raise OSError where it does not."""
        self._doors = doors
        link = await self._start()
        await asyncio.wait([link.serving, link.lost], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not link.serving.done():
            raise OSError("the process that takes callbacks did not begin")
        self._opened.set()

    async def run(self) -> None:
        """Start another one whenever one ends, for ever."""
        await self._opened.wait()
        pause = FIRST_PAUSE_SECONDS
        while True:
            link, begun = self.link, self._clock.monotonic()
            if link is not None:
                await self._watch(link)
            if self._is_stopping:
                return
            self.ends += 1
            code = await self._ended()
            log.error("the edge ended: another one is started", exit_code=code, pause_seconds=pause)
            pause = FIRST_PAUSE_SECONDS if self._clock.monotonic() - begun > CALM_SECONDS else pause
            await self._clock.sleep(pause)
            if self._is_stopping:  # the sockets are closed
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                await self._start()
            except OSError as error:
                log.error("the edge cannot be started", reason=str(error))  # noqa: TRY400 - the words say it

    async def stop(self) -> None:
        """Let nobody in any more, and have answered who is."""
        self._is_stopping = True
        for door in self._doors:
            door.close()
        if self.link is not None:
            link = self.link
            link.wire.send(Kind.STOP)
            await asyncio.wait([link.stopped, link.lost], timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        """End it."""
        self._is_stopping = True
        if self._first is not None:  # it never came to serve
            self._first.wire.close()
        if self.link is not None:
            self.link.wire.close()
        await self._ended()

    async def _start(self) -> Link:
        born, self._first = self._first or await start(self._environ), None
        generation, self._process = self.number(), born.child
        socket.send_fds(born.wire, [START.pack(generation)], [door.fileno() for door in self._doors])
        born.wire.setblocking(False)  # noqa: FBT003 - its only argument
        link = Link(generation, self._reception())
        await asyncio.get_running_loop().create_unix_connection(lambda: link.wire, sock=born.wire)
        self.link = link
        self._linked.set()
        link.settle(self._hello())
        return link

    async def _watch(self, link: Link) -> None:
        """Wait until it is gone; end one that says nothing."""
        while not link.lost.done():
            link.ping()
            seconds = PING_SECONDS if link.serving.done() else START_SECONDS
            if not await self._says_something(link, seconds) and self._process is not None:
                log.error("the edge says nothing: it is ended")
                self._kill(self._process)
                await link.lost
            await asyncio.wait([link.lost], timeout=PING_SECONDS)
        self.link = None
        self._linked.clear()

    async def _says_something(self, link: Link, seconds: float) -> bool:
        """Wait for an answer, or the end. Time in which this process was halted is no silence: a laptop slept."""
        left, look_seconds = LOOKS, seconds / LOOKS
        while left > 0:
            begun = self._clock.monotonic()
            done, _ = await asyncio.wait(
                [link.lost, link.answered], timeout=look_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return True
            if self._clock.monotonic() - begun < look_seconds + HALT_SECONDS:
                left -= 1
        return False

    async def _ended(self) -> int | None:
        """Wait for the process to end, which it does with its wire; give the exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            async with asyncio.timeout(END_SECONDS):
                return await process.wait()
        except TimeoutError:
            self._kill(process)
            return await process.wait()

    def _kill(self, process: Child) -> None:
        with suppress(ProcessLookupError):  # it ended this moment
            process.kill()
