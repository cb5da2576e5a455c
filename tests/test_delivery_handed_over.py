"""A worker whose calls are made and counted in the edge: it hands over more than may be under way."""

import asyncio

from bridge.message import Answer, Verdict
from bridge.post import NotBegun
from tests.fakes.deliveries import a_delivery
from tests.fakes.desk import Desk
from tests.fakes.scripted import Scripted
from tests.fakes.virtual import virtual

MACHINE = {"chat": False, "one_by_one": False, "idempotent": True, "digest_over": 0}


class Edge:
    """Takes what it is handed, and begins nothing before it is told to."""

    def __init__(self):
        self.handed, self.limits, self.is_taken_back = [], [], False
        self.may_begin = asyncio.Event()
        self.hands_back = 0  # so many, first

    async def __call__(self, delivery, limit):
        self.handed.append(delivery.id)
        self.limits.append(limit)
        if self.hands_back:
            self.hands_back -= 1
            raise NotBegun
        await self.may_begin.wait()
        return Verdict(answer=Answer.SENT, said="200 ok", status=200), "text"

    def take_back(self):
        self.is_taken_back = True


def many(count):
    return [a_delivery(number, key=f"alarm-{number}", channel="ops") for number in range(1, count + 1)]


@virtual
async def test_twice_as_many_are_handed_over_as_may_be_under_way(clock):
    edge = Edge()
    async with Desk(clock, Scripted(clock), tell=edge, **MACHINE) as desk:
        await desk.write(*many(20))
        await desk.runs()
        assert (len(edge.handed), set(edge.limits)) == (8, {4})


@virtual
async def test_with_a_rate_no_more_are_handed_over_than_may_be_under_way(clock):
    edge = Edge()
    async with Desk(clock, Scripted(clock), tell=edge, **MACHINE, rate=1000.0) as desk:
        await desk.write(*many(20))
        await desk.runs()
        assert len(edge.handed) == 4


@virtual
async def test_what_comes_back_unbegun_is_handed_over_again_and_counts_as_never_attempted(clock):
    edge = Edge()
    edge.hands_back = 3
    edge.may_begin.set()
    async with Desk(clock, Scripted(clock), tell=edge, **MACHINE) as desk:
        await desk.write(*many(6))
        await desk.runs()
        assert sorted(edge.handed) == sorted([1, 2, 3, *range(1, 7)])
        assert [result.attempts for result in desk.memory.results] == [1] * 6


@virtual
async def test_who_ends_takes_back_what_is_not_begun(clock):
    edge = Edge()
    async with Desk(clock, Scripted(clock), tell=edge, **MACHINE) as desk:
        await desk.write(*many(6))
        await desk.runs()
        desk.worker.end()
        assert edge.is_taken_back
