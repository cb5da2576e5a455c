"""A chat's storm: when all that waits is looked at and merged, and how fast digests may follow each other.

It begins when more events wait than people can read one by one, and lasts as long as a digest waits.
What comes meanwhile is left on disk until the next look, so that nothing overtakes a digest that is to
tell of its alarm.
"""

from collections import deque
from datetime import datetime, timedelta
from functools import partial
from math import inf

import structlog

from bridge.alarm import State
from bridge.clock import Clock
from bridge.condition import Condition
from bridge.digesting import Waiting, plan
from bridge.message import Delivery, DeliveryState, Step
from bridge.metrics import Metrics
from bridge.post import Outbox, Post
from bridge.queue import Queue
from bridge.store import Merged, Merging, Result, StoreError
from bridge.trouble import Reporter, Trouble

COLLECT_SECONDS = 5.0  # before the first digest goes: a storm has just begun
APART_SECONDS = 30.0  # between digests
LOOK_SECONDS = 1.0  # between looks at all that waits
MINUTE = 60.0
URGENT_A_MINUTE = 10  # that go singly

log = structlog.get_logger()


class Storm:
    """Merges what waits for one channel; a machine has none, and gets every event."""

    def __init__(self, post: Post, outbox: Outbox, *, clock: Clock, metrics: Metrics, reporter: Reporter) -> None:
        self.is_on = False
        self.post = post
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._reporter = reporter
        self._look_at = 0.0  # not before
        self._is_new = True  # nothing was looked at yet: a digest may wait from before the restart
        self._has_digests = False
        self._digest_at: float | None = None  # when the last one was told
        self._mended_at: datetime | None = None  # when the channel was; while it is tried, the present
        self._urgent_at: deque[float] = deque()  # when urgent ones went, in the last minute
        if not self._merges:
            self._say(is_on=False)

    @property
    def _merges(self) -> bool:
        return self.post.chat and self.post.digest_over > 0

    def seconds_to_look(self, queue: Queue) -> float:
        """Say in how long all that waits should be looked at; infinity where it need not be."""
        if not self._merges:
            return inf
        waiting = len(queue.lanes)
        is_crowded = (queue.beyond or queue.stale) if self.is_on else waiting > self.post.digest_over
        if self._is_new or is_crowded or (self._has_digests and waiting > 1 and not self.is_on):
            return max(0.0, self._look_at - self._clock.monotonic())
        return inf

    async def look_where_due(self, queue: Queue, condition: Condition, *, is_idle: bool) -> None:
        """Merge all that waits where it is time, nothing is under way, and the channel does not pause."""
        if not is_idle:
            return
        if condition.hands_over:
            self.leave(queue)
            return
        if self.is_on and not condition.is_broken and self._mended_at != condition.mended_at:
            self._is_new = True  # its digest is to leave out what was over by then
        if condition.pause_seconds() <= 0 and self.seconds_to_look(queue) == 0:
            is_mended = condition.is_broken and not self.post.fallback  # a fallback would hear all of it
            self._mended_at = self._clock.now() if is_mended else condition.mended_at
            await self.look(queue)

    async def look(self, queue: Queue) -> None:
        """Merge all that waits; nothing may be under way."""
        before, queue.upto, queue.beyond = queue.upto, 0, False  # what comes meanwhile stays on disk
        queue.stale = True  # and nothing is taken
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        try:
            merged = await self._merge()
        except StoreError as error:
            log.warning("what waits cannot be merged", channel=self.post.name, reason=str(error))
            queue.upto = before  # and stale: a part of it may be merged, and is to be read as it is by now
            queue.news()
            return
        self._is_new, self._has_digests = False, merged.has_digests
        self._say(is_on=merged.is_storm)
        queue.reset(merged.upto if merged.is_storm else None)

    async def _merge(self) -> Merged:
        while True:
            merged = await self._outbox.merge(self._merging())
            self._report(merged)
            if merged.is_all:
                return merged

    def _report(self, merged: Merged) -> None:
        """Count and log what was merged."""
        counts = {"superseded": merged.superseded, "digested": merged.digested, "dead": merged.dead}
        for outcome, count in counts.items():
            if count:
                self._metrics.delivery(self.post.name, outcome, count)
        if any(counts.values()):
            log.info("merged what waits", channel=self.post.name, **counts)
        if merged.dead:
            words = f"{merged.dead} messages: given up after {self.post.give_up_after}"
            self._reporter.trouble(Trouble.DEAD_LETTERS, self.post.name, words)

    def _merging(self) -> Merging:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        wait = COLLECT_SECONDS
        if self._digest_at is not None:
            wait = max(wait, self._digest_at + APART_SECONDS - monotonic)
        over, budget = self.post.digest_over, self._budget(monotonic)
        return Merging(
            channel=self.post.name,
            plan=partial(plan, digest_over=over, urgent=self._is_urgent, budget=budget),
            now=now,
            due_at=now + timedelta(seconds=wait),
            answers=Step.THREAD if self.post.threads else Step.POST,
            give_up_after=self.post.give_up_after,
            mended_at=self._mended_at,
        )

    def _budget(self, monotonic: float) -> int:
        """Give how many urgent ones may still go singly."""
        while self._urgent_at and self._urgent_at[0] <= monotonic - MINUTE:
            self._urgent_at.popleft()
        return max(0, URGENT_A_MINUTE - len(self._urgent_at))

    def _is_urgent(self, one: Waiting) -> bool:
        return self.post.urgency(one.route, one.state, one.severity, one.kind)

    def _say(self, *, is_on: bool) -> None:
        """Tell when digesting begins and ends."""
        if is_on:
            words = f"more than {self.post.digest_over} events wait"
            self._reporter.trouble(Trouble.DIGESTING, self.post.name, words)
        else:
            self._reporter.over(Trouble.DIGESTING, self.post.name)
        if is_on is not self.is_on:
            log.warning("digests begin" if is_on else "digests end", channel=self.post.name)
        self.is_on = is_on

    def note(self, result: Result) -> None:
        """Learn from an attempt."""
        delivery = result.delivery
        is_digest = delivery.event.state is State.DIGEST
        if is_digest and result.state is not DeliveryState.WAITING:
            self._is_new = True  # look what waits now
            self._digest_at = self._clock.monotonic()
        elif result.verdict is not None and not is_digest and self.is_urgent(delivery):
            self._urgent_at.append(self._clock.monotonic())

    def is_urgent(self, delivery: Delivery) -> bool:
        """Say whether a delivery goes first."""
        event = delivery.event
        return self.post.chat and self.post.urgency(delivery.route, event.state, event.severity, event.kind)

    def leave(self, queue: Queue) -> None:
        """Stop: another channel takes over all that waits."""
        self._say(is_on=False)
        if queue.upto is not None:
            self._is_new = True
            queue.reset(None)
