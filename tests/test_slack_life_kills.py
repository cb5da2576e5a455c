"""Every combination of `on_repeat` and `on_recovered`, and a bridge that is killed at each step of each of these lives.

A channel for each combination stands in one bridge. Each step of its life comes as far as the point at
which the bridge dies, and no further; then another bridge goes on from what is on disk. Real kills of
a real process are in `process/test_slack_life.py`.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random
from unittest import mock

import pytest

from bridge import parts
from bridge.config import load
from bridge.delivery import Worker
from bridge.message import Step, Verdict
from bridge.rendering import Renderer
from bridge.store import Store
from tests.fakes import spine as fakes
from tests.fakes.scripted import SENT, words
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.simulation.store import _engines, folder
from tests.test_delivery_restart import crash
from tests.test_slack_life_table import LIFE, RECOVERED, REPEAT, USUAL, subsets, table

CONFIG = """
server: {{auth: off}}
channels:
{channels}
default_channels: [{names}]
"""
CHANNEL = '  {name}: {{type: slack, token: xoxb-made-up, channel: "#{name}", on_repeat: [{repeat}], on_recovered: [{recovered}]}}'
WORK = "SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun')"
RENDERER = cache(Renderer)
QUIET_SECONDS = 10.0  # in which each channel makes its call and dies, or has nothing to do


class Point(StrEnum):
    """Where the bridge dies."""

    BEFORE = "right before the call"
    AFTER = "after the call and before its answer is stored"
    STORED = "after the answer is stored"


@dataclass
class Room:
    """What stands in one channel, and which steps were made there; it outlives the bridge."""

    point: Point
    messages: dict[str, int] = field(default_factory=dict)  # their edits
    replies: list[Step] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)  # by delivery
    met: set[str] = field(default_factory=set)  # deliveries that came so far that the bridge died
    is_spent: bool = False  # this bridge may do no more here

    async def post(self, call):
        dies = self.point is not Point.STORED and call.delivery_id not in self.met
        self.met.add(call.delivery_id)
        if dies and self.point is Point.BEFORE:
            await asyncio.Event().wait()
        verdict = self.taken(call)
        if dies:
            await asyncio.Event().wait()
        self.is_spent = True
        return verdict

    def taken(self, call) -> Verdict:
        self.made[call.delivery_id] += 1
        if call.step in {Step.THREAD, Step.BROADCAST}:
            self.replies.append(call.step)
            return SENT
        ts = call.receipt["ts"] if call.step is Step.UPDATE else f"1700000000.{len(self.messages):06}"
        self.messages[ts] = self.messages.get(ts, -1) + 1
        return replace(SENT, receipt={"channel": "C0", "ts": ts})

    async def close(self):
        pass

    @property
    def counts(self):
        return len(self.messages), sum(self.messages.values()), len(self.replies), self.replies.count(Step.BROADCAST)


class Outbox:
    """The store as a worker sees it, up to the point at which the bridge dies."""

    def __init__(self, outbox, room):
        self._outbox, self._room = outbox, room

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    async def begin(self, delivery_id):
        if self._room.is_spent:
            await asyncio.Event().wait()
        await self._outbox.begin(delivery_id)


def mortal(clock, rooms):
    """Give the `change` of `a_spine` that has each channel post into its room."""

    def change(workers, outbox):
        states = outbox.store.channel_states()
        changed = {}
        for name, room in rooms.items():
            room.is_spent = False
            post = replace(workers[name].post, channel=room, render=words)
            changed[name] = Worker(
                post,
                Outbox(outbox, room),
                clock=clock,
                random=Random(5),
                metrics=workers[name]._metrics,
                state=states.get(name),
                reporter=workers[name]._reporter,
            )
        return changed

    return change


@contextmanager
def at_little_cost() -> Iterator[Path]:
    """Let all bridges share what they read and compile, and wait for no thread; give the folder of their store."""
    read = cache(lambda file: load(file, {}))
    place = folder() / "killed"
    place.mkdir(exist_ok=True)
    for file in place.glob("alarm-bridge.db*"):
        file.unlink()
    shutil.copy(folder() / "image.db", place / "alarm-bridge.db")
    with (
        mock.patch.object(fakes, "load", lambda file, _environ: read(file)),
        mock.patch.object(fakes, "open_store", lambda path, clock, random: Store(_engines(path), clock, random)),
        mock.patch.object(parts, "Renderer", RENDERER),
        mock.patch.object(asyncio.get_running_loop(), "run_in_executor", at_once),
    ):
        yield place


def at_once(_executor, call, *values):
    """Do what a thread would do."""
    future = asyncio.get_running_loop().create_future()
    try:
        future.set_result(call(*values))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
        future.set_exception(error)
    return future


async def lived(place, clock, text, rooms):
    """Live the life, each bridge until its channels are dead or have nothing to do; give how many bridges that took."""
    began = clock.now() - timedelta(seconds=93)
    bridges = 0
    for minute, body in LIFE:
        clock.shift += began + timedelta(minutes=minute) - clock.now()
        is_heard = is_over = False
        while not is_over:
            async with a_spine(place, text, clock, change=mortal(clock, rooms)) as spine:
                if not is_heard:
                    await (spine.take(body) if body is not None else spine.receive(26 * 3600))
                is_heard = True
                await spine.settle(QUIET_SECONDS)
                is_over = spine.rows(WORK) == [(0,)]
                await crash(spine)
            bridges += 1
            assert bridges < 100
    return bridges


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def expected(repeat, recovered):
    """Give what the page's tables say: what each does beyond the usual adds up."""
    usual = table("on_repeat")[USUAL[0]]
    sums = zip(table("on_repeat")[repeat], table("on_recovered")[recovered], usual, strict=True)
    return tuple(one + other - both for one, other, both in sums)


@pytest.mark.parametrize("repeat", subsets(REPEAT))
@pytest.mark.parametrize("point", Point)
@virtual
async def test_a_kill_at_each_step_repeats_only_a_step_whose_answer_was_not_stored(point, repeat, clock):
    combined = {f"c{number}": recovered for number, recovered in enumerate(subsets(RECOVERED))}
    rooms = {name: Room(point) for name in combined}
    lines = [CHANNEL.format(name=name, repeat=repeat, recovered=recovered) for name, recovered in combined.items()]
    text = CONFIG.format(channels="\n".join(lines), names=", ".join(combined))

    with at_little_cost() as place:
        bridges = await lived(place, clock, text, rooms)

    times = 2 if point is Point.AFTER else 1
    assert {name: room.counts for name, room in rooms.items()} == {
        name: tuple(times * count for count in expected(repeat, recovered)) for name, recovered in combined.items()
    }
    assert {count for room in rooms.values() for count in room.made.values()} == {times}
    assert bridges > len(LIFE)
