"""What goes wrong, and when."""

import asyncio
from collections.abc import Iterable
from typing import Any

from bridge.store.requests import What, Wish
from tests.simulation import chat
from tests.simulation.loop import START
from tests.simulation.scenario import Fault

OF_REQUESTS = (
    chat.LIMITED, chat.UNAVAILABLE, chat.TAKEN_UNSAID, chat.LOST, chat.SLOW, chat.UNSURE, chat.RICH, chat.REFUSED, chat.PAGE,
)  # fmt: skip

OPEN = "SELECT id FROM episodes WHERE phase = 'open' AND kind != 'bridge' ORDER BY id"
ENDED = (
    "SELECT deliveries.id FROM deliveries JOIN events ON events.id = event_id LEFT JOIN episodes ON episodes.id = episode_id "
    "WHERE deliveries.state IN ('sent', 'dead') AND coalesce(kind, '') != 'bridge' ORDER BY deliveries.id"
)


class Faults:
    """Does the faults of a scenario to a world."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def run(self, faults: Iterable[Fault]) -> None:
        """Do all of them, each at its time."""
        async with asyncio.TaskGroup() as group:
            for one in faults:
                group.create_task(self._do(one))

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        for one in self._world.chats.values():
            one.next.clear()
            one.room.broken_until = one.room.limited_until = 0.0
        self._world.change(0)

    async def _do(self, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, START + fault.at - self._world.loop.time()))
        if fault.kind in OF_REQUESTS:
            self._world.chats[fault.channel].next.extend([fault] * fault.count)
        else:
            await getattr(self, f"_{fault.kind.replace(' ', '_')}")(fault)

    async def _broken(self, fault: Fault) -> None:
        self._world.met("broken")
        self._world.chats[fault.channel].room.broken_until = self._world.loop.time() + fault.seconds
        await asyncio.sleep(fault.seconds)

    async def _down(self, fault: Fault) -> None:
        self._world.met("down")
        self._world.close(fault.channel)
        await asyncio.sleep(fault.seconds)
        self._world.open(fault.channel)

    async def _vanished(self, fault: Fault) -> None:
        self._world.met("vanished")
        self._world.chats[fault.channel].vanish()

    async def _full_disk(self, fault: Fault) -> None:
        now = self._world.loop.time()
        self._world.disk.full_until = now + fault.seconds
        self._world.history.full.append((now, now + fault.seconds))
        await asyncio.sleep(fault.seconds)

    async def _slow_disk(self, fault: Fault) -> None:
        self._world.disk.slow_until = self._world.loop.time() + fault.seconds
        await asyncio.sleep(fault.seconds)

    async def _clock_step(self, fault: Fault) -> None:
        self._world.met("clock step")
        self._world.clock.shift += fault.seconds
        self._world.history.steps.append((self._world.loop.time(), fault.seconds))

    async def _restart(self, fault: Fault) -> None:
        self._world.met("restart")
        await self._world.end()
        await asyncio.sleep(fault.seconds)
        self._revive()

    async def _reload(self, fault: Fault) -> None:
        self._world.met("reload")
        self._world.change(1 - self._world.config)

    async def _close(self, fault: Fault) -> None:
        self._ask(What.CLOSE, OPEN, fault.count)

    async def _replay(self, fault: Fault) -> None:
        self._ask(What.REPLAY, ENDED, fault.count)

    def _ask(self, what: What, found: str, count: int) -> None:
        """Ask for something, as a command does: it waits where the bridge is not there."""
        subjects = [subject for (subject,) in self._world.disk.rows(found)]
        chosen = self._world.random.sample(subjects, min(count, len(subjects)))
        self._world.history.met[what.value] += len(chosen)
        self._world.disk.ask([Wish(what=what, subject=one) for one in chosen], self._world.clock.now())

    async def _kill(self, fault: Fault) -> None:
        """Kill it so many steps after the next time that it waits for a thread."""
        killed = asyncio.Event()
        self._world.disk.before = lambda _name: self._count_down(fault.count, killed)
        try:
            async with asyncio.timeout(30):
                await killed.wait()
        except TimeoutError:
            self._world.disk.before = lambda _name: None
            self._world.kill()
        self._world.met("kill")
        await asyncio.sleep(fault.seconds)
        self._revive()

    def _count_down(self, steps: int, killed: asyncio.Event) -> None:
        self._world.disk.before = lambda _name: None
        self._in(steps, killed)

    def _in(self, steps: int, killed: asyncio.Event) -> None:
        if steps <= 0:
            self._world.kill()
            killed.set()
        else:
            self._world.loop.call_soon(self._in, steps - 1, killed)

    def _revive(self) -> None:
        if self._world.process is None or self._world.process.is_dead:
            self._world.start()
