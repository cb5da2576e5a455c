"""The order of one channel's deliveries: per alarm strictly as they came, never two at once.

An alarm's deliveries are a lane. The first of a lane is ready, held until a time, or under way; what
is behind it waits for it. Among lanes the oldest goes first; those never tried and those tried before
take turns, so that a few alarms that the platform refuses do not starve the new ones, nor the new ones
them. What is urgent goes before all others when it is tried for the first time.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice
from math import inf
from operator import attrgetter

from bridge.message import Delivery

DRIFT = timedelta(seconds=1)  # of the wall clock between two looks, before it was set back


class Lanes:
    """One channel's deliveries by alarm, and which of them may be taken next."""

    def __init__(self, urgent: Callable[[Delivery], bool] | None = None) -> None:
        self._urgent = urgent
        self._lanes: dict[str, deque[Delivery]] = {}
        self._first: list[tuple[int, str]] = []  # heap of (delivery id, key): ready, urgent, and never tried
        self._fresh: list[tuple[int, str]] = []  # the same: ready, and never tried
        self._again: list[tuple[int, str]] = []  # the same: ready, and tried before
        self._took_fresh = False
        self._held: list[tuple[datetime, int, str]] = []  # heap of (due, delivery id, key)
        self._looked_at: datetime | None = None  # what is held, by the wall clock
        self._ids: set[int] = set()
        self._under_way: set[str] = set()  # keys

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, delivery_id: int) -> bool:
        return delivery_id in self._ids

    def add(self, delivery: Delivery, now: datetime) -> None:
        """Put a delivery behind the older ones of its alarm: all of them, unless it comes back to life."""
        self._ids.add(delivery.id)
        lane = self._lanes.get(delivery.event.key)
        if lane is not None:
            lane.append(delivery)
            if lane[-2].id > delivery.id:
                self._sort(delivery.event.key)
            return
        self._lanes[delivery.event.key] = deque((delivery,))
        self._put(delivery, due_again(delivery, now), now)

    def take(self, now: datetime, *, oldest: bool = False) -> Delivery | None:
        """Take the next delivery that is due, or the oldest; its alarm is under way until `done` or `hold`."""
        self._look(now)
        while self._held and self._held[0][0] <= now:
            self._make_ready(self._lanes[heapq.heappop(self._held)[2]][0])
        ready = self._first
        if oldest or not ready:
            self._took_fresh = self._is_fresh_ones_turn(oldest=oldest)
            others = self._fresh if self._took_fresh else self._again
            ready = min(filter(None, (ready, others)), default=ready)
        if not ready:
            return None
        key = heapq.heappop(ready)[1]
        self._under_way.add(key)
        return self._lanes[key][0]

    def _is_fresh_ones_turn(self, *, oldest: bool) -> bool:
        if not (self._fresh and self._again):
            return bool(self._fresh)
        return self._fresh[0] < self._again[0] if oldest else not self._took_fresh

    def done(self, delivery: Delivery, now: datetime) -> None:
        """Let the next of its alarm come."""
        lane = self._lanes[delivery.event.key]
        self._under_way.discard(delivery.event.key)
        lane.popleft()
        self._ids.discard(delivery.id)
        if lane:
            self._put(lane[0], due_again(lane[0], now), now)
        else:
            del self._lanes[delivery.event.key]

    def is_under_way(self, key: str) -> bool:
        """Say whether a delivery of this alarm is being made."""
        return key in self._under_way

    def clear(self) -> None:
        """Forget all: nothing is under way, and all of it is on disk."""
        self._lanes.clear()
        self._ids.clear()
        self._held.clear()
        self._first.clear()
        self._fresh.clear()
        self._again.clear()
        self._under_way.clear()

    def behind(self, delivery: Delivery) -> list[Delivery]:
        """Give what waits for a delivery that is under way."""
        lane = self._lanes[delivery.event.key]
        return list(islice(lane, 1, None)) if len(lane) > 1 else []

    def drop(self, others: Iterable[Delivery]) -> None:
        """Forget some that wait behind one that is under way."""
        for one in others:
            self._lanes[one.event.key].remove(one)
            self._ids.discard(one.id)

    def hold(self, delivery: Delivery, now: datetime) -> None:
        """Put it back as it is now, at the head of its alarm, until it is due by the clock as it is now."""
        key = delivery.event.key
        self._under_way.discard(key)
        lane = self._lanes[key]
        lane[0] = delivery
        if len(lane) > 1 and lane[1].id < delivery.id:
            self._sort(key)
        first = self._lanes[key][0]
        self._put(first, first.due_at if first is delivery else due_again(first, now), now)

    def _sort(self, key: str) -> None:
        """Put an alarm's deliveries in order, but for the one that is under way."""
        lane = self._lanes[key]
        begun = 1 if key in self._under_way else 0
        waiting = sorted(islice(lane, begun, None), key=attrgetter("id"))
        self._lanes[key] = deque((*islice(lane, begun), *waiting))

    def release(self, stays: Callable[[Delivery], bool]) -> None:
        """Make ready what is held until a time, but for those of which `stays` says so."""
        held, self._held = self._held, []
        for due, id_, key in held:
            if stays(self._lanes[key][0]):
                heapq.heappush(self._held, (due, id_, key))
            else:
                self._make_ready(self._lanes[key][0])

    def next_due(self) -> datetime | None:
        """Give when the first held delivery is due; None where none is held."""
        return self._held[0][0] if self._held else None

    def seconds_to_next(self, now: datetime, spacing: float) -> float:
        """Give in how long one could be taken; `spacing` is the wait of one that is ready. Infinity where none is."""
        self._look(now)
        due = (self._held[0][0] - now).total_seconds() if self._held else inf
        return min(due, spacing) if self.has_ready else due

    @property
    def has_ready(self) -> bool:
        """Whether one could be taken now."""
        return bool(self._first or self._fresh or self._again)

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return len(self._first) + len(self._fresh) + len(self._again)

    def _look(self, now: datetime) -> None:
        """Let a wall clock that is set back prolong no wait, by more than the time between two looks."""
        if self._held and self._looked_at is not None and self._looked_at - now > DRIFT:
            back = self._looked_at - now
            self._held = [(due - back, id_, key) for due, id_, key in self._held]
        self._looked_at = now

    def _put(self, delivery: Delivery, due: datetime, now: datetime) -> None:
        if due > now:
            heapq.heappush(self._held, (due, delivery.id, delivery.event.key))
        else:
            self._make_ready(delivery)

    def _make_ready(self, delivery: Delivery) -> None:
        ready = self._again if delivery.attempts else self._fresh
        if not delivery.attempts and self._urgent is not None and self._urgent(delivery):
            ready = self._first
        heapq.heappush(ready, (delivery.id, delivery.event.key))


def due_again(delivery: Delivery, now: datetime) -> datetime:
    """Say when what was read is due: as stored, but no later than was meant where the wall clock was set back since.

    Pure. What it was not tried for was due when it came. Before it came nobody can have asked to wait.
    """
    due, came_at = delivery.due_at, delivery.event.created_at
    if due <= now or came_at <= now or (delivery.attempts and due <= came_at):
        return due
    return now + max(due - came_at, timedelta())
