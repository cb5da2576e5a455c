"""What the console listener tells: metrics, and health with its reasons."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.clock import Clock
from bridge.delivery import Worker
from bridge.metrics import Metrics
from bridge.store import QueueLength, Queues, Store, Writer

NOTHING = QueueLength(waiting=0, oldest=None)
REMOVED: Mapping[str, Any] = {
    "status": "removed",
    "reason": "not in the config: what waits for it stays until it is there again",
    "broken_since": None,
    "next_try_seconds": 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks at the running parts."""

    store: Store
    reading: Executor
    writer: Writer
    workers: Mapping[str, Worker]
    clock: Clock
    metrics: Metrics
    troubles: Callable[[], Sequence[Mapping[str, Any]]]  # the bridge's own that last
    edge: Callable[[], str] = lambda: "off"  # how it is, in words

    async def metrics_text(self) -> bytes:
        """Give the metrics, with the queues as they are now."""
        queues, alarms = await self._look()
        self.metrics.know(self.workers)
        for name in self.workers.keys() | queues.keys():
            queue = queues.get(name, NOTHING)
            self.metrics.queue(name, waiting=queue.waiting, oldest_seconds=self._age(queue.oldest))
        self.metrics.alarms_open(alarms)
        return self.metrics.text()

    async def health(self) -> Mapping[str, Any]:
        """Give the state of store and channels, in words where something is wrong."""
        queues, alarms = await self._look()
        trouble = self.writer.trouble
        return {
            "status": "unavailable" if trouble else "ok",
            "store": trouble or "ok",
            "edge": self.edge(),
            "alarms_open": alarms,
            "troubles": list(self.troubles()),
            "channels": {
                name: {
                    **(self._channel(self.workers[name]) if name in self.workers else REMOVED),
                    "waiting": queues.get(name, NOTHING).waiting,
                    "oldest_seconds": round(self._age(queues.get(name, NOTHING).oldest), 3),
                }
                for name in [*self.workers, *sorted(queues.keys() - self.workers.keys())]
            },
        }

    def _channel(self, worker: Worker) -> Mapping[str, Any]:
        state = worker.condition.state
        waits = worker.condition.pause_seconds()
        return {
            "status": "broken" if state.broken_since else "paused" if waits > 0 else "ok",
            "reason": state.reason,
            "broken_since": state.broken_since.isoformat() if state.broken_since else None,
            "next_try_seconds": round(max(0.0, waits), 3),
        }

    def _age(self, moment: datetime | None) -> float:
        return max(0.0, (self.clock.now() - moment).total_seconds()) if moment else 0.0

    async def _look(self) -> tuple[Queues, int]:
        """Read the queues; without a store nothing is known of them."""
        run = asyncio.get_running_loop().run_in_executor
        try:
            return await run(self.reading, self.store.queues), await run(self.reading, self.store.open_alarms)
        except SQLAlchemyError:
            return {}, 0
