"""One run: the bridge, its sender, its platforms and what goes wrong, until all is quiet again."""

import asyncio
import io
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import structlog
from aiohttp import connector

from bridge import delivery, lookout, parts, troubles
from bridge.app import Running, bridge
from bridge.config import Config, load
from bridge.rendering import Renderer
from bridge.store import store
from bridge.store.prepared import Writes
from tests.simulation.chat import SPOILT, Chat, Request, Room
from tests.simulation.faults import Faults
from tests.simulation.loop import PROCESS, START, Process, SimLoop
from tests.simulation.network import Network
from tests.simulation.scenario import BEGAN, Scenario
from tests.simulation.sender import Sender
from tests.simulation.store import Disk, folder

PORTS = {"ops": 9001, "dba": 9001, "hook": 9002, "tickets": 9003, "spare": 9004}
COARSE = 300.0  # seconds: what is done by the clock is done this seldom
NIGHT = 3600.0
AGAIN = 0.9  # seconds: another try is not done by the clock
QUEUES_EVERY = 12  # looks of the bridge's at its store: an hour
LONGEST_SETTLING = 12 * 3600.0
WORK = (
    "SELECT 1 FROM deliveries WHERE state IN ('waiting', 'begun') "
    "UNION SELECT 1 FROM facts WHERE name = 'unrecognised' AND value NOT LIKE '% 0 %' "  # some are still to be announced
    "UNION SELECT 1 FROM episodes WHERE phase = 'open' AND kind = 'bridge' AND subject NOT IN ('channel_broken', 'template_failing') LIMIT 1"
)


