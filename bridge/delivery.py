"""The lower half: one worker a channel, which alone posts to it.

The queue is on disk; a worker reads a page of it, keeps the order of each alarm, and has one message
under way (a chat) or many (a machine). An attempt is over when its result is on disk:

    take → aim (which message to update) → begin (where twice would show) → render → post → verdict → store
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Protocol

import structlog

from bridge.attempt import as_stored, call_of, concluded, ended, report
from bridge.channels import Channel
from bridge.clock import Clock
from bridge.condition import MOST_FAILURES, Condition, restored
from bridge.lanes import Lanes
from bridge.message import Answer, Delivery, DeliveryState, Message, Receipt, Step, Verdict
from bridge.metrics import Metrics
from bridge.pace import Spacing, Window
from bridge.planning import is_no_news
from bridge.retry import is_too_late, next_move
from bridge.store import PAGE, ChannelState, Result, StoreError, Told

MOST_LOADED = 1000  # deliveries of one channel in memory
LONGEST_WAIT_SECONDS = 30.0  # a look at the clock and the disk now and then
SHORTEST_WAIT_SECONDS = 0.001
SETTLE_SECONDS = 1.0  # for results to reach the disk when the bridge stops
STORE_RETRY_SECONDS = 1.0
UNSTORED_SECONDS = 60.0  # before a message is sent again whose result the store will not have
STOPPED = Verdict(answer=Answer.AMBIGUOUS, said="the bridge stopped before an answer came", after_seconds=0)

log = structlog.get_logger()


class Outbox(Protocol):
    """The store, as a worker sees it."""

    async def waiting(self, channel: str, after: int) -> list[Delivery]:
        """Read a page of the channel's queue."""
        ...

    async def message(self, episode_id: int, channel: str) -> Told | None:
        """Read the newest message of an episode in the channel."""
        ...

    async def begin(self, delivery_id: int) -> None:
        """Store that a step is about to be made."""
        ...

    def finish(self, result: Result) -> Awaitable[None]:
        """Store how an attempt ended; done when it is on disk."""
        ...

    async def keep(self, state: ChannelState) -> None:
        """Store the channel's pause."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A channel of the config, open, with what its worker must know of it."""

    name: str
    channel: Channel
    render: Callable[[Delivery], Message]
    chat: bool  # pauses as a whole when a message fails
    one_by_one: bool  # one message under way
    idempotent: bool
    rate: float | None  # messages a second
    give_up_after: timedelta
    fallback: str | None
    mark: str  # of the settings


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
    ) -> None:
        self._post = post
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._lanes = Lanes()
        self._window = Window(1, 1) if post.one_by_one else Window()
        self._spacing = Spacing(post.rate)
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # requests under way
        self._settling: set[asyncio.Future[None]] = set()  # answered, and not yet on disk
        self._after = 0  # the highest delivery id read
        self._more = True  # there may be more on disk
        self._loading = False
        self._stopping = False
        self.condition = Condition(
            restored(post.name, post.mark, state),
            keep=outbox.keep,
            clock=clock,
            metrics=metrics,
            pauses_at=1 if post.chat else MOST_FAILURES,
        )

    def wake(self) -> None:
        """Say that there is new work on disk."""
        self._more = True
        self._wake.set()

    def offer(self, deliveries: list[Delivery]) -> None:
        """Take new deliveries as they were written, where all before them are here; else they are read from disk."""
        full = len(self._lanes) + len(deliveries) > MOST_LOADED
        if self._more or self._loading or full or any(delivery.body is None for delivery in deliveries):
            self.wake()
            return
        now = self._clock.now()
        for delivery in deliveries:
            if delivery.id > self._after:  # else a page read meanwhile had it
                self._lanes.add(delivery, now)
        self._after = max(self._after, deliveries[-1].id)
        self._start_what_may()

    async def run(self) -> None:
        """Deliver until told to stop."""
        while not self._stopping:
            self._wake.clear()
            await self._load()
            self._start_what_may()
            await self._wait()

    async def stop(self, seconds: float) -> None:
        """Begin nothing more and finish what is under way; what is not done in time stays on disk."""
        self._stopping = True
        self._wake.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=SETTLE_SECONDS)
        if self._settling:
            await asyncio.wait(self._settling, timeout=SETTLE_SECONDS)
        await self._post.channel.close()

    async def _load(self) -> None:
        """Read on in the queue while there is room."""
        while self._more and len(self._lanes) < MOST_LOADED:
            self._more = False  # before the read: work that comes meanwhile sets it again
            self._loading = True
            try:
                page = await self._outbox.waiting(self._post.name, self._after)
            except StoreError as error:
                log.warning("the queue cannot be read", channel=self._post.name, reason=str(error))
                return
            finally:
                self._loading = False
            now = self._clock.now()
            for delivery in page:
                if delivery.id not in self._lanes:
                    self._lanes.add(delivery, now)
            if page:
                self._after = page[-1].id
                self._more = self._more or len(page) >= PAGE
            self._start_what_may()

    def _start_what_may(self) -> None:
        """Put under way what is due, as far as pause, window and spacing allow."""
        while not self._is_full and (delivery := self._next()) is not None:
            task = asyncio.create_task(self._carry(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _next(self) -> Delivery | None:
        """Take the next delivery that may be attempted now."""
        if self._stopping or len(self._settling) >= self._limit:
            return None
        if self._hands_over:
            return self._lanes.take(self._clock.now())
        monotonic = self._clock.monotonic()
        if self.condition.pause_seconds() > 0 or self._spacing.wait_seconds(monotonic) > 0:
            return None
        delivery = self._lanes.take(self._clock.now())
        if delivery is not None:
            self._spacing.take(monotonic)
        return delivery

    async def _carry(self, delivery: Delivery | None) -> None:
        """Attempt one delivery after another, as long as there are any."""
        while delivery is not None:
            await self._attempt(delivery)
            if self._more and len(self._lanes) < MOST_LOADED // 2:
                self._wake.set()
            delivery = self._next() if len(self._tasks) <= self._limit else None

    async def _attempt(self, delivery: Delivery) -> None:
        """Make one attempt and have its result stored; its alarm is under way until that is done."""
        try:
            result = await self._result(delivery)
        except StoreError:
            await self._clock.sleep(STORE_RETRY_SECONDS)
            self._lanes.hold(delivery, self._clock.now())
            return
        except Exception as error:
            log.exception("a delivery failed", channel=self._post.name, delivery=delivery.id)
            said = f"the bridge failed: {type(error).__name__}"
            failed = Verdict(answer=Answer.REJECTED, said=said, plain_helps=True)
            result = await self._concluded(delivery, delivery.step, failed, "")
        report(result, self._metrics)
        storing = asyncio.ensure_future(self._outbox.finish(result))
        self._settling.add(storing)
        storing.add_done_callback(partial(self._settled, result))

    def _settled(self, result: Result, storing: asyncio.Future[None]) -> None:
        """Let the next delivery of an alarm come, now that the result of this one is on disk."""
        self._settling.discard(storing)
        if storing.cancelled():
            return
        if storing.exception() is not None:
            log.error("a result could not be stored", channel=self._post.name, exc_info=storing.exception())
            later = self._clock.now() + timedelta(seconds=UNSTORED_SECONDS)
            self._lanes.hold(replace(result.delivery, due_at=later), self._clock.now())
        elif result.state is DeliveryState.WAITING:
            self._lanes.hold(as_stored(result), self._clock.now())
        else:
            self._lanes.done(result.delivery, self._clock.now())
        self._start_what_may()
        if not self._tasks or self._lanes.next_due() is not None:
            self._wake.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery failed", channel=self._post.name, exc_info=error)

    @property
    def _limit(self) -> int:
        """How many may be under way: a broken channel is tried with one."""
        return 1 if self.condition.is_broken and not self._hands_over else self._window.limit

    @property
    def _is_full(self) -> bool:
        return len(self._tasks) >= self._limit or len(self._settling) >= self._limit

    @property
    def _hands_over(self) -> bool:
        """Whether the channel is broken, not to be tried yet, and another takes its place."""
        return self._post.fallback is not None and self.condition.is_broken and self.condition.pause_seconds() > 0

    async def _wait(self) -> None:
        """Wait for new work, the end of an attempt, or a time that somebody waits for."""
        waits = [LONGEST_WAIT_SECONDS]
        if not self._is_full:
            pause = self.condition.pause_seconds()
            if self._lanes.has_ready:
                waits.append(max(pause, self._spacing.wait_seconds(self._clock.monotonic())))
            if (due := self._lanes.next_due()) is not None:
                waits.append(max((due - self._clock.now()).total_seconds(), pause))
        try:
            async with asyncio.timeout(max(min(waits), SHORTEST_WAIT_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            self._more = True  # a look at the disk as well: a page that could not be read is not forgotten

    async def _result(self, delivery: Delivery) -> Result:
        """Decide on, and make, the call that a delivery is."""
        now = self._clock.now()
        post = self._post
        if self._hands_over:
            note = f"{post.name} is broken: {self.condition.state.reason}"
            return ended(delivery, DeliveryState.MOVED, note, now=now, handed_to=post.fallback or "")
        if is_too_late(delivery, now, post.give_up_after):
            note = f"given up after {post.give_up_after}: {delivery.note or 'it could not be tried'}"
            return ended(delivery, DeliveryState.DEAD, note, now=now)
        if delivery.state is DeliveryState.BEGUN:
            return await self._concluded(delivery, delivery.step, STOPPED, "")
        step, receipt, told = await self._aim(delivery)
        if told:
            return ended(delivery, DeliveryState.SUPERSEDED, told, now=now)
        message = post.render(delivery)
        if not post.idempotent:
            await self._outbox.begin(delivery.id)
        verdict = await post.channel.post(call_of(delivery, step, receipt, message, now))
        return await self._concluded(delivery, step, verdict, message.text)

    async def _aim(self, delivery: Delivery) -> tuple[Step, Receipt | None, str]:
        """Find the message to update or answer; without one a new one is posted, once an event.

        The third says why nothing is to be sent, where that is so.
        """
        if delivery.step is Step.POST:
            return Step.POST, None, ""
        told = await self._outbox.message(delivery.event.episode_id, self._post.name)
        if told is None:
            alone = is_no_news(delivery.event.state, delivery.event.kind)
            return Step.POST, None, "there is no message to update" if alone else ""
        if told.event_id == delivery.event.id:
            return Step.POST, None, "a new message tells it already"
        return delivery.step, told.receipt, ""

    async def _concluded(self, delivery: Delivery, step: Step, verdict: Verdict, sent: str) -> Result:
        """Turn a verdict into what becomes of the delivery and of the channel."""
        aimed = delivery if step is delivery.step else replace(delivery, step=step)
        move = next_move(aimed, verdict, self._random, strikes=self.condition.strikes(delivery, verdict))
        if move.forget_message and is_no_news(delivery.event.state, delivery.event.kind):
            move = replace(move, state=DeliveryState.SUPERSEDED)
        if verdict.answer is Answer.SENT:
            self._window.went_well()
        elif verdict.throttled:
            self._window.throttled()
        await self.condition.learn(verdict, move)
        return concluded(delivery, verdict, move, now=self._clock.now(), held=not self._post.chat, sent=sent)
