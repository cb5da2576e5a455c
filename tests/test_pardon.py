"""Dead letters that wait again, since their refusal was about the channel."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.attempt import ended
from bridge.lanes import Lanes
from bridge.message import DeliveryState
from bridge.pardon import Pardon
from bridge.settling import Settling
from bridge.trouble import Trouble
from tests.fakes.deliveries import a_delivery

DEAD = DeliveryState.DEAD


class Subject:
    """A channel's dead letters, among what waits for it."""

    def __init__(self, clock):
        self.clock, self.woken = clock, 0
        self.lanes: Any = Lanes()
        self.buried: list[Any] = []
        self.over: list[Any] = []
        self.disk: list[tuple[Any, asyncio.Future[None]]] = []
        condition: Any = SimpleNamespace(bury=self.buried.append, pardoned=self._pardoned)
        reporter: Any = SimpleNamespace(over=lambda *about: self.over.append(about))
        self.pardon = Pardon(condition, self.lanes, Settling(self.finish), clock, reporter, self._wake)

    def finish(self, result):
        self.disk.append((result, asyncio.get_running_loop().create_future()))
        return self.disk[-1][1]

    def _pardoned(self):
        letters, self.buried[:] = list(self.buried), []
        return letters

    def _wake(self):
        self.woken += 1

    def dies(self, number, *, key="a", stored=True):
        """Let one that is under way become a dead letter, which is on disk or on its way there."""
        delivery = a_delivery(number, key=key, note="403")
        self.lanes.add(delivery, self.clock.now())
        assert self.lanes.take(self.clock.now()).id == number
        letter = a_delivery(number, key=key, note="403", state=DEAD)
        self.pardon.bury(letter)
        if stored:
            assert not self.pardon.spares(letter)
            self.lanes.done(letter, self.clock.now())
        return letter

    async def is_stored(self, *, error=None):
        """Let the oldest result on its way reach the disk, or not."""
        _, writing = self.disk.pop(0)
        if error is None:
            writing.set_result(None)
        else:
            writing.set_exception(error)
        with capture_logs() as lines:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return [(line["event"], line["channel"], line["delivery"]) for line in lines]

    @property
    def ready(self):
        found = self.lanes.take(self.clock.now())
        return found and (found.id, found.state, found.note)


AGAIN = DeliveryState.WAITING, "waits again, since ops is broken: 403"


async def test_a_dead_letter_waits_again_once_that_is_on_disk(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.pardon.grant(a_delivery(2, key="b"))
    assert (ops.ready, [result.delivery.id for result, _ in ops.disk]) == (None, [1])
    assert await ops.is_stored() == [("a dead letter waits again", "ops", 1)]
    assert ops.woken == 1
    assert ops.ready == (1, *AGAIN)


async def test_people_are_told_that_there_are_no_dead_letters_any_more_only_where_that_is_so(clock):
    ops = Subject(clock)
    ops.pardon.grant(a_delivery(9, key="b"))
    assert ops.over == []
    ops.dies(1)
    ops.pardon.grant(a_delivery(9, key="b"))
    await ops.is_stored()
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]
    ops.lanes.done(ops.lanes.take(clock.now()), clock.now())
    ops.dies(2, key="c")
    ops.lanes.add(a_delivery(3, key="c"), clock.now())
    assert ops.lanes.take(clock.now()).id == 3
    ops.pardon.grant(a_delivery(9, key="b"))
    assert len(ops.over) == 1


async def test_there_are_dead_letters_while_one_is_left_behind_a_younger_one_though_all_others_wait_again(clock):
    ops = Subject(clock)
    behind_a_younger_one(ops)
    ops.dies(4, key="d")
    ops.pardon.grant(a_delivery(9, key="b"))
    assert [result.delivery.id for result, _ in ops.disk] == [4]
    await ops.is_stored()
    assert ops.over == []


async def test_those_that_stayed_dead_behind_a_younger_one_keep_no_later_ones_dead(clock):
    ops = Subject(clock)
    younger = behind_a_younger_one(ops)
    assert not ops.pardon.waits_behind(ended(younger, DeliveryState.SENT, "", now=clock.now()))
    ops.dies(4, key="d")
    ops.pardon.grant(a_delivery(9, key="b"))
    await ops.is_stored()
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]


