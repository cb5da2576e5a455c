"""The only file that wires: builds the parts, starts them, renews them, stops them in order.

1. The store, its lock and its writer. 2. A worker for each channel. 3. The listeners, last, so that
nobody is answered before all is there. To stop: no callback is taken any more while what is under
way is finished, results are stored, and the rest waits on disk.

What depends on the config is in `parts`, and is renewed while all this runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TextIO

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge import logs
from bridge.attending import attend
from bridge.channels import Tools, tools_of
from bridge.clock import Clock, SystemClock
from bridge.config import Config
from bridge.crew import Crew
from bridge.delivery import Worker
from bridge.edge.birth import Born
from bridge.edge.hello import Hello
from bridge.edge.keeper import Keeper
from bridge.heartbeat import Heartbeat, wrong
from bridge.housekeeping import keep_house
from bridge.lookout import look_out
from bridge.metrics import Metrics
from bridge.outbox import StoreOutbox
from bridge.parts import Parts, Prepared, intake_of, prepare
from bridge.post import Post
from bridge.store import ChannelState, Store, StoreUnavailable, Writer
from bridge.store.opening import open_store
from bridge.trouble import Trouble
from bridge.troubles import Troubles, opened
from bridge.watch import Watch
from bridge.web.callback import CallbackListener
from bridge.web.console import console
from bridge.web.credentials import Credentials
from bridge.web.listening import bound, listen
from bridge.web.reception import Reception
from bridge.web.settings import Address

FINISH_SECONDS = 8.0  # for what is under way when the bridge is told to stop; 10 s in all

log = structlog.get_logger()


class Running:
    """A bridge that serves."""

    def __init__(
        self, tasks: Mapping[str, asyncio.Task[None]], listening: Mapping[str, str], parts: Parts, outbox: StoreOutbox
    ) -> None:
        self._tasks = tasks
        self._outbox = outbox
        self.listening = listening  # listener → address, as bound
        self.parts = parts

    async def prepare(self, config: Config) -> Prepared:
        """Read what another config needs, without holding anybody up; raise StoreUnavailable."""
        try:
            return await asyncio.to_thread(prepare, config, self._outbox.store)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the store cannot be read ({type(error).__name__})") from error

    async def until(self, stop: asyncio.Event, also: asyncio.Task[None]) -> None:
        """Wait to be told to stop; raise what ended a part, or what is `also` to run for ever."""
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([waiting, also, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done - {waiting}:
            task.result()


@asynccontextmanager
async def bridge(
    config: Config,
    *,
    environ: Mapping[str, str],
    out: TextIO,
    clock: Clock,
    random: Random,
    open_store: Callable[[Path, Clock, Random], Store] = open_store,
    edge: Born | None = None,
) -> AsyncIterator[Running]:
    """Build and start all parts, give the running bridge, and stop them in order.

    `edge`: does the HTTP with Tencent and with webhooks, in a process of its own.
    """
    async with AsyncExitStack() as stack:
        store = open_store(config.store, clock, random)
        stack.callback(store.close)
        writing, reading = (stack.enter_context(ThreadPoolExecutor(1, name)) for name in ("writer", "reader"))
        writer = Writer(store, lambda: parts.intake, writing, clock)
        outbox = StoreOutbox(writer, reading)
        troubles = Troubles(writer.record, clock, opened(store.own_alarms(), clock.now()))
        tools = tools_of(environ, out, clock.now)
        keeper = _keeper(stack, lambda: parts, lambda: reception, environ, edge) if edge else None
        parts = parts_of(config, outbox, clock=clock, random=random, tools=tools, troubles=troubles, keeper=keeper)
        reception = Reception(writer.put, lambda: writer.trouble, clock=clock, metrics=parts.metrics)
        writer.on_work = parts.crew.hand_out
        warn_of_removed(store, config)
        tasks = _start(stack, parts, writer, outbox, troubles)
        watch = Watch(
            store=store,
            reading=reading,
            writer=writer,
            workers=parts.crew.workers,
            clock=clock,
            metrics=parts.metrics,
            troubles=lambda: troubles.lasting,
            edge=lambda: keeper.trouble or "ok" if keeper else "off",
        )
        doors = AsyncExitStack()
        stack.push_async_callback(_stop, doors, parts.crew)
        listening = {"console": await _listen_console(doors, parts, watch)}
        listening["callbacks"] = await _listen_callbacks(doors, parts, reception)
        yield Running(tasks, listening, parts, outbox)


def _start(
    stack: AsyncExitStack, parts: Parts, writer: Writer, outbox: StoreOutbox, troubles: Troubles
) -> dict[str, asyncio.Task[None]]:
    """Start what runs as long as the bridge does."""
    clock, workers = parts.clock, parts.crew.workers
    parts.heartbeat = Heartbeat(lambda: parts.config.heartbeat, lambda: _wrong(writer, parts), parts.tools, clock)
    tasks = {"writer": _run(stack, writer.run()), "channels": _run(stack, parts.crew.run())}
    house = keep_house(writer, lambda: parts.intake, lambda: parts.config.retention, clock)
    tasks["housekeeping"] = _run(stack, house)
    tasks["requests"] = _run(stack, attend(writer, lambda: parts.intake, clock))
    tasks["lookout"] = _run(stack, look_out(writer, outbox.queues, workers, troubles, clock))
    tasks["troubles"] = _run(stack, troubles.run())
    tasks["heartbeat"] = _run(stack, parts.beat())
    if parts.keeper is not None:
        tasks["edge"] = _run(stack, parts.keeper.run())
    return tasks


def _keeper(
    stack: AsyncExitStack,
    parts: Callable[[], Parts],
    reception: Callable[[], Reception],
    environ: Mapping[str, str],
    first: Born,
) -> Keeper:
    """Give what keeps the edge, which ends after all that has work for it."""

    def hello() -> Hello:
        config = parts().config
        return Hello(server=config.server, level=logs.level(), secrets=config.secrets)

    keeper = Keeper(hello, reception, environ=environ, clock=SystemClock(), first=first)
    stack.push_async_callback(keeper.end)
    return keeper


def parts_of(
    config: Config,
    outbox: StoreOutbox,
    *,
    clock: Clock,
    random: Random,
    tools: Tools,
    troubles: Troubles,
    keeper: Keeper | None = None,
) -> Parts:
    """Make the parts that depend on the config, with a worker for each channel that goes on with its pause."""
    metrics = Metrics(channels=config.channels)

    def hire(post: Post, state: ChannelState | None) -> Worker:
        return Worker(post, outbox, clock=clock, random=random, metrics=metrics, state=state, reporter=troubles)

    parts = Parts(
        config=config,
        intake=intake_of(config, clock),
        crew=Crew(hire),
        tools=tools,
        metrics=metrics,
        troubles=troubles,
        clock=clock,
        visitors=Credentials(config.console.auth),
        keeper=keeper,
    )
    parts.apply(prepare(config, outbox.store))
    for channel, words in outbox.store.untold():  # what ended before had no time for it
        troubles.trouble(Trouble.DEAD_LETTERS, channel, words)
    return parts


def _run(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a loop that is cancelled with the bridge."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task


async def _stop(doors: AsyncExitStack, crew: Crew) -> None:
    """Let nobody in any more, and finish what is under way meanwhile: one after the other would take too long."""
    await asyncio.gather(doors.aclose(), crew.stop(FINISH_SECONDS))


async def _listen_console(stack: AsyncExitStack, parts: Parts, watch: Watch) -> str:
    if parts.config.console.listen is None:
        return "off"
    app = console(parts.visitors, health=watch.health, metrics=watch.metrics_text)
    return await listen(stack, app, parts.config.console.listen)


async def _listen_callbacks(stack: AsyncExitStack, parts: Parts, reception: Reception) -> str:
    """Listen here, or have the edge do it."""
    settings, keeper = parts.config.server, parts.keeper
    if keeper is None:
        parts.callbacks = CallbackListener(settings, reception, parts.clock)
        return await listen(stack, parts.callbacks, settings.listen)
    doors = await bound(settings.listen)
    where = Address(host=settings.listen.host, port=doors[0].getsockname()[1])
    stack.push_async_callback(keeper.stop)
    await keeper.open(doors)
    return str(where)


async def _wrong(writer: Writer, parts: Parts) -> str:
    """Say why the bridge does not do its work; empty where it does."""
    if parts.keeper is not None and parts.keeper.trouble:
        return f"the edge does not take callbacks: {parts.keeper.trouble}"
    return await wrong(writer, parts.crew.workers, parts.clock)


def warn_of_removed(store: Store, config: Config) -> None:
    """Say what waits for channels that are not there."""
    for name, queue in store.queues().items():
        if name not in config.channels:
            log.error("deliveries wait for a channel that is not in the config", channel=name, waiting=queue.waiting)
