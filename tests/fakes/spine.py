"""The bridge without its listeners: config, store, writer, intake and workers, as `app` wires them."""

import asyncio
import io
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from structlog.testing import capture_logs

from bridge import sources
from bridge.alarm import Callback
from bridge.app import parts_of
from bridge.channels import tools_of
from bridge.clock import stored
from bridge.config import Config, load
from bridge.delivery import Worker
from bridge.intake import Intake
from bridge.lifecycle import EXPIRY_SECONDS
from bridge.lookout import look_out
from bridge.metrics import Metrics
from bridge.outbox import StoreOutbox
from bridge.parts import Parts, prepare
from bridge.store import Judgement, Store, Writer
from bridge.store.opening import open_store
from bridge.troubles import Troubles, opened
from tests.fakes.migrated import made
from tests.fakes.virtual import LoopClock

MEMORY = "capture-2021-cvm-memory-triggered"
SAMPLES = Path(__file__).parents[2] / "bridge" / "samples"


@dataclass(slots=True, kw_only=True)
class Spine:
    """A bridge that runs: give it callbacks, look at its database."""

    path: Path
    config: Config
    clock: LoopClock
    store: Store
    writer: Writer
    parts: Parts
    troubles: Troubles
    environ: Mapping[str, str]
    out: io.StringIO
    logs: list[Any]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def intake(self) -> Intake:
        return self.parts.intake

    @property
    def workers(self) -> Mapping[str, Worker]:
        return self.parts.crew.workers

    @property
    def metrics(self) -> Metrics:
        return self.parts.metrics

    async def renew(self, text: str) -> None:
        """Have another config take the place of the one in force."""
        file = self.config.file
        await asyncio.to_thread(file.write_text, text, encoding="utf-8")
        self.config = (await asyncio.to_thread(load, file, self.environ)).config
        self.parts.apply(await asyncio.to_thread(prepare, self.config, self.store))

    async def take(self, body: bytes) -> Judgement:
        """Take a callback as the listener does."""
        return await self.writer.record(self.read(body))

    def read(self, body: bytes) -> Callback:
        received_at = stored(self.clock.now())
        return Callback(body=body, received_at=received_at, reading=sources.read(body, received_at))

    async def receive(self, seconds: int) -> None:
        """Have received for so long, and end what was not heard of for too long in it."""
        total = await self.writer.do(self.store.keep_receiving_time(seconds))
        while await self.writer.do(self.store.expire(self.intake, total - EXPIRY_SECONDS)):
            pass

    async def settle(self, seconds: float = 60.0) -> None:
        """Let everything happen that happens in this time."""
        await self.clock.sleep(seconds)

    def logged(self, text: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == text]

    def rows(self, query: str, *values: Any) -> list[Any]:
        return rows(self.path, query, *values)

    def deliveries(self, columns: str = "channel, events.state, step, deliveries.state") -> list[Any]:
        """Give the deliveries in the order of their ids, joined with their events."""
        return self.rows(
            f"SELECT {columns} FROM deliveries JOIN events ON events.id = deliveries.event_id ORDER BY deliveries.id"
        )


def rows(path: Path, query: str, *values: Any) -> list[Any]:
    """Read the database as another program would."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


@asynccontextmanager
async def a_spine(
    folder: Path,
    text: str,
    clock: LoopClock,
    *,
    random: Random | None = None,
    environ: Mapping[str, str] | None = None,
    workers: bool = True,
    own_alarms: bool = False,
    change: Callable[[dict[str, Worker], StoreOutbox], Mapping[str, Worker]] = lambda workers, _outbox: workers,
) -> AsyncIterator[Spine]:
    """Run a bridge whose config is `text` and whose store is in `folder`; `change` may exchange workers."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    config = (await asyncio.to_thread(load, file, environ or {})).config
    path, random, out = folder / "alarm-bridge.db", random or Random(7), io.StringIO()
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(capture_logs())
        await asyncio.to_thread(made, path)
        store = await asyncio.to_thread(open_store, path, clock, random)
        stack.callback(store.close)
        writing, reading = (stack.enter_context(ThreadPoolExecutor(1, name)) for name in ("writer", "reader"))
        writer = Writer(store, lambda: parts.intake, writing, clock)
        tasks = [_started(stack, writer.run())]
        outbox = StoreOutbox(writer, reading)
        troubles = Troubles(writer.record, clock, opened(await asyncio.to_thread(store.own_alarms), clock.now()))
        tools = tools_of({}, out, clock.now)
        parts = await asyncio.to_thread(
            parts_of, config, outbox, clock=clock, random=random, tools=tools, troubles=troubles
        )
        changed = await asyncio.to_thread(change, parts.crew.workers, outbox)
        parts.crew.workers.update(changed)
        parts.crew.posts.update({name: worker.post for name, worker in changed.items()})
        writer.on_work = parts.crew.hand_out
        stack.push_async_callback(parts.crew.stop, 8)
        if workers:
            tasks += [_started(stack, parts.crew.run())]
        if own_alarms:
            tasks.append(_started(stack, troubles.run()))
            tasks.append(_started(stack, look_out(writer, outbox.queues, parts.crew.workers, troubles, clock)))
        yield Spine(
            path=path,
            config=config,
            clock=clock,
            store=store,
            writer=writer,
            parts=parts,
            troubles=troubles,
            environ=environ or {},
            out=out,
            logs=logs,
            tasks=tasks,
        )


def _started(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task


def a_body(name: str = MEMORY, /, **changes: Any) -> bytes:
    """Give a sample with other fields at its top; None takes one away. `policy` and `object` change inside."""
    content = json.loads(sample(name))
    for place, inside in (("policy", "alarmPolicyInfo"), ("object", "alarmObjInfo")):
        content[inside] = {**content.get(inside, {}), **changes.pop(place, {})}
    content |= changes
    return json.dumps({name: value for name, value in content.items() if value is not None}).encode()


@cache
def sample(name: str) -> bytes:
    """Give a built-in sample; tests may read files on a loop, the bridge may not."""
    return (SAMPLES / f"{name}.json").read_bytes()
