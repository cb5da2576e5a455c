"""What a worker has of its queue: everything on disk once and in order, however reading and writing interleave."""

import types
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import queue as queue_module
from bridge.queue import Queue
from bridge.store import StoreUnavailable
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START


class Still:
    def now(self):
        return START


@types.coroutine
def pause():
    yield


class Disk:
    """Deliveries on disk; a read takes a while, and gives what was there when it began."""

    def __init__(self):
        self.deliveries: list[Any] = []
        self.reading: Any = None

    async def read(self, after):
        page = [one for one in self.deliveries if one.id > after][: module.PAGE]
        await pause()
        return page

    def write(self, count, *, by_hand):
        """Write new ones; those that are not handed over have no body."""
        first = len(self.deliveries) + 1
        new = [
            a_delivery(number, key=str(number), body=b"{}" if by_hand else None)
            for number in range(first, first + count)
        ]
        self.deliveries += new
        return new

    def step(self, queue):
        """Begin to read a page, or end it; say whether there was anything to do."""
        if self.reading is None:
            self.reading = queue.load()
        try:
            self.reading.send(None)
        except StopIteration as ended:
            self.reading = None
            return bool(ended.value)
        return True


def taken(queue):
    delivery = queue.lanes.take(START)
    if delivery is not None:
        queue.lanes.done(delivery, START)
        yield delivery.id


module: Any = queue_module
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 7), st.booleans()),
        st.tuples(st.just("read"), st.just(0), st.booleans()),
        st.tuples(st.just("take"), st.integers(1, 5), st.booleans()),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS)
def test_whatever_is_on_disk_is_taken_once_and_in_order(steps):
    before = (module.PAGE, module.MOST_LOADED)
    module.PAGE, module.MOST_LOADED = 3, 8
    try:
        disk: Any = Disk()
        queue: Any = Queue(disk.read, Still())  # type: ignore[arg-type]  # the time of day is all it asks
        seen: list[int] = []
        for what, count, flag in steps:
            if what == "write":
                queue.offer(disk.write(count, by_hand=flag))
            elif what == "read":
                disk.step(queue)
            else:
                for _ in range(count):
                    seen += taken(queue)
        for _ in range(2 * len(disk.deliveries) + 2):
            queue.more = True  # as the worker says now and then
            disk.step(queue)
            seen += [one for _ in range(20) for one in taken(queue)]
        assert seen == [one.id for one in disk.deliveries]
        if disk.reading:
            disk.reading.close()
    finally:
        module.PAGE, module.MOST_LOADED = before


def test_new_ones_are_taken_as_they_were_written_without_a_look_at_the_disk():
    disk: Any = Disk()
    queue: Any = Queue(disk.read, Still())  # type: ignore[arg-type]
    assert not queue.offer(disk.write(1, by_hand=True))  # before the first look at the disk
    while disk.step(queue):
        pass
    new = disk.write(3, by_hand=True)
    assert queue.offer(new)
    assert not queue.more
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2, 3, 4]


def read_through(disk, **more):
    """Give a queue that has read all that is on disk."""
    queue: Any = Queue(disk.read, Still(), **more)  # type: ignore[arg-type]
    while disk.step(queue):
        pass
    return queue


def test_what_a_page_had_that_was_read_meanwhile_is_not_taken_twice():
    disk: Any = Disk()
    new = disk.write(2, by_hand=True)
    queue = read_through(disk)
    assert queue.offer(new)
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2]


@pytest.mark.parametrize("limit", ["MOST_LOADED", "MOST_KEPT"])
def test_new_ones_stay_on_disk_while_as_many_as_may_be_are_in_memory(limit, monkeypatch):
    monkeypatch.setattr(module, limit, 3)
    disk: Any = Disk()
    queue = read_through(disk)
    assert queue.offer(disk.write(2, by_hand=True))
    assert queue.offer(disk.write(1, by_hand=True))
    assert not queue.offer(disk.write(1, by_hand=True))
    assert queue.more
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2, 3]


def test_what_is_urgent_goes_first_in_the_queue_too():
    disk: Any = Disk()
    disk.write(2, by_hand=True)
    queue = read_through(disk, urgent=lambda delivery: delivery.id == 2)
    assert [one for _ in range(9) for one in taken(queue)] == [2, 1]


