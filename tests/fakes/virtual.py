"""Time that passes only while nothing happens: a test of a day takes as long as what happens in it.

The loop jumps to its next timer when no callback is ready, no thread works for it, and all that was
sent on loopback has arrived. So a time-out never overtakes a thread or a server on loopback.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import Signature, signature
from typing import Any, TypeVar

STUCK_SECONDS = 20.0  # of real time: nobody will come any more
START = datetime(2021, 5, 11, 12, 32, 33, tzinfo=UTC)  # 93 s after the capture of 2021 says that its alarm began


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own."""

    def __init__(self) -> None:
        self._moment = 1000.0
        self._at_work = 0  # calls in threads
        self._loopback = _Loopback()
        super().__init__(_Selector(self))

    def close(self) -> None:
        super().close()
        self._loopback.close()

    def time(self) -> float:
        return self._moment

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # only counts
        future = super().run_in_executor(executor, func, *args)
        self._at_work += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _future: Any) -> None:
        self._at_work -= 1

    def wait(self, selector: "_Selector", seconds: float | None) -> list[Any]:
        """Do what `select` does, in time of this loop's own."""
        if seconds is not None and seconds <= 0:
            return selector.really(0)
        if self._at_work:
            return _patiently(selector)
        if len(selector.get_map()) > 1:  # one is the loop's own
            self._loopback.flush()
        events = selector.really(0)
        if events:
            return events
        if seconds is None:
            return _patiently(selector)
        self._moment += seconds
        return []


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        return self._loop.wait(self, timeout)

    def really(self, timeout: float) -> list[Any]:
        """Wait in real time."""
        return super().select(timeout)


class _Loopback:
    """A connection of our own. What comes out of it left after all that others had sent on loopback, which is a queue."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._near = socket.create_connection(server.getsockname(), timeout=STUCK_SECONDS)
            self._far, _ = server.accept()
        self._near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._far.settimeout(STUCK_SECONDS)

    def flush(self) -> None:
        """Return when everything that was sent before has arrived."""
        self._near.send(b".")
        self._far.recv(1)

    def close(self) -> None:
        self._near.close()
        self._far.close()


def _patiently(selector: _Selector) -> list[Any]:
    events = selector.really(STUCK_SECONDS)
    if not events:
        raise RuntimeError("the test waits for something that never comes")
    return events


class LoopClock:
    """The bridge's clock, driven by the loop. `shift` moves the wall clock alone."""

    def __init__(self, loop: VirtualLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start - timedelta(seconds=loop.time())
        self.shift = timedelta()

    def now(self) -> datetime:
        return self._start + self.shift + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


T = TypeVar("T")


def run(work: Callable[[LoopClock], Coroutine[Any, Any, T]], *, start: datetime = START) -> T:
    """Run a coroutine, made with the clock, in a loop whose time is virtual."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(work(LoopClock(loop, start)))


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let a test run in virtual time; its argument `clock` is the LoopClock."""

    @wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        run(lambda clock: test(*args, clock=clock, **kwargs))

    names = [one for name, one in signature(test).parameters.items() if name != "clock"]
    wrapper.__signature__ = Signature(names)  # type: ignore[attr-defined]  # where pytest looks for fixtures
    del wrapper.__wrapped__
    return wrapper
