"""A loop in which nothing is real but the code: time jumps to the next timer, sockets are queues, threads are calls.

Each task, transport and call in a thread belongs to the process in whose context it was made, so that one can be
killed: what it had in memory is gone, and what its coroutines still do on their way out reaches nobody.
"""

import asyncio
import selectors
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

START = 1000.0  # the loop's time at the beginning
MOST_TURNS = 50_000
NOBODY: Any = None
PROCESS: ContextVar["Process"] = ContextVar("PROCESS")  # nobody's: the world around


class Process:
    """What dies together."""

    def __init__(self) -> None:
        self.is_dead = False
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in the order in which they were made
        self.ends: dict[Any, None] = {}  # of its connections
        self.ports: list[Any] = []

    def kill(self) -> None:
        """End it as SIGKILL does; the ends of its connections break, as the system would have it."""
        self.is_dead = True
        for end in list(self.ends):
            end.abort()
        for task in list(self.tasks):
            task.cancel()


class SimLoop(asyncio.SelectorEventLoop):
    """The loop. `thread` runs what a thread would run; `network` connects."""

    def __init__(self) -> None:
        self._moment = START
        self.thread: Callable[..., asyncio.Future[Any]] = NOBODY
        self.network: Any = NOBODY
        self.failures: list[str] = []  # what nobody caught
        super().__init__(_Selector(self))
        self.set_task_factory(_task)
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._moment

    def forward(self, seconds: float) -> None:
        self._moment += seconds

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # a future
        return self.thread(func, *args)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        await self.network.knock(sock, address)

    async def create_connection(self, factory: Any, *_: Any, **options: Any) -> Any:  # type: ignore[override]  # one form
        return await self.network.connect(factory, options["sock"])

    async def create_server(self, factory: Any, host: Any, port: Any, **_: Any) -> Any:  # type: ignore[override]  # one form
        return self.network.serve(factory, host, port)

    def _failed(self, _loop: Any, context: dict[str, Any]) -> None:
        process = PROCESS.get(None)
        left_open = str(context.get("message")).startswith("Unclosed")  # by a process that was killed
        if not left_open and (process is None or not process.is_dead):
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")


class _Selector(selectors.BaseSelector):
    """Waits for nothing but time."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._map: dict[Any, Any] = {}
        self._turns = 0  # since time last passed

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        self._map[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._map[fileobj]

    def unregister(self, fileobj: Any) -> Any:
        return self._map.pop(fileobj)

    def get_map(self) -> Any:
        return self._map

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more")
        self._turns = 0 if timeout > 0 else self._turns + 1
        if timeout > 0:
            self._loop.forward(timeout)
        if self._turns > MOST_TURNS:
            raise RuntimeError("much happens, and no time passes")
        return []


def _task(loop: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(work, loop=loop, **options)
    process = PROCESS.get(None)
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(lambda task: process.tasks.pop(task, None))
        if process.is_dead:
            task.cancel()
    return task
