"""The only file that wires: builds the parts, starts them, stops them in order.

1. The store, its lock and its writer. 2. A worker for each channel. 3. The listeners, last, so that
nobody is answered before all is there. To stop: no callback is taken any more while what is under
way is finished, results are stored, and the rest waits on disk.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TextIO

import structlog

from bridge.addressees import Addressees, ChannelPlan
from bridge.alarm import State
from bridge.channels import KINDS, Tools, open_session
from bridge.channels.said import secret_texts
from bridge.clock import Clock
from bridge.composing import channel_view, composer
from bridge.config import Config
from bridge.delivery import Worker
from bridge.heartbeat import Heartbeat, wrong
from bridge.housekeeping import keep_house
from bridge.intake import Intake
from bridge.lookout import look_out
from bridge.message import Delivery
from bridge.metrics import Metrics
from bridge.outbox import StoreOutbox
from bridge.posting import Post
from bridge.rendering import Renderer
from bridge.settings import ChannelSettings
from bridge.store import Writer, Written
from bridge.store.opening import open_store
from bridge.trouble import Reporter, Trouble
from bridge.troubles import Troubles, opened
from bridge.watch import Watch
from bridge.web.callback import CallbackListener
from bridge.web.console import console
from bridge.web.listening import listen

FINISH_SECONDS = 8.0  # for what is under way when the bridge is told to stop; 10 s in all

log = structlog.get_logger()


class Running:
    """A bridge that serves."""

    def __init__(self, tasks: Mapping[str, asyncio.Task[None]], listening: Mapping[str, str]) -> None:
        self._tasks = tasks
        self.listening = listening  # listener → address, as bound

    async def until(self, stop: asyncio.Event) -> None:
        """Wait to be told to stop; raise what ended a part that should run for ever."""
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([waiting, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done - {waiting}:
            task.result()


@asynccontextmanager
async def bridge(
    config: Config, *, environ: Mapping[str, str], out: TextIO, clock: Clock, random: Random
) -> AsyncIterator[Running]:
    """Build and start all parts, give the running bridge, and stop them in order."""
    metrics = Metrics(channels=config.channels)
    async with AsyncExitStack() as stack:
        store = open_store(Path(store_path(config)), clock, random)
        stack.callback(store.close)
        writing, reading = (stack.enter_context(ThreadPoolExecutor(1, name)) for name in ("writer", "reader"))
        intake = intake_of(config, clock)
        writer = Writer(store, lambda: intake, writing, clock)
        tasks = {"writer": _run(stack, writer.run())}
        outbox = StoreOutbox(writer, reading)
        troubles = Troubles(writer.record, clock, opened(store.own_alarms(), clock.now()))
        tools = tools_of(environ, out, clock)
        workers = workers_of(
            config, outbox, clock=clock, random=random, metrics=metrics, tools=tools, reporter=troubles
        )
        troubles.begin(config.channels)
        writer.on_work = lambda written: hand_out(workers, written)
        tasks |= {f"channel {name}": _run(stack, worker.run()) for name, worker in workers.items()}
        tasks["housekeeping"] = _run(stack, keep_house(writer, lambda: intake, config.retention, clock))
        tasks["lookout"] = _run(stack, look_out(writer, outbox.queues, workers, troubles, clock))
        tasks["troubles"] = _run(stack, troubles.run())
        heartbeat = Heartbeat(lambda: config.heartbeat, lambda: wrong(writer, workers, clock), tools, clock)
        tasks["heartbeat"] = _run(stack, heartbeat.run())
        callbacks = CallbackListener(
            config.server, record=writer.record, trouble=lambda: writer.trouble, clock=clock, metrics=metrics
        )
        watch = Watch(
            store=store,
            reading=reading,
            writer=writer,
            workers=workers,
            clock=clock,
            metrics=metrics,
            troubles=lambda: troubles.lasting,
        )
        doors = AsyncExitStack()
        stack.push_async_callback(_stop, doors, workers.values())
        listening = {"console": await _listen_console(doors, config, watch)}
        listening["callbacks"] = await listen(doors, callbacks, config.server.listen)
        yield Running(tasks, listening)


def _run(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a loop that is cancelled with the bridge."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task


async def _stop(doors: AsyncExitStack, workers: Iterable[Worker]) -> None:
    """Let nobody in any more, and finish what is under way meanwhile: one after the other would take too long."""
    await asyncio.gather(doors.aclose(), *(worker.stop(FINISH_SECONDS) for worker in workers))


async def _listen_console(stack: AsyncExitStack, config: Config, watch: Watch) -> str:
    if config.console.listen is None:
        return "off"
    app = console(config.console.auth, health=watch.health, metrics=watch.metrics_text)
    return await listen(stack, app, config.console.listen)


def hand_out(workers: Mapping[str, Worker], written: Written) -> None:
    """Give the workers their new deliveries."""
    for name in written.moved & workers.keys():
        workers[name].wake()
    offers: dict[str, list[Delivery]] = {}
    for delivery in written.deliveries:
        offers.setdefault(delivery.channel, []).append(delivery)
    for name in offers.keys() & workers.keys():
        workers[name].offer(offers[name])


def intake_of(config: Config, clock: Clock) -> Intake:
    """Give the upper half a snapshot of the config."""
    plans = {}
    for name, settings in config.channels.items():
        kind = KINDS[settings.type]
        plans[name] = ChannelPlan(
            name=name,
            can=kind.steps,
            chat=kind.chat,
            on_repeat=settings.on_repeat,
            on_recovered=settings.on_recovered,
            fallback=settings.fallback,
        )
    addressees = Addressees(routes=config.routes, channels=plans)
    return Intake(addressees=addressees, default_channels=config.default_channels, now=clock.now)


def tools_of(environ: Mapping[str, str], out: TextIO, clock: Clock) -> Tools:
    """Give what channels may have of the world."""
    return Tools(
        session=lambda settings: open_session(settings, environ=environ), clock=clock.now, out=out, environ=environ
    )


def workers_of(
    config: Config,
    outbox: StoreOutbox,
    *,
    clock: Clock,
    random: Random,
    metrics: Metrics,
    tools: Tools,
    reporter: Reporter,
) -> dict[str, Worker]:
    """Make a worker for each channel, going on with the pauses from before."""
    renderer = Renderer(config.templates)
    renderer.compile()  # before anybody can be kept waiting
    states = outbox.store.channel_states()
    for name, queue in outbox.store.queues().items():
        if name not in config.channels:
            log.error("deliveries wait for a channel that is not in the config", channel=name, waiting=queue.waiting)
    workers = {}
    for name, settings in config.channels.items():
        kind = KINDS[settings.type]
        post = Post(
            name=name,
            channel=kind.open(name, settings, tools),
            render=composer(
                channel_view(name, settings, config.language, config.timezone),
                settings.mention,
                routes=config.routes,
                renderer=renderer,
                failed=partial(note_template, metrics, reporter),
                now=clock.now,
            ),
            chat=kind.chat,
            one_by_one=kind.one_by_one,
            idempotent=kind.idempotent,
            rate=settings.rate,
            give_up_after=settings.give_up_after,
            fallback=settings.fallback,
            mark=mark_of(settings),
        )
        state = states.get(name)
        workers[name] = Worker(
            post, outbox, clock=clock, random=random, metrics=metrics, state=state, reporter=reporter
        )
    return workers


def note_template(metrics: Metrics, reporter: Reporter, channel: str, state: State, problem: str) -> None:
    """Count a template that fails, and let people know of it; without a problem it works again."""
    about = f"{channel}/{state}"
    if problem:
        metrics.template_failed(channel, state.value)
        reporter.trouble(Trouble.TEMPLATE_FAILING, about, problem)
    else:
        reporter.over(Trouble.TEMPLATE_FAILING, about)


def store_path(config: Config) -> Path:
    """Give the path of the SQLite file."""
    return Path(config.store.removeprefix("sqlite:///"))


def mark_of(settings: ChannelSettings) -> str:
    """Give a mark that changes with a channel's settings, its secrets included, and tells none of them."""
    text = "\n".join([repr(settings), *sorted(secret_texts(settings))])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