def test_a_queue_begins_with_nothing_put_back_and_nothing_that_must_wait():
    queue: Any = Queue(Disk().read, Still())  # type: ignore[arg-type]
    assert (queue.more, queue.stale, queue.upto, queue.beyond) == (True, False, None, False)


def test_news_must_wait_for_the_next_look_in_a_storm_alone():
    queue: Any = Queue(Disk().read, Still())  # type: ignore[arg-type]
    queue.more = False
    queue.news()
    assert (queue.more, queue.beyond) == (True, False)
    queue.reset(3)
    queue.more = False
    queue.news()
    assert (queue.more, queue.beyond) == (True, True)


def test_one_whose_body_is_on_disk_is_read_from_there_with_all_behind_it():
    disk: Any = Disk()
    queue: Any = Queue(disk.read, Still())  # type: ignore[arg-type]
    while disk.step(queue):
        pass
    assert not queue.offer(disk.write(1, by_hand=False))
    assert not queue.offer(disk.write(1, by_hand=True))
    assert queue.more
    while disk.step(queue):
        pass
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2]


def test_in_a_storm_nothing_is_read_that_came_after_the_last_look():
    disk: Any = Disk()
    queue: Any = Queue(disk.read, Still())  # type: ignore[arg-type]
    disk.write(5, by_hand=True)
    queue.reset(3)
    while disk.step(queue):
        pass
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2, 3]
    assert not queue.offer(disk.write(1, by_hand=True))
    while disk.step(queue):
        pass
    assert queue.beyond
    assert list(taken(queue)) == []
    queue.reset(None)
    while disk.step(queue):
        pass
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2, 3, 4, 5, 6]


async def test_what_a_person_put_back_is_read_again_from_the_beginning_once_nothing_is_under_way():
    pages = []

    async def read(after):
        pages.append(after)
        return [a_delivery(number, key=str(number)) for number in (1, 2, 3, 4) if number > after]

    queue: Any = Queue(read, Still())  # type: ignore[arg-type]
    assert not await queue.load()
    queue.stale = True
    queue.more = True
    assert not await queue.load()
    assert (pages, queue.stale) == ([0, 4], True)
    assert not await queue.load(idle=True)
    assert (pages, queue.stale, len(queue.lanes)) == ([0, 4, 0], False, 4)
    assert not await queue.load(idle=True)
    assert pages == [0, 4, 0]


async def test_in_a_storm_it_is_read_again_as_far_as_was_looked_at():
    async def read(after):
        return [a_delivery(number, key=str(number)) for number in (1, 2, 3, 4) if number > after]

    queue: Any = Queue(read, Still())  # type: ignore[arg-type]
    queue.reset(3)
    queue.stale = True
    await queue.load(idle=True)
    assert (queue.upto, len(queue.lanes), queue.beyond) == (3, 3, True)


@pytest.mark.parametrize("limit", ["MOST_LOADED", "MOST_KEPT"])
async def test_no_page_is_read_while_as_many_as_may_be_are_in_memory(limit, monkeypatch):
    monkeypatch.setattr(module, limit, 3)
    pages = []

    async def read(after):
        pages.append(after)
        return [a_delivery(number, key=str(number)) for number in (1, 2, 3) if number > after]

    queue: Any = Queue(read, Still())  # type: ignore[arg-type]
    await queue.load()
    queue.more = True
    assert not await queue.load()
    assert pages == [0]
    queue.lanes.done(queue.lanes.take(START), START)
    assert not await queue.load()
    assert pages == [0, 3]


async def test_what_must_wait_for_the_next_look_is_not_read_twice():
    disk: Any = Disk()
    disk.write(4, by_hand=True)
    queue: Any = Queue(disk.read, Still())  # type: ignore[arg-type]
    queue.reset(3)
    assert await queue.load() is False
    assert (len(queue.lanes), queue.more) == (3, False)


async def test_what_could_not_be_read_is_not_passed_over_for_what_comes_next():
    disk: Any = Disk()
    disk.write(2, by_hand=True)

    async def unreadable(after):
        raise StoreUnavailable(f"the store cannot be read after {after}")

    queue: Any = Queue(unreadable, Still())  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await queue.load()
    assert not queue.offer(disk.write(1, by_hand=True))
    queue._read = disk.read
    while disk.step(queue):
        pass
    assert [one for _ in range(9) for one in taken(queue)] == [1, 2, 3]
