"""The lower half: one worker a channel, which alone posts to it.

The queue is on disk; a worker reads a page of it, keeps the order of each alarm, and has one message
under way (a chat) or many (a machine). An attempt is over when its result is on disk:

    take → aim (which message to update) → render → begin (where twice would show) → post → verdict → store
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

import structlog

from bridge.attempt import as_stored, report
from bridge.clock import Clock
from bridge.condition import MOST_FAILURES, Condition, restored
from bridge.message import Delivery, DeliveryState
from bridge.metrics import Metrics
from bridge.pace import Spacing, Window
from bridge.pardon import Pardon
from bridge.post import NotBegun, Outbox, Post
from bridge.posting import Caller
from bridge.probing import Probe
from bridge.pulse import Pulse
from bridge.queue import Queue
from bridge.settling import Settling
from bridge.store import ChannelState, Result, StoreError
from bridge.storm import Storm
from bridge.trouble import Reporter

LONGEST_WAIT_SECONDS = 30.0  # a look at the clock and the disk now and then
SHORTEST_WAIT_SECONDS = 0.001
SETTLE_SECONDS = 1.0  # for results to reach the disk when the bridge stops
STORE_RETRY_SECONDS = 1.0
UNSTORED_SECONDS = 60.0  # before a message is sent again whose result the store will not have

log = structlog.get_logger()


class Worker:
    """Empties one channel's queue."""

    def __init__(
        self,
        post: Post,
        outbox: Outbox,
        *,
        clock: Clock,
        random: Random,
        metrics: Metrics,
        state: ChannelState | None = None,
        reporter: Reporter,
    ) -> None:
        self.post = post
        self._clock, self._metrics, self._reporter = clock, metrics, reporter
        self._storm = Storm(post, outbox, clock=clock, metrics=metrics, reporter=reporter)
        self._queue = Queue(partial(outbox.waiting, post.name), clock, self._storm.is_urgent)
        self._lanes = self._queue.lanes
        self._window = Window(1, 1) if post.one_by_one else Window()
        self._spacing = post.room if post.room and post.rate else Spacing(post.rate)
        self._wake, self._stopping, self._pulse = asyncio.Event(), False, Pulse(clock)
        self._tasks: set[asyncio.Task[None]] = set()  # requests under way
        self._settling = Settling(outbox.finish)  # answered, and not yet on disk
        self.condition = Condition(
            restored(post.name, post.mark, state),
            keep=outbox.keep,
            clock=clock,
            metrics=metrics,
            pauses_at=1 if post.chat else MOST_FAILURES,
            fallback=post.fallback,
            reporter=reporter,
        )
        self._probe = Probe(post.channel, self.condition)
        self._pardon = Pardon(self.condition, self._lanes, self._settling, clock, reporter, self._wake.set)
        self._caller = Caller(
            post=post, outbox=outbox, condition=self.condition, window=self._window, clock=clock, random=random
        )

    def wake(self) -> None:
        """Say that there is new work on disk."""
        self._queue.news()
        self._wake.set()

    def offer(self, deliveries: list[Delivery]) -> None:
        """Take new deliveries as they were written."""
        if self._queue.offer(deliveries) and not self._probe.is_due:
            self._start_what_may()
        else:
            self._wake.set()

    def read_again(self) -> None:
        """Say that there is old work on disk as well: it is read once nothing is under way."""
        self._queue.stale = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until told to stop."""
        while not self._stopping:
            self._pulse.turned()
            self._wake.clear()
            await self._storm.look_where_due(self._queue, self.condition, is_idle=not (self._tasks or self._settling))
            await self._load()
            if self.condition.hands_over:
                self._lanes.release(self._caller.stays)
            await self._probe.make(is_idle=not self._queue.more and not self._lanes)
            self._start_what_may()
            await self._wait()

    def stuck(self) -> str:
        """Say in what the worker is stuck, for whoever watches the bridge; empty where it is not."""
        return self._pulse.stuck(turns=not self._stopping, is_busy=bool(self._tasks))

    def renew(self, post: Post) -> None:
        """Work by these words on the same channel from the next attempt on."""
        self.post = self._storm.post = post
        self._caller = replace(self._caller, post=post)

    def end(self) -> None:
        """Begin nothing more; `run` is over then."""
        self._stopping = True
        self.post.take_back()
        self._wake.set()

    async def stop(self, seconds: float | None) -> None:
        """Begin nothing more and finish what is under way; what is not done in time stays on disk.

        Without a limit it takes as long as the platform and the disk need: nobody may post to the channel before.
        """
        self.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=SETTLE_SECONDS)
        await self._settling.wait(None if seconds is None else SETTLE_SECONDS)
        await self.post.channel.close()

    async def _load(self) -> None:
        """Read on in the queue while there is room."""
        try:
            while await self._queue.load(idle=not (self._tasks or self._settling)):
                self._start_what_may()
        except StoreError as error:
            log.warning("the queue cannot be read", channel=self.post.name, reason=str(error))

    def _start_what_may(self) -> None:
        """Put under way what is due, as far as pause, window and spacing allow."""
        while not self._is_full and (delivery := self._next()) is not None:
            task = asyncio.create_task(self._carry(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _next(self) -> Delivery | None:
        """Take the next delivery that may be attempted now."""
        if self._stopping or self._queue.stale or self._probe.is_due or len(self._settling) >= self._most:
            return None
        if self.condition.hands_over:
            return self._taken()
        if self.condition.pause_seconds() > 0 or self._spacing.wait_seconds(self._clock.monotonic()) > 0:
            return None
        if self._storm.seconds_to_look(self._queue) > 0:
            return self._taken(oldest=self.condition.is_broken)
        self._wake.set()
        return None

    def _taken(self, *, oldest: bool = False) -> Delivery | None:
        """Take what is due, and count it as one call; how many it was is put right when it ended."""
        delivery = self._lanes.take(self._clock.now(), oldest=oldest)
        if delivery is not None:
            self._spacing.take(self._clock.monotonic())
        return delivery

    async def _carry(self, delivery: Delivery | None) -> None:
        """Attempt one delivery after another, as long as there are any."""
        while delivery is not None:
            self._pulse.moved()
            await self._attempt(delivery)
            if self._queue.wants_more:
                self._wake.set()
            delivery = self._next() if len(self._tasks) <= self._most else None

    async def _attempt(self, delivery: Delivery) -> None:
        """Make one attempt and have its result stored; its alarm is under way until that is done."""
        try:
            looks_behind = self.post.chat or self.condition.hands_over
            result = await self._caller.attempt(delivery, self._lanes.behind(delivery) if looks_behind else ())
        except (StoreError, NotBegun) as error:
            self._spacing.correct(0)
            await self._clock.sleep(STORE_RETRY_SECONDS if isinstance(error, StoreError) else 0)
            self._lanes.hold(replace(delivery, due_at=(now := self._clock.now())), now)
            return
        report(result, self._metrics, self._reporter)
        self._storm.note(result)
        if result.state is DeliveryState.DEAD:
            self._pardon.bury(as_stored(result))
        self._pardon.grant(delivery)
        self._spacing.correct(result.verdict.calls if result.verdict else 0)
        self._settling.store(result, self._settled)

    def _settled(self, result: Result, error: BaseException | None) -> None:
        """Let the next delivery of an alarm come, now that the result of this one is on disk."""
        if error is not None:
            log.error("a result could not be stored", channel=self.post.name, exc_info=error)
            self._pardon.forget(result.delivery)
            later = self._clock.now() + timedelta(seconds=UNSTORED_SECONDS)
            self._lanes.hold(replace(result.delivery, due_at=later), self._clock.now())
        elif self._pardon.waits_behind(result):
            pass  # they come first
        elif result.state is DeliveryState.WAITING:
            self._lanes.hold(as_stored(result), self._clock.now())
        elif not self._pardon.spares(result.delivery):
            self._lanes.drop(other.delivery for other in (*result.also, *result.along))
            self._lanes.done(result.delivery, self._clock.now())
            self._queue.stale |= result.dissolves
        self._start_what_may()
        if not self._tasks or self._lanes.next_due() is not None:
            self._wake.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery failed", channel=self.post.name, exc_info=error)

    @property
    def _most(self) -> int:
        """How many may be in hand: a broken channel is tried with one; as many again wait where an edge counts them."""
        each = 1 if self.condition.is_broken and not self.condition.hands_over else self._window.limit
        return 2 * each if self.post.counts_there and not self.condition.is_broken else each

    @property
    def _is_full(self) -> bool:
        return len(self._tasks) >= self._most or len(self._settling) >= self._most

    async def _wait(self) -> None:
        """Wait for new work, the end of an attempt, or a time that somebody waits for."""
        waits = [LONGEST_WAIT_SECONDS]
        if not (self._is_full or self._queue.stale):
            spacing = self._spacing.wait_seconds(self._clock.monotonic())
            work = self._lanes.seconds_to_next(self._clock.now(), spacing)
            waits.append(max(self.condition.pause_seconds(), min(work, self._storm.seconds_to_look(self._queue))))
        try:
            async with asyncio.timeout(max(min(waits), SHORTEST_WAIT_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            self._queue.news()  # a look at the disk as well: a page that could not be read is not forgotten