class SimClock:
    """The bridge's clock; `shift` is what somebody did to the wall clock."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.shift = 0.0
        self.coarse = COARSE

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.wall())

    def wall(self) -> float:
        return self._loop.time() - START + self.shift

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds < 1 else max(seconds, self.coarse))


@dataclass(slots=True, kw_only=True)
class Kill:
    """An end of the bridge: what was on disk at that moment."""

    at: float
    life: int
    work: frozenset[str]  # ids of deliveries that were waiting or begun
    pauses: dict[str, float]  # channel → until when, by the wall clock


@dataclass(slots=True, kw_only=True)
class InForce:
    """From when on which of the plans was in force."""

    after: int  # the bridge's last id before
    plan: int
    wall: float


@dataclass(slots=True, kw_only=True)
class History:
    """All that was seen of a run from outside, and what the store holds at its end."""

    scenario: Scenario
    requests: list[Request] = field(default_factory=list)
    acknowledged: list[tuple[int, float]] = field(default_factory=list)  # serial, when, by the loop
    sent: Counter[int] = field(default_factory=Counter)
    kills: list[Kill] = field(default_factory=list)
    steps: list[tuple[float, float]] = field(default_factory=list)  # of the wall clock: when, by how much
    met: Counter[str] = field(default_factory=Counter)  # faults
    full: list[tuple[float, float]] = field(default_factory=list)  # when the disk was
    settled: bool = False
    failures: list[str] = field(default_factory=list)
    configs: list["InForce"] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    deliveries: list[Any] = field(default_factory=list)
    attempts: list[Any] = field(default_factory=list)
    open: list[Any] = field(default_factory=list)  # of the bridge's own alarms
    asked: list[Any] = field(default_factory=list)  # by commands


class World:
    """Everything around the bridge, and the bridge."""

    def __init__(self, loop: SimLoop, scenario: Scenario) -> None:
        self.loop, self.scenario = loop, scenario
        self.random = Random(scenario.seed)
        self.clock = SimClock(loop)
        self.history = History(scenario=scenario)
        self.disk = Disk(loop, self.random, self.met)
        self.network = loop.network = Network(loop)
        loop.thread = self.disk.thread
        rooms: defaultdict[int, Room] = defaultdict(Room)
        self.chats = {
            name: Chat(name, plan.type, self, rooms[PORTS[name]]) for name, plan in scenario.plan.channels.items()
        }
        self.life = 0
        self.config = 0  # which of the plans is in the file
        self._changed = asyncio.Event()
        self.process: Process | None = None
        self._serving: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._doors: dict[int, Any] = {}

    async def run(self) -> None:
        """Let it all happen."""
        for name in self.chats:
            self.open(name)
        self.start()
        sender, faults = Sender(self), Faults(self)
        await asyncio.gather(sender.run(self.scenario.told), faults.run(self.scenario.faults), self._nights())
        faults.heal()
        await self._settle()
        await self.end()
        self._read()

    # -- the bridge

    def start(self) -> None:
        """Start a bridge on what the one before left."""
        self.life += 1
        self.process = Process()
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        token = PROCESS.set(self.process)
        try:
            self._serving = asyncio.create_task(self._serve(self._stop))
        finally:
            PROCESS.reset(token)

    async def _serve(self, stop: asyncio.Event) -> None:
        random, out = Random(self.scenario.seed + self.life), io.StringIO()
        config = configured(self.scenario.plans[self.config].yaml(PORTS))
        async with bridge(
            config, environ={}, out=out, clock=self.clock, random=random, open_store=self.disk.open
        ) as running:
            reading = asyncio.create_task(self._read_again(running))
            await running.until(stop, reading)
            reading.cancel()

    async def _read_again(self, running: Running) -> None:
        """Put another config in force when somebody wrote one, as `serve` does."""
        in_force = self.config
        self._in_force()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self.config != in_force:
                in_force = self.config
                prepared = await running.prepare(configured(self.scenario.plans[in_force].yaml(PORTS)))
                running.parts.apply(prepared)
                self._in_force(in_force)

    def _in_force(self, config: int | None = None) -> None:
        """Note from which of the bridge's ids on a config is in force."""
        plan = self.config if config is None else config
        self.history.configs.append(InForce(after=self.disk.last_id(), plan=plan, wall=self.clock.wall()))

    def change(self, config: int) -> None:
        """Write another config."""
        self.config = config
        self._changed.set()

    def kill(self) -> None:
        """Kill the bridge where it stands."""
        if self.process is None or self.process.is_dead:
            return
        process = self.process
        process.is_dead = True
        self.disk.kill()
        work = {str(one) for (one,) in self.disk.rows("SELECT id FROM deliveries WHERE state IN ('waiting', 'begun')")}
        pauses = {name: until / 1000 for name, until in self.disk.rows("SELECT name, paused_until FROM channels")}
        self.history.kills.append(Kill(at=self.loop.time(), life=self.life, work=frozenset(work), pauses=pauses))
        process.kill()

    async def end(self) -> None:
        """Stop the bridge as SIGTERM does."""
        if self._serving is None or self.process is None or self.process.is_dead:
            return
        self._stop.set()
        await asyncio.wait([self._serving])
        if not self._serving.cancelled() and (error := self._serving.exception()) is not None:
            self.history.failures.append(f"the bridge ended with {error!r}")
        self.kill()

    # -- what the parts of the world tell it

    def open(self, channel: str) -> None:
        self._doors[PORTS[channel]] = self.network.serve(self.chats[channel].protocol, "127.0.0.1", PORTS[channel])

    def close(self, channel: str) -> None:
        self._doors[PORTS[channel]].close()

    def latency(self) -> float:
        return self.random.uniform(0.001, 0.3)

    def times(self) -> tuple[float, float]:
        return self.loop.time(), self.clock.wall()

    def met(self, fault: str) -> None:
        self.history.met[fault] += 1

    def requested(self, request: Request) -> None:
        self.history.requests.append(request)

    # -- the end

    async def _settle(self) -> None:
        """Wait until nothing is owed to anybody."""
        end = self.loop.time() + LONGEST_SETTLING
        while self.loop.time() < end:
            await asyncio.sleep(150)
            if not self.disk.rows(WORK):
                self.history.settled = True
                return

    async def _nights(self) -> None:
        """Let what is done by the clock be done seldom while nothing happens."""
        if self.scenario.night is None:
            return
        begins, ends = self.scenario.night
        await asyncio.sleep(begins)
        self.clock.coarse = delivery.LONGEST_WAIT_SECONDS = troubles.LOOK_SECONDS = NIGHT
        await asyncio.sleep(ends - begins)
        self.clock.coarse = delivery.LONGEST_WAIT_SECONDS = troubles.LOOK_SECONDS = COARSE

    def _read(self) -> None:
        history, rows = self.history, self.disk.rows
        history.failures += self.loop.failures
        history.callbacks = rows("SELECT id, received_at, body, outcome, reason FROM callbacks ORDER BY id")
        history.events = rows(
            "SELECT events.id, events.state, cause, events.received_at, object_id, policy_id, episodes.started_at, "
            "events.repeat_count, events.callback_id, episodes.kind, events.episode_id FROM events LEFT JOIN episodes ON episodes.id = episode_id ORDER BY events.id"
        )
        history.deliveries = rows(
            "SELECT id, event_id, channel, step, state, attempts, note FROM deliveries ORDER BY id"
        )
        history.open = rows("SELECT subject, object_id FROM episodes WHERE phase = 'open' AND kind = 'bridge'")
        history.asked = rows(
            "SELECT what, subject, changed, result FROM requests WHERE done_at IS NOT NULL ORDER BY id"
        )
        history.met["given up"] += sum(one[6].startswith("given up after") for one in history.deliveries)
        history.attempts = rows("SELECT delivery_id, made_at, answer FROM attempts ORDER BY id")


