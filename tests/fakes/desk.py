"""One worker with all that it is given: a queue in memory, a channel that does as it is told, and who hears of troubles."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Self

from bridge.attempt import as_stored
from bridge.delivery import Worker
from bridge.message import Delivery, DeliveryState
from bridge.metrics import Metrics
from bridge.post import Post
from bridge.store import PAGE, Merged, Result, StoreUnavailable
from tests.fakes.scripted import Scripted, words
from tests.fakes.virtual import LoopClock

WORK = frozenset({DeliveryState.WAITING, DeliveryState.BEGUN})


class Memory:
    """An outbox without a disk: what waits, what came of it, and what was asked; it can be in trouble."""

    def __init__(self) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.results: list[Result] = []
        self.kept: list[Any] = []
        self.merged: list[Any] = []
        self.storm = Merged(upto=10_000, is_storm=False, is_all=True)
        self.reads = 0
        self.fails = False  # to read and to begin
        self.lasts = 0.0  # seconds that storing a result takes
        self.trouble: Exception | None = None  # of storing a result

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a worker does not ask for {name}")

    def add(self, *deliveries: Delivery) -> None:
        self.deliveries |= {one.id: one for one in deliveries}

    async def waiting(self, channel: str, after: int) -> list[Delivery]:
        assert channel == "ops"
        self.reads += 1
        self._check()
        return [one for _, one in sorted(self.deliveries.items()) if one.id > after and one.state in WORK][:PAGE]

    async def begin(self, delivery_id: int) -> None:
        self._check()
        assert delivery_id in self.deliveries

    async def finish(self, result: Result) -> None:
        await asyncio.sleep(self.lasts)
        if self.trouble:
            raise self.trouble
        self.results.append(result)
        self.add(*(as_stored(one) for one in (result, *result.also, *result.along)))

    async def keep(self, state: Any) -> None:
        self.kept.append(state)

    async def merge(self, merging: Any) -> Merged:
        self.merged.append(merging)
        return self.storm

    async def message(self, _episode_id: int, _channel: str) -> None:
        return None

    async def gone(self, _delivery_id: int) -> str:
        return ""

    async def over_unheard(self, _episode_id: int, _channel: str) -> bool:
        return False

    def _check(self) -> None:
        if self.fails:
            raise StoreUnavailable("the disk is full")

    def states(self) -> list[str]:
        return [one.state.value for _, one in sorted(self.deliveries.items())]


class Told:
    """A reporter that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def trouble(self, trouble: Any, about: str = "", words: str = "") -> None:
        self.told.append((trouble.value, words))

    def over(self, trouble: Any, about: str = "") -> None:
        self.told.append((trouble.value, "over"))


class Calm:
    """An urgency by which nothing goes first, but the route `loud`."""

    routes = ("loud",)

    def __call__(self, route: str, _state: Any, _severity: str, _kind: str) -> bool:
        return route == "loud"


class Desk:
    """The worker of `ops`, which runs until `close`."""

    def __init__(self, clock: LoopClock, channel: Scripted, *, state: Any = None, **post: Any) -> None:
        self.clock, self.channel = clock, channel
        self.memory, self.reporter, self.metrics = Memory(), Told(), Metrics(channels=["ops"])
        given: dict[str, Any] = {
            "name": "ops",
            "channel": channel,
            "render": named,
            "chat": True,
            "one_by_one": True,
            "idempotent": False,
            "rate": None,
            "give_up_after": timedelta(hours=24),
            "fallback": None,
            "mark": "mark",
            "digest_over": 20,
            "threads": True,
            "urgency": Calm(),
            **post,
        }
        outbox: Any = self.memory
        self.worker = Worker(
            Post(**given),
            outbox,
            clock=clock,
            random=Random(5),
            metrics=self.metrics,
            state=state,
            reporter=self.reporter,
        )
        self._running: asyncio.Task[None] | None = None

    async def runs(self, seconds: float = 1.0) -> None:
        """Let it run for so long."""
        if self._running is None:
            self._running = asyncio.create_task(self.worker.run())
        await self.clock.sleep(seconds)
        if self._running.done():
            self._running.result()

    @property
    def is_over(self) -> bool:
        """Whether its work is done."""
        return self._running is not None and self._running.done()

    async def write(self, *deliveries: Delivery) -> None:
        """Let new deliveries be written, and say so."""
        self.memory.add(*deliveries)
        self.worker.wake()
        await self.clock.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running


def named(delivery: Delivery) -> Any:
    """Render a message that is the delivery's id."""
    return replace(words(delivery), text=str(delivery.id))