async def test_one_that_a_person_put_back_is_no_dead_letter_any_more(clock):
    ops = Subject(clock)
    for number, key in ((1, "a"), (2, "c")):
        ops.dies(number, key=key)
    ops.lanes.add(a_delivery(1, key="a"), clock.now())
    ops.pardon.grant(a_delivery(9, key="b"))
    await ops.is_stored()
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]


async def test_one_that_a_person_put_back_behind_a_younger_one_is_none_any_more(clock):
    ops = Subject(clock)
    younger = behind_a_younger_one(ops)
    assert ops.pardon.waits_behind(ended(younger, DeliveryState.WAITING, "503", now=clock.now()))
    ops.lanes.add(a_delivery(1, key="a"), clock.now())
    assert await ops.is_stored() == []
    assert await ops.is_stored() == [("a dead letter waits again", "ops", 2)]
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]


async def test_what_could_not_be_stored_stays_a_dead_letter(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.pardon.grant(a_delivery(2, key="b"))
    assert await ops.is_stored(error=OSError("no space left")) == []
    assert (ops.ready, ops.woken) == (None, 1)


async def test_one_that_a_person_put_back_meanwhile_is_not_put_back_twice(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.lanes.add(a_delivery(1, key="a"), clock.now())
    ops.pardon.grant(a_delivery(2, key="b"))
    assert (ops.disk, len(ops.lanes)) == ([], 1)


async def test_one_that_a_person_puts_back_while_it_is_on_its_way_is_not_put_back_twice(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.pardon.grant(a_delivery(2, key="b"))
    ops.lanes.add(a_delivery(1, key="a"), clock.now())
    await ops.is_stored()
    assert len(ops.lanes) == 1


async def test_one_stays_dead_while_a_younger_one_of_its_alarm_may_be_arriving(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.lanes.add(a_delivery(2, key="a"), clock.now())
    younger = ops.lanes.take(clock.now())
    ops.pardon.grant(a_delivery(3, key="b"))
    assert ops.disk == []
    ops.dies(4, key="d")
    ops.pardon.grant(younger)
    assert len(ops.disk) == 1


def behind_a_younger_one(ops):
    """Let the channel break while a younger one of two dead letters' alarm is under way; give that one."""
    for number in (1, 2):
        ops.dies(number)
    ops.lanes.add(a_delivery(3, key="a"), ops.clock.now())
    younger = ops.lanes.take(ops.clock.now())
    ops.pardon.grant(a_delivery(9, key="b"))
    assert ops.disk == []
    return younger


async def test_those_wait_again_before_a_younger_one_that_has_not_arrived_and_go_first(clock):
    ops = Subject(clock)
    younger = behind_a_younger_one(ops)
    waits = replace(ended(younger, DeliveryState.WAITING, "503", now=clock.now()), attempts=1)
    assert ops.pardon.waits_behind(waits)
    assert not ops.pardon.waits_behind(waits)
    assert [result.delivery.id for result, _ in ops.disk] == [1, 2]
    assert await ops.is_stored() == [("a dead letter waits again", "ops", 1)]
    assert (ops.ready, ops.over) == (None, [])
    assert await ops.is_stored() == [("a dead letter waits again", "ops", 2)]
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]
    for expected in ((1, *AGAIN), (2, *AGAIN), (3, DeliveryState.WAITING, "503")):
        assert ops.ready == expected
        ops.lanes.done(a_delivery(expected[0], key="a"), clock.now())


@pytest.mark.parametrize("came_to", [DeliveryState.SENT, DEAD, DeliveryState.MOVED])
async def test_those_stay_dead_before_a_younger_one_that_does_not_wait(came_to, clock):
    ops = Subject(clock)
    younger = behind_a_younger_one(ops)
    assert not ops.pardon.waits_behind(ended(younger, came_to, "", now=clock.now()))
    assert not ops.pardon.waits_behind(ended(younger, DeliveryState.WAITING, "", now=clock.now()))
    assert ops.disk == []


async def test_a_younger_one_goes_on_though_those_before_it_cannot_be_stored_or_were_put_back_by_a_person(clock):
    ops = Subject(clock)
    younger = behind_a_younger_one(ops)
    assert ops.pardon.waits_behind(ended(younger, DeliveryState.WAITING, "503", now=clock.now()))
    ops.lanes.add(a_delivery(1, key="a"), clock.now())
    assert await ops.is_stored() == []
    assert await ops.is_stored(error=OSError("no space left")) == []
    assert (len(ops.lanes), ops.ready[0]) == (2, 1)


async def test_one_that_a_person_put_back_is_not_remembered_behind_a_younger_one(clock):
    ops = Subject(clock)
    ops.dies(1)
    for number in (1, 2):
        ops.lanes.add(a_delivery(number, key="a"), clock.now())
    first = ops.lanes.take(clock.now())
    ops.pardon.grant(a_delivery(9, key="b"))
    assert not ops.pardon.waits_behind(ended(first, DeliveryState.WAITING, "503", now=clock.now()))


async def test_it_waits_again_before_the_younger_one_that_broke_the_channel(clock):
    ops = Subject(clock)
    ops.dies(1)
    ops.lanes.add(a_delivery(2, key="a"), clock.now())
    broke = ops.lanes.take(clock.now())
    ops.pardon.grant(broke)
    assert [result.delivery.id for result, _ in ops.disk] == [1]


async def test_one_that_dies_as_the_channel_breaks_goes_on_holding_up_its_alarm(clock):
    ops = Subject(clock)
    letter = ops.dies(1, stored=False)
    ops.lanes.add(a_delivery(2, key="a"), clock.now())
    ops.pardon.grant(letter)
    assert ops.pardon.spares(letter)
    assert ops.ready is None
    assert await ops.is_stored() == [("a dead letter waits again", "ops", 1)]
    assert ops.ready == (1, *AGAIN)
    assert not ops.pardon.spares(letter)


async def test_one_that_was_to_be_spared_and_could_not_be_stored_lets_its_alarm_go(clock):
    ops = Subject(clock)
    letter = ops.dies(1, stored=False)
    ops.lanes.add(a_delivery(2, key="a"), clock.now())
    ops.pardon.grant(letter)
    assert ops.pardon.spares(letter)
    await ops.is_stored(error=OSError("no space left"))
    assert ops.ready[0] == 2
    assert not ops.pardon.spares(letter)


async def test_one_whose_end_could_not_be_stored_is_no_dead_letter(clock):
    ops = Subject(clock)
    letter = ops.dies(1, stored=False)
    ops.pardon.forget(letter)
    ops.pardon.grant(a_delivery(2, key="b"))
    assert ops.disk == []
    spared = ops.dies(3, key="c", stored=False)
    ops.pardon.grant(spared)
    ops.pardon.forget(spared)
    assert not ops.pardon.spares(spared)


async def test_one_that_is_spared_stays_so_when_another_is(clock):
    ops = Subject(clock)
    first, second = ops.dies(1, stored=False), ops.dies(2, key="b", stored=False)
    ops.buried[:] = [first]
    ops.pardon.grant(first)
    ops.buried[:] = [second]
    ops.pardon.grant(second)
    assert ops.pardon.spares(first)
    assert ops.pardon.spares(second)


async def test_people_are_told_that_there_are_none_any_more_when_the_last_is_on_disk(clock):
    ops = Subject(clock)
    for number, key in ((1, "a"), (2, "c")):
        ops.dies(number, key=key)
    ops.pardon.grant(a_delivery(9, key="b"))
    assert ops.over == []
    await ops.is_stored()
    assert ops.over == []
    await ops.is_stored()
    assert ops.over == [(Trouble.DEAD_LETTERS, "ops")]


async def test_there_are_while_one_could_not_be_put_back(clock):
    ops = Subject(clock)
    for number, key in ((1, "a"), (2, "c")):
        ops.dies(number, key=key)
    ops.pardon.grant(a_delivery(9, key="b"))
    await ops.is_stored(error=OSError("no"))
    await ops.is_stored()
    assert ops.over == []