def configured(text: str) -> Config:
    """Give a config."""
    return read(text)


@cache
def read(text: str) -> Config:
    """Read a config, once."""
    path = folder() / "config.yaml"
    templates()
    path.write_text(text, encoding="utf-8")
    return load(path, {}).config


@cache
def templates() -> Path:
    """Write templates that say which event they tell: a platform reads that off again."""
    place = folder() / "templates"
    said = (
        "{% if channel.name != 'dba' and alarm.value and (alarm.value | int) % SPOILT == 0 %}{{ 1 // 0 }}{% endif %}"
        '{% set own = callback["alarm-bridge"] %}{"text": "sim {{ state }} value={% if own %}{{ own.trouble }}:{{ own.about }}:'
        "{{ own.status }}:{{ own.at }}{% else %}{{ callback.value or alarm.value }}{% endif %} "
        "event={{ event_id }} delivery={{ delivery_id }} channel={{ channel.name }} "
        'before={{ alarm.last_message }} note={{ callback.note }}", "metadata": {"event_type": "alarm_bridge", "event_payload": {'
        '"state": "{{ state }}", "value": "{{ alarm.value }}", "event": "{{ event_id }}", "delivery": "{{ delivery_id }}", '
        '"channel": "{{ channel.name }}"}}}'
    )
    said = said.replace("SPOILT", str(SPOILT))
    for kind in ("slack", "slack_webhook"):
        (place / kind).mkdir(parents=True)
        for state in ("triggered", "repeat", "recovered", "escalated", "expired", "closed", "replaced", "unrecognised"):
            for name in (state, f"bridge-{state}"):
                (place / kind / f"{name}.slack.json.j2").write_text(said)
        (place / kind / "digest.slack.json.j2").write_text(
            '{"text": "sim digest value= event={{ event_id }} delivery={{ delivery_id }} channel={{ channel.name }} of={{ digest.alarms }}'
            '{% for alarm in events %}{% set own = alarm.raw["alarm-bridge"] %} has={{ alarm.state }}={% if own %}'
            "{{ own.trouble }}:{{ own.about }}:{{ own.status }}:{{ own.at }}{% else %}{{ alarm.value }}{% endif %}"
            '{% endfor %}"}'
        )
    return place


_RENDERER = cache(Renderer)
_WRITES = cache(Writes)


@contextmanager
def silence() -> Iterator[None]:
    """Build no log lines meanwhile."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=before)


def run(scenario: Scenario) -> History:
    """Run a scenario in a loop of its own."""
    with (
        silence(),
        mock.patch.object(delivery, "LONGEST_WAIT_SECONDS", COARSE),
        mock.patch.object(troubles, "LOOK_SECONDS", COARSE),
        mock.patch.object(troubles, "AGAIN_SECONDS", AGAIN),
        mock.patch.object(lookout, "QUEUES_EVERY", QUEUES_EVERY),
        mock.patch.object(parts, "Renderer", _RENDERER),  # compiling takes longer than all of a run
        mock.patch.object(store, "Writes", _WRITES),  # and this a hundredth of it, at each start
        asyncio.Runner(loop_factory=SimLoop) as runner,
    ):
        loop: Any = runner.get_loop()

        world = World(loop, scenario)
        try:
            with mock.patch.object(connector, "monotonic", loop.time):  # by it idle connections are closed
                # It gives nothing back: asyncio shows a task in vain at its end, with all that it gave.
                runner.run(world.run())
                return world.history
        finally:
            loop.thread = lambda *_: loop.create_future()
