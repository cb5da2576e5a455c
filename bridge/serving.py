"""The process around a bridge: logs, signals, the lock on its store, and what it says when it begins."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import TextIO

import structlog

from bridge import __version__, logs
from bridge.app import Running, bridge
from bridge.check import check_templates
from bridge.clock import Clock, SystemClock
from bridge.config import Config, Loaded, Problem, load
from bridge.edge.birth import Born, fork
from bridge.edge.process import work
from bridge.process import LOOP, tune_garbage_collection
from bridge.reloading import Means, Reloader, Sight, check_apart, look
from bridge.store import StoreError
from bridge.store.lock import Lock
from bridge.web.settings import Auth

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAMPLE = "capture-2021-cvm-memory-triggered"

log = structlog.get_logger()


def serve(loaded: Loaded, *, environ: Mapping[str, str], out: TextIO, err: TextIO, level: str = "info") -> int:
    """Run the bridge until SIGTERM or SIGINT; give the exit code."""
    config = loaded.config
    hide = logs.begin(err, environ, level=level, secrets=config.secrets)
    for warning in loaded.warnings:
        log.warning("config", problem=str(warning))
    seen = look(config.files)  # before they are used: what changes from now on is another one
    known = check_templates(config).problems if config.templates else ()
    for problem in known:
        log.error("config", problem=str(problem))  # no reason not to serve: plain text goes out instead
    tune_garbage_collection()
    try:
        edge = fork(work) if config.server.edge and os.name == "posix" else None  # before there are locks and threads
        with Lock(config.store), asyncio.Runner(loop_factory=LOOP) as runner:
            means = partial(means_of, config.file, environ, hide)
            reloader = partial(_reloader_of, config, means, seen, known)
            runner.run(_serve(config, environ, out, err if err.isatty() else None, reloader, edge))
    except (StoreError, OSError) as error:
        log.critical("the bridge cannot serve", reason=str(error))
        return 1
    return 0


async def _serve(
    config: Config,
    environ: Mapping[str, str],
    out: TextIO,
    greeting: TextIO | None,
    reloader_of: Callable[[Running, Clock], Reloader],
    edge: Born | None,
) -> None:
    loop, stop, clock = asyncio.get_running_loop(), asyncio.Event(), SystemClock()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _nothing)  # it is read anyway, as soon as all is there
    async with bridge(config, environ=environ, out=out, clock=clock, random=Random(), edge=edge) as running:  # noqa: S311
        reloader = reloader_of(running, clock)
        loop.add_signal_handler(signal.SIGHUP, reloader.ask)
        reloading = asyncio.create_task(reloader.run())
        try:
            announce(config, running, greeting)
            await running.until(stop, reloading)
        finally:
            reloading.cancel()
            await asyncio.gather(reloading, return_exceptions=True)
    log.info("stopped")


def _reloader_of(
    config: Config,
    means: Callable[[Running, Clock], Means],
    seen: Sight,
    known: Sequence[Problem],
    running: Running,
    clock: Clock,
) -> Reloader:
    return Reloader(means(running, clock), config, running.parts.marks, seen=seen, known=known)


def means_of(
    file: Path, environ: Mapping[str, str], hide: Callable[[Iterable[str]], None], running: Running, clock: Clock
) -> Means:
    """Give what it takes to read the config again."""
    return Means(
        read=lambda: load(file, environ),
        check=lambda config: check_apart(config.file, environ),
        prepare=running.prepare,
        apply=running.parts.apply,
        settled=running.parts.settled,
        hide=hide,
        reporter=running.parts.troubles,
        metrics=running.parts.metrics,
        clock=clock,
    )


def _nothing() -> None:
    pass


def announce(config: Config, running: Running, greeting: TextIO | None) -> None:
    """Say what listens and where, which channels and routes there are, and what to type next."""
    where = running.listening
    url = f"http://{where['callbacks']}{config.server.callback_path}"
    send = " ".join([program(), "send", "--url", url, *credentials(config.server.auth), SAMPLE])
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
        f"  callbacks  {url}",
        f"  console    {'off' if where['console'] == 'off' else 'http://' + where['console']}",
        f"  channels   {shown or 'none'}",
        f"  routes     {', '.join(routes) or 'none'}; otherwise {', '.join(config.default_channels) or 'nowhere'}",
        "Try it from another terminal:",
        f"  {send}",
    ):
        print(line, file=greeting, flush=True)


def program() -> str:
    """Give what to type to run this program again."""
    called = sys.argv[0]
    return called if Path(called).name == "alarm-bridge" else f"{sys.executable} -m bridge"


def credentials(auth: Auth | None) -> tuple[str, ...]:
    """Give the option that `send` needs, without the secret itself."""
    if auth is None:
        return ()
    return ("--token", "TOKEN") if auth.tokens else ("--user", f"{auth.basic[0].username}:PASSWORD")
