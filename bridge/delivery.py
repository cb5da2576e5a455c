"""The lower half: one worker a channel, which alone posts to it.

The queue is on disk; a worker reads a page of it, keeps the order of each alarm, and has one message
under way (a chat) or many (a machine). An attempt is finished when its result is on disk:

    take → aim (which message to update) → begin (where twice would show) → render → post → verdict → store
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import structlog

from bridge.alarm import State
from bridge.channels import Channel
from bridge.clock import EPOCH, Clock
from bridge.lanes import Lanes
from bridge.message import Answer, Call, Delivery, DeliveryState, Message, Receipt, Step, Verdict
from bridge.metrics import Metrics
from bridge.pace import Spacing, Window
from bridge.retry import is_too_late, next_move, probe_seconds
from bridge.store import ChannelState, Result, StoreError, Told

MOST_LOADED = 1000  # deliveries of one channel in memory
MOST_FAILURES = 10  # in a row, of different alarms, before a machine's channel pauses as a whole
LONGEST_WAIT_SECONDS = 30.0  # a look at the clock now and then, should it be set
STORE_RETRY_SECONDS = 1.0
UPDATES_ONLY = frozenset({State.REPLACED})  # told by an update or, in a chat, not at all

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

    async def finish(self, result: Result) -> None:
        """Store how an attempt ended."""
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

    def __init__(  # noqa: PLR0913 - everything is handed in, nothing looked up
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._after = 0  # the highest delivery id read
        self._more = True  # there may be more on disk
        self._stopping = False
        self._refused: set[str] = set()  # alarms in a row that got a verdict which may break the channel
        self.state = self._restored(state)

    def _restored(self, state: ChannelState | None) -> ChannelState:
        """Go on with a pause from before the restart, unless the settings changed."""
        if state is None or (state.broken_since is not None and state.mark != self._post.mark):
            return ChannelState(name=self._post.name, paused_until=EPOCH, mark=self._post.mark)
        self._metrics.channel_broken(self._post.name, state.broken_since is not None)
        return state

    def wake(self) -> None:
        """Say that there is new work on disk."""
        self._more = True
        self._wake.set()

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
                await asyncio.wait(late, timeout=1)
        await self._post.channel.close()

    async def _load(self) -> None:
        """Read on in the queue while there is room."""
        while self._more and len(self._lanes) < MOST_LOADED:
            try:
                page = await self._outbox.waiting(self._post.name, self._after)
            except StoreError as error:
                log.warning("the queue cannot be read", channel=self._post.name, reason=str(error))
                return
            now = self._clock.now()
            for delivery in page:
                if delivery.id not in self._lanes:
                    self._lanes.add(delivery, now)
            self._more = bool(page)
            self._after = page[-1].id if page else self._after

    def _start_what_may(self) -> None:
        """Put under way what is due, as far as pause, window and spacing allow."""
        while not self._stopping and len(self._tasks) < self._window.limit:
            if self._pause_seconds() > 0 and not self._hands_over:
                return
            if not self._hands_over and self._spacing.wait_seconds(self._clock.monotonic()) > 0:
                return
            delivery = self._lanes.take(self._clock.now())
            if delivery is None:
                return
            self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        if not self._hands_over:
            self._spacing.take(self._clock.monotonic())
        task = asyncio.create_task(self._attempt(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    @property
    def _hands_over(self) -> bool:
        """Whether the channel is broken, not to be tried yet, and another takes its place."""
        broken = self.state.broken_since is not None and self._post.fallback is not None
        return broken and self._pause_seconds() > 0

    def _pause_seconds(self) -> float:
        return (self.state.paused_until - self._clock.now()).total_seconds()

    async def _wait(self) -> None:
        """Wait for new work, the end of an attempt, or a time that somebody waits for."""
        waits = [LONGEST_WAIT_SECONDS]
        if len(self._tasks) < self._window.limit:
            if self._lanes.has_ready:
                waits.append(max(self._pause_seconds(), self._spacing.wait_seconds(self._clock.monotonic())))
            if (due := self._lanes.next_due()) is not None:
                waits.append(max((due - self._clock.now()).total_seconds(), self._pause_seconds()))
        try:
            async with asyncio.timeout(max(min(waits), 0.001)):
                await self._wake.wait()
        except TimeoutError:
            self._more = True  # a look at the disk as well: a page that could not be read is not forgotten

    async def _attempt(self, delivery: Delivery) -> None:
        """Make one attempt and store how it ended."""
        try:
            result = await self._result(delivery)
        except StoreError:
            await self._clock.sleep(STORE_RETRY_SECONDS)
            self._lanes.hold(delivery, self._clock.now())
            return
        await self._outbox.finish(result)
        now = self._clock.now()
        if result.state is DeliveryState.WAITING:
            self._lanes.hold(_as_stored(delivery, result), now)
        else:
            self._lanes.done(delivery, now)

    async def _result(self, delivery: Delivery) -> Result:
        """Decide on, and make, the call that a delivery is."""
        now = self._clock.now()
        if self._hands_over:
            return self._ending(
                delivery, DeliveryState.MOVED, f"{self._post.name} is broken", to=self._post.fallback or ""
            )
        if is_too_late(delivery, now, self._post.give_up_after):
            return self._ending(
                delivery, DeliveryState.DEAD, f"given up after {self._post.give_up_after}: {delivery.note}"
            )
        if delivery.state is DeliveryState.BEGUN:
            verdict = Verdict(answer=Answer.AMBIGUOUS, said="the bridge stopped before an answer came", after_seconds=0)
            return await self._concluded(delivery, delivery.step, verdict, "")
        step, receipt, told = await self._aim(delivery)
        if told:
            return self._ending(delivery, DeliveryState.SUPERSEDED, told)
        message = self._post.render(delivery)
        if not self._post.idempotent:
            await self._outbox.begin(delivery.id)
        verdict = await self._post.channel.post(_call(delivery, step, receipt, message, now))
        return await self._concluded(delivery, step, verdict, message.text)

    async def _aim(self, delivery: Delivery) -> tuple[Step, Receipt | None, str]:
        """Find the message to update or answer; without one a new one is posted, once an event.

        The third says why nothing is to be sent, where that is so.
        """
        if delivery.step is Step.POST:
            return Step.POST, None, ""
        told = await self._outbox.message(delivery.event.episode_id, self._post.name)
        if told is None:
            alone = delivery.event.state in UPDATES_ONLY
            return Step.POST, None, "there is no message to update" if alone else ""
        if told.event_id == delivery.event.id:
            return Step.POST, None, "a new message tells it already"
        return delivery.step, told.receipt, ""

    async def _concluded(self, delivery: Delivery, step: Step, verdict: Verdict, sent: str) -> Result:
        """Turn a verdict into what becomes of the delivery and of the channel."""
        now = self._clock.now()
        strikes = self._count_strikes(delivery, verdict)
        aimed = replace(delivery, step=step)
        move = next_move(aimed, verdict, self._random, strikes=strikes)
        wait = 0.0 if self._post.chat else move.wait_seconds
        result = Result(
            delivery=delivery,
            state=move.state,
            made_at=now,
            due_at=now + timedelta(seconds=wait),
            step=move.step if move.forget_message else delivery.step,
            attempts=delivery.attempts + 1,
            verdict=verdict,
            note=move.note,
            plain=move.plain,
            sent=sent,
            forget_message=move.forget_message,
        )
        await self._learn(verdict, pauses=move.pauses, breaks=move.breaks, wait_seconds=move.wait_seconds)
        self._report(result)
        return result

    async def _learn(self, verdict: Verdict, *, pauses: bool, breaks: bool, wait_seconds: float) -> None:
        """Let the channel's pace and pause follow from a verdict."""
        if verdict.answer is Answer.SENT:
            self._window.went_well()
            await self._set_pause(failures=0)
            return
        if verdict.throttled:
            self._window.throttled()
        failures = self.state.failures + 1
        if breaks:
            await self._break(verdict.said)
        elif pauses and (self._post.chat or failures >= MOST_FAILURES):
            await self._set_pause(failures=failures, seconds=wait_seconds)
        elif pauses:
            self.state = replace(self.state, failures=failures)

    async def _set_pause(self, *, failures: int, seconds: float = 0.0) -> None:
        """Pause, or be at ease again; stored where it changed something that a restart must know."""
        before = self.state
        until = self._clock.now() + timedelta(seconds=seconds) if seconds else EPOCH
        self.state = ChannelState(name=before.name, paused_until=until, failures=failures, mark=self._post.mark)
        if before.broken_since is not None:
            log.warning("the channel is mended", channel=before.name, broken_since=before.broken_since.isoformat())
            self._metrics.channel_broken(before.name, False)
        if before.paused_until > EPOCH or until > EPOCH:
            await self._outbox.keep(self.state)

    async def _break(self, reason: str) -> None:
        """Take nothing more until somebody mends the channel; try it now and then."""
        broken_since = self.state.broken_since or self._clock.now()
        failures = self.state.failures + 1 if self.state.broken_since else 1
        seconds = probe_seconds(failures)
        self.state = ChannelState(
            name=self._post.name,
            paused_until=self._clock.now() + timedelta(seconds=seconds),
            failures=failures,
            broken_since=broken_since,
            mark=self._post.mark,
            reason=reason,
        )
        self._metrics.channel_broken(self._post.name, True)
        log.error("the channel is broken", channel=self._post.name, reason=reason, next_try_seconds=seconds)
        await self._outbox.keep(self.state)

    def _count_strikes(self, delivery: Delivery, verdict: Verdict) -> int:
        if verdict.breaks_after:
            self._refused.add(delivery.event.key)
        elif verdict.answer in {Answer.SENT, Answer.REJECTED, Answer.BROKEN}:
            self._refused.clear()
        return len(self._refused)

    def _ending(self, delivery: Delivery, state: DeliveryState, note: str, to: str = "") -> Result:
        """End a delivery without a call."""
        now = self._clock.now()
        result = Result(
            delivery=delivery,
            state=state,
            made_at=now,
            due_at=now,
            step=delivery.step,
            attempts=delivery.attempts,
            note=note,
            plain=delivery.plain,
            handed_to=to,
        )
        self._report(result)
        return result

    def _report(self, result: Result) -> None:
        """Count and log an attempt."""
        delivery, verdict = result.delivery, result.verdict
        if verdict is not None and verdict.answer is Answer.REJECTED:
            self._metrics.delivery(self._post.name, "rejected")
        if result.state in COUNTED:
            self._metrics.delivery(self._post.name, COUNTED[result.state])
        if result.state is DeliveryState.SENT:
            waited = (result.made_at - delivery.event.received_at).total_seconds()
            self._metrics.delivered(self._post.name, max(0.0, waited))
        level = log.info if result.state in QUIET else log.warning
        level(
            "attempt",
            channel=self._post.name,
            alarm=delivery.event.short_id,
            state=delivery.event.state.value,
            step=result.step.value,
            delivery=str(delivery.id),
            attempt=result.attempts,
            verdict=verdict.answer.value if verdict else "none",
            becomes=result.state.value,
            said=verdict.said if verdict else result.note,
        )


QUIET = frozenset({DeliveryState.SENT, DeliveryState.SUPERSEDED})
COUNTED: Mapping[DeliveryState, str] = {
    DeliveryState.SENT: "sent",
    DeliveryState.WAITING: "retried",
    DeliveryState.SUPERSEDED: "superseded",
    DeliveryState.DEAD: "dead",
}


def _as_stored(delivery: Delivery, result: Result) -> Delivery:
    """Give a delivery as its result left it."""
    return replace(
        delivery,
        state=result.state,
        step=result.step,
        plain=result.plain,
        attempts=result.attempts,
        due_at=result.due_at,
        note=result.note,
    )


def _call(delivery: Delivery, step: Step, receipt: Receipt | None, message: Message, now: datetime) -> Call:
    if delivery.plain:
        message = Message(text=message.plain, plain=message.plain)
    return Call(
        step=step,
        message=message,
        delivery_id=str(delivery.id),
        sent_at=now,
        receipt=receipt,
        event_id=str(delivery.event.id),
        episode_id=str(delivery.event.episode_id),
    )
