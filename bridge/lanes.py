"""The order of one channel's deliveries: per alarm strictly as they came, never two at once.

An alarm's deliveries are a lane. The first of a lane is ready, held until a time, or under way; what
is behind it waits for it. Among lanes the oldest ready delivery goes first.
"""

import heapq
from collections import deque
from datetime import datetime

from bridge.message import Delivery


class Lanes:
    """What a worker has in memory of its channel's queue."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Delivery]] = {}
        self._ready: list[tuple[int, str]] = []  # heap of (delivery id, key)
        self._held: list[tuple[datetime, int, str]] = []  # heap of (due, delivery id, key)
        self._ids: set[int] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, delivery_id: int) -> bool:
        return delivery_id in self._ids

    def add(self, delivery: Delivery, now: datetime) -> None:
        """Put a delivery behind those of its alarm."""
        self._ids.add(delivery.id)
        lane = self._lanes.get(delivery.event.key)
        if lane is not None:
            lane.append(delivery)
            return
        self._lanes[delivery.event.key] = deque((delivery,))
        self._put(delivery, now)

    def take(self, now: datetime) -> Delivery | None:
        """Take the oldest delivery that is due; its alarm is under way until `done` or `hold`."""
        while self._held and self._held[0][0] <= now:
            _, delivery_id, key = heapq.heappop(self._held)
            heapq.heappush(self._ready, (delivery_id, key))
        if not self._ready:
            return None
        _, key = heapq.heappop(self._ready)
        return self._lanes[key][0]

    def done(self, delivery: Delivery, now: datetime) -> None:
        """Let the next of its alarm come."""
        lane = self._lanes[delivery.event.key]
        lane.popleft()
        self._ids.discard(delivery.id)
        if lane:
            self._put(lane[0], now)
        else:
            del self._lanes[delivery.event.key]

    def hold(self, delivery: Delivery, now: datetime) -> None:
        """Put it back as it is now, at the head of its alarm, until it is due."""
        self._lanes[delivery.event.key][0] = delivery
        self._put(delivery, now)

    def next_due(self) -> datetime | None:
        """Give when the first held delivery is due; None where none is held."""
        return self._held[0][0] if self._held else None

    @property
    def has_ready(self) -> bool:
        """Whether one could be taken now."""
        return bool(self._ready)

    def _put(self, delivery: Delivery, now: datetime) -> None:
        if delivery.due_at > now:
            heapq.heappush(self._held, (delivery.due_at, delivery.id, delivery.event.key))
        else:
            heapq.heappush(self._ready, (delivery.id, delivery.event.key))
