"""Results on their way to the disk."""

import asyncio
from typing import Any

import pytest

from bridge.attempt import ended
from bridge.message import DeliveryState
from bridge.settling import Settling
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START

RESULT = ended(a_delivery(), DeliveryState.SENT, "", now=START)


class Disk:
    """Has results on disk when it is told to."""

    def __init__(self):
        self.writing: list[asyncio.Future[None]] = []
        self.asked: list[Any] = []

    def finish(self, result):
        self.asked.append(result)
        self.writing.append(asyncio.get_running_loop().create_future())
        return self.writing[-1]


async def a_result_on_its_way():
    disk, stored = Disk(), []
    settling = Settling(disk.finish)
    settling.store(RESULT, lambda result, error: stored.append((result, error)))
    return settling, disk, stored


async def test_a_result_is_on_its_way_until_it_is_on_disk():
    settling, disk, stored = await a_result_on_its_way()
    assert (disk.asked, len(settling), stored) == ([RESULT], 1, [])
    disk.writing[0].set_result(None)
    await settling.wait(None)
    assert (len(settling), stored) == (0, [(RESULT, None)])


async def test_who_is_told_is_told_of_an_error_too():
    settling, disk, stored = await a_result_on_its_way()
    error = OSError("no space left")
    disk.writing[0].set_exception(error)
    await settling.wait(None)
    assert (len(settling), stored) == (0, [(RESULT, error)])


async def test_what_is_cancelled_on_its_way_is_told_to_nobody():
    settling, disk, stored = await a_result_on_its_way()
    disk.writing[0].cancel()
    await settling.wait(None)
    assert (len(settling), stored) == (0, [])


async def test_what_is_stored_because_of_a_result_is_waited_for_as_well():
    disk, stored = Disk(), []
    settling = Settling(disk.finish)

    def then(*_came):
        settling.store(RESULT, lambda *came: stored.append(came))
        disk.writing[1].get_loop().call_soon(disk.writing[1].set_result, None)

    settling.store(RESULT, then)
    disk.writing[0].set_result(None)
    await settling.wait(None)
    assert stored == [(RESULT, None)]


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_the_wait_for_the_disk_has_a_limit(seconds):
    settling, disk, _stored = await a_result_on_its_way()
    await settling.wait(seconds)
    assert len(settling) == 1
    disk.writing[0].set_result(None)
    await settling.wait(None)


async def test_where_nothing_is_on_its_way_nothing_is_waited_for():
    await Settling(Disk().finish).wait(None)
