"""The one writer: everything that waits shares the next transaction, run in a thread of its own.

While a transaction runs, what comes in waits for the next one; so batches grow with the load and
nobody has to choose a window. What the store cannot take now is refused to callbacks (their sender
sends again) and kept for results (nobody else knows them).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bridge.alarm import Callback
from bridge.clock import Clock
from bridge.patience import WAIT_SECONDS, Patience
from bridge.store.jobs import Job
from bridge.store.store import Store, Work, Written
from bridge.store.work import Judge, Judgement, Result, StoreError, StoreUnavailable

MAX_WAITING = 2000  # callbacks; more are refused at once
MAX_BATCH = 20  # callbacks in one transaction: as many as results can come, so that neither half outruns the other
PAUSE_SECONDS = 0.5  # before results are tried again

log = structlog.get_logger()
T = TypeVar("T")
Waiting = deque[tuple[T, asyncio.Future[Any]]]


class Overloaded(StoreError):
    """Too many callbacks wait for the store."""


class Writer:
    """Gives each of its callers an answer when theirs is on disk."""

    def __init__(self, store: Store, judge: Callable[[], Judge], executor: Executor, clock: Clock) -> None:
        self.store = store
        self.trouble = ""  # why the store cannot be written, while it cannot
        self.last_trouble = ""  # why it could not, and how often: who looks now and then misses a short one
        self.refusals = 0
        self.on_work: Callable[[Written], None] = lambda _written: None  # told of new deliveries
        self._judge = judge
        self._executor = executor
        self._clock = clock
        self._callbacks: Waiting[Callback] = deque()
        self._results: Waiting[Result] = deque()
        self._begun: Waiting[int] = deque()
        self._jobs: Waiting[Job] = deque()
        words = f"the store did not take it within {WAIT_SECONDS:g} s"
        self._patience = Patience(WAIT_SECONDS, lambda: Overloaded(words))
        self._wake = asyncio.Event()

    async def record(self, callback: Callback) -> Judgement:
        """Store one callback and what follows from it; raise Overloaded or StoreUnavailable."""
        return await self.put(callback)

    def put(self, callback: Callback) -> asyncio.Future[Judgement]:
        """Have one callback stored; raise Overloaded, as what is given does, too, or StoreUnavailable."""
        if len(self._callbacks) >= MAX_WAITING:
            raise Overloaded("too many callbacks are waiting for the store")
        future: asyncio.Future[Judgement] = self._put(self._callbacks, callback)
        self._patience.add(future)
        return future

    def finish(self, result: Result) -> asyncio.Future[None]:
        """Store how an attempt ended, however long the store takes; the future is done when it is on disk."""
        return self._put(self._results, result)

    async def begin(self, delivery_id: int) -> None:
        """Store that a step is about to be made; raise StoreUnavailable."""
        await self._put(self._begun, delivery_id)

    async def do(self, job: Job) -> Any:
        """Run a job in the next transaction; raise StoreUnavailable."""
        return await self._put(self._jobs, job)

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._callbacks or self._results or self._begun or self._jobs:
                await self._turn()

    def _put(self, queue: Waiting[T], item: T) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        queue.append((item, future))
        self._wake.set()
        return future

    async def _turn(self) -> None:
        """Write one batch and answer those who wait for it."""
        callbacks = _take(self._callbacks, MAX_BATCH)
        results, begun, jobs = (_take(queue, None) for queue in (self._results, self._begun, self._jobs))
        work = Work(_items(callbacks), _items(results), _items(begun), _items(jobs))
        try:
            written = await self._run(work)
        except StoreUnavailable as error:
            self._refuse(error, (*callbacks, *begun, *jobs))
            self._results.extendleft(reversed(results))
            await self._clock.sleep(PAUSE_SECONDS)
        except Exception as error:
            log.exception("the store failed")
            self._refuse(
                StoreUnavailable(f"the store failed ({type(error).__name__})"), (*callbacks, *results, *begun, *jobs)
            )
        else:
            done = [*((one.delivery.id, future) for one, future in results), *begun]
            self._answer(written, callbacks, jobs, done)

    async def _run(self, work: Work) -> Written:
        """Write it: what takes long in the thread, and what is judged between its two waits for the disk.

        Judging in the thread as well would have two threads wrestle for one interpreter: it cost a
        third of the throughput (measured in 2026). Where anything fails, the thorough way finds out why.
        """
        if work.jobs:
            return await self._in_thread(self.store.write, work, self._judge())
        connection = self._begun_or_none()
        if connection is not None:
            try:
                written = self.store.fill(connection, work, self._judge())
                await self._in_thread(self.store.commit, connection)
            except Exception:  # noqa: BLE001 - whatever it was, the thorough way below finds out and says
                await self._in_thread(self.store.roll_back, connection)
            else:
                return written
        return await self._in_thread(self.store.write, work, self._judge())

    def _begun_or_none(self) -> Connection | None:
        """Begin at once; None where another process writes, for which the thread can wait."""
        try:
            return self.store.begin()
        except DBAPIError:
            return None

    async def _in_thread(self, call: Callable[..., T], *values: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *values)

    def _answer(self, written: Written, callbacks: Any, jobs: Any, others: Any) -> None:
        if self.trouble:
            log.warning("the store can be written again", trouble=self.trouble)
            self.trouble = ""
            written = replace(written, is_after_trouble=True)
        for (_, future), judgement in zip(callbacks, written.judgements, strict=True):
            _settle(future, judgement)
        for (_, future), value in zip(jobs, written.jobs, strict=True):
            _settle(future, value)
        for delivery, future in others:
            _settle(future, written.failed.get(delivery))
        if written.deliveries or written.moved or written.returned or written.is_after_trouble:
            self.on_work(written)

    def _refuse(self, error: StoreUnavailable, waiting: Iterable[tuple[Any, asyncio.Future[Any]]]) -> None:
        if not self.trouble:
            log.error("the store cannot be written", reason=str(error))
        self.trouble = self.last_trouble = str(error)
        self.refusals += 1
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)


def _take(queue: Waiting[T], most: int | None) -> list[tuple[T, asyncio.Future[Any]]]:
    """Take what still has somebody waiting for it."""
    taken: list[tuple[T, asyncio.Future[Any]]] = []
    while queue and (most is None or len(taken) < most):
        item, future = queue.popleft()
        if not future.done():
            taken.append((item, future))
    return taken


def _items(taken: list[tuple[T, asyncio.Future[Any]]]) -> list[T]:
    return [item for item, _ in taken]


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if future.done():
        return
    if isinstance(value, Exception):
        future.set_exception(StoreUnavailable(f"the store failed ({type(value).__name__})"))
    else:
        future.set_result(value)
