"""What a worker has of its channel's queue: the queue is on disk, and read a page at a time.

New deliveries are handed over as they were written, as long as all before them are here; else they
are read from disk when their turn comes. In a storm only what was looked at as a whole is read: what
came later may have to wait for a digest that tells of its alarm.
"""

from collections.abc import Awaitable, Callable

from bridge.clock import Clock
from bridge.lanes import Lanes
from bridge.message import Delivery
from bridge.store import PAGE

MOST_LOADED = 1000  # deliveries of one channel that could go now
MOST_KEPT = 10_000  # in memory, with those that wait for a time or for their alarm

Read = Callable[[int], Awaitable[list[Delivery]]]


class Queue:
    """The part of a channel's queue that is in memory, in lanes."""

    def __init__(self, read: Read, clock: Clock, urgent: Callable[[Delivery], bool] | None = None) -> None:
        """Take `read`, which gives the page after a delivery id, and what says that one goes first."""
        self.lanes = Lanes(urgent)
        self.more = True  # there may be more on disk
        self.stale = False  # and something older, which a person put back
        self.upto: int | None = None  # read no further; None: read all
        self.beyond = False  # there may be more on disk that is not to be read yet
        self._read = read
        self._clock = clock
        self._after = 0  # the highest delivery id read
        self._loading = False

    @property
    def wants_more(self) -> bool:
        """Whether it is time to read on."""
        return self.more and self.lanes.ready < MOST_LOADED // 2 and len(self.lanes) < MOST_KEPT

    def news(self) -> None:
        """Note that there may be more on disk."""
        self.more = True
        self.beyond = self.upto is not None

    def reset(self, upto: int | None) -> None:
        """Begin anew, reading up to a delivery id; nothing may be under way, nor be read meanwhile."""
        self.lanes.clear()
        self._after, self.upto, self.more, self.stale = 0, upto, True, False

    def offer(self, deliveries: list[Delivery]) -> bool:
        """Take new deliveries; say no where they have to be read from disk."""
        if self.upto is not None:
            self.beyond = True
            return False
        full = self.lanes.ready >= MOST_LOADED or len(self.lanes) >= MOST_KEPT
        if self.more or self._loading or full or any(delivery.body is None for delivery in deliveries):
            self.more = True
            return False
        now = self._clock.now()
        for delivery in deliveries:
            if delivery.id > self._after:  # else a page read meanwhile had it
                self.lanes.add(delivery, now)
        self._after = max(self._after, deliveries[-1].id)
        return True

    async def load(self, *, idle: bool = False) -> bool:
        """Read one page where there is room; say whether another may follow; raise StoreError.

        What is stale is read from its beginning, but only `idle`: while nothing is under way.
        """
        if self.stale and idle:
            self.reset(self.upto)
            self.news()
        if not self.more or self.lanes.ready >= MOST_LOADED or len(self.lanes) >= MOST_KEPT:
            return False
        self.more = False  # before the read: work that comes meanwhile sets it again
        self._loading = True  # until a page was read: what comes next must not pass over one that could not be
        page = await self._read(self._after)
        self._loading = False
        now, may_follow = self._clock.now(), len(page) >= PAGE
        if self.upto is not None and page and page[-1].id > self.upto:
            page, may_follow = [one for one in page if one.id <= self.upto], False
        for delivery in page:
            if delivery.id not in self.lanes:
                self.lanes.add(delivery, now)
        if page:
            self._after = page[-1].id
            self.more = self.more or may_follow
        return self.more
