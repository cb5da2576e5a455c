"""The only file that wires: builds the parts, starts them, stops them in order.

1. The store, its lock and its writer. 2. A worker for each channel. 3. The listeners, last, so that
nobody is answered before all is there. To stop: no callback is taken any more while what is under
way is finished, results are stored, and the rest waits on disk.
"""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TextIO

import structlog
from aiohttp import web

from bridge import __version__, logs
from bridge.channels import KINDS, Tools, open_session
from bridge.check import check_templates
from bridge.clock import Clock, SystemClock
from bridge.composing import composer
from bridge.config import Config, Loaded
from bridge.delivery import Post, Worker
from bridge.housekeeping import keep_house
from bridge.intake import ChannelPlan, Intake
from bridge.message import Delivery
from bridge.metrics import Metrics
from bridge.outbox import StoreOutbox
from bridge.rendering import Renderer
from bridge.settings import ChannelSettings, Secret
from bridge.store import Lock, StoreError, Writer, Written, open_store
from bridge.watch import Watch
from bridge.web.callback import CallbackListener
from bridge.web.console import console
from bridge.web.settings import Address

FINISH_SECONDS = 8.0  # for what is under way when the bridge is told to stop; 10 s in all
HANDLER_SECONDS = 4.0  # for callbacks that are being taken
BACKLOG = 1024
SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAMPLE = "capture-2021-cvm-memory-triggered"

try:
    import uvloop
except ImportError:  # not on every platform
    LOOP = None
else:
    LOOP = uvloop.new_event_loop

log = structlog.get_logger()


def serve(loaded: Loaded, *, environ: Mapping[str, str], out: TextIO, err: TextIO, level: str = "info") -> int:
    """Run the bridge until SIGTERM or SIGINT; give the exit code."""
    config = loaded.config
    terminal = err.isatty()
    colours = terminal and not environ.get("NO_COLOR")
    logs.configure(stream=err, as_json=not terminal, colours=colours, level=level, secrets=config.secrets)
    for warning in loaded.warnings:
        log.warning("config", problem=str(warning))
    for problem in check_templates(config).problems if config.templates else ():
        log.error("config", problem=str(problem))  # no reason not to serve: plain text goes out instead
    try:
        with Lock(store_path(config)), asyncio.Runner(loop_factory=LOOP) as runner:
            runner.run(_serve(config, environ, out, err if terminal else None))
    except (StoreError, OSError) as error:
        log.critical("the bridge cannot serve", reason=str(error))
        return 1
    return 0


async def _serve(config: Config, environ: Mapping[str, str], out: TextIO, greeting: TextIO | None) -> None:
    stop = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with bridge(config, environ=environ, out=out, clock=SystemClock(), random=Random()) as running:  # noqa: S311
        announce(config, running, greeting)
        await running.until(stop)
    log.info("stopped")


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
        workers = workers_of(config, outbox, clock=clock, random=random, metrics=metrics, environ=environ, out=out)
        writer.on_work = lambda written: hand_out(workers, written)
        tasks |= {f"channel {name}": _run(stack, worker.run()) for name, worker in workers.items()}
        tasks["housekeeping"] = _run(stack, keep_house(writer, lambda: intake, config.retention, clock))
        callbacks = CallbackListener(
            config.server, record=writer.record, trouble=lambda: writer.trouble, clock=clock, metrics=metrics
        )
        watch = Watch(store=store, reading=reading, writer=writer, workers=workers, clock=clock, metrics=metrics)
        doors = AsyncExitStack()
        stack.push_async_callback(_stop, doors, workers.values())
        listening = {"console": await _listen_console(doors, config, watch)}
        listening["callbacks"] = await _listen(doors, callbacks.application(), config.server.listen)
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


async def _listen(stack: AsyncExitStack, app: web.Application, address: Address) -> str:
    """Open a listener; give its address as bound; raise OSError in words."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=HANDLER_SECONDS, lingering_time=1
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, address.host, address.port, backlog=BACKLOG).start()
    except OSError as error:
        number = error.errno or 0
        words = os.strerror(number) if number > 0 else error.strerror  # below 0: of a name that is not found
        raise OSError(f"cannot listen on {address}: {words}") from error
    return str(Address(host=address.host, port=runner.addresses[0][1]))


async def _listen_console(stack: AsyncExitStack, config: Config, watch: Watch) -> str:
    if config.console.listen is None:
        return "off"
    app = console(config.console.auth, health=watch.health, metrics=watch.metrics_text)
    return await _listen(stack, app, config.console.listen)


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
        )
    return Intake(routes=config.routes, channels=plans, default_channels=config.default_channels, now=clock.now)


def workers_of(
    config: Config,
    outbox: StoreOutbox,
    *,
    clock: Clock,
    random: Random,
    metrics: Metrics,
    environ: Mapping[str, str],
    out: TextIO,
) -> dict[str, Worker]:
    """Make a worker for each channel, going on with the pauses from before."""
    tools = Tools(
        session=lambda settings: open_session(settings, environ=environ), clock=clock.now, out=out, environ=environ
    )
    renderer = Renderer(config.templates)
    states = outbox.store.channel_states()
    workers = {}
    for name, settings in config.channels.items():
        kind = KINDS[settings.type]
        post = Post(
            name=name,
            channel=kind.open(name, settings, tools),
            render=composer(
                name,
                settings,
                language=config.language,
                timezone=config.timezone,
                routes=config.routes,
                renderer=renderer,
                failed=metrics.template_failed,
            ),
            chat=kind.chat,
            one_by_one=kind.chat or settings.type == "terminal",
            idempotent=kind.idempotent,
            rate=settings.rate,
            give_up_after=settings.give_up_after,
            fallback=settings.fallback,
            mark=mark_of(settings),
        )
        state = states.get(name)
        workers[name] = Worker(post, outbox, clock=clock, random=random, metrics=metrics, state=state)
    return workers


def announce(config: Config, running: Running, greeting: TextIO | None) -> None:
    """Say what listens and where, which channels and routes there are, and what to type next."""
    where = running.listening
    send = f"alarm-bridge send --url http://{where['callbacks']}{config.server.callback_path} {SAMPLE}"
    channels = {name: settings.type for name, settings in config.channels.items()}
    routes = [route.name for route in config.routes.all]
    if greeting is None:
        log.info(
            "serving",
            callbacks=where["callbacks"],
            console=where["console"],
            channels=channels,
            routes=routes,
            next=send,
        )
        return
    shown = ", ".join(f"{name} ({kind})" for name, kind in channels.items())
    for line in (
        f"alarm-bridge {__version__}",
        f"  callbacks  http://{where['callbacks']}{config.server.callback_path}",
        f"  console    {'off' if where['console'] == 'off' else 'http://' + where['console']}",
        f"  channels   {shown or 'none'}",
        f"  routes     {', '.join(routes) or 'none'}; otherwise {', '.join(config.default_channels) or 'nowhere'}",
        "Try it from another terminal:",
        f"  {send}",
    ):
        print(line, file=greeting, flush=True)


def store_path(config: Config) -> Path:
    """Give the path of the SQLite file."""
    return Path(config.store.removeprefix("sqlite:///"))


def mark_of(settings: ChannelSettings) -> str:
    """Give a mark that changes with a channel's settings, its secrets included, and tells none of them."""
    revealed = {name: str(value.reveal() if isinstance(value, Secret) else value) for name, value in settings}
    return hashlib.blake2b(json.dumps(revealed, sort_keys=True).encode(), digest_size=16).hexdigest()
