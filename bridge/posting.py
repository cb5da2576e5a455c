"""One attempt at a delivery: aim, begin, render, post, and what follows from the verdict."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import structlog

from bridge.alarm import State
from bridge.attempt import TOLD_TOGETHER, also_told, call_of, concluded, ended, is_about, over_unheard
from bridge.channels import Channel
from bridge.clock import Clock
from bridge.condition import Condition
from bridge.merging import in_place_of, newer_update, together, told_with
from bridge.message import Answer, Delivery, DeliveryState, Digest, Message, Receipt, Step, Verdict
from bridge.pace import Spacing, Window
from bridge.planning import is_no_news
from bridge.retry import is_too_late, next_move
from bridge.store import ChannelState, Merged, Merging, Result, StoreError, Told, handed_to

LONGEST_TURN_SECONDS = 2.0  # for which a message waits for its turn while it holds up the others of its channel
MOST_TURNS = 3  # that others may snatch away
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

    async def over_unheard(self, episode_id: int, channel: str) -> bool:
        """Say whether an episode is over of which the channel never had the trigger."""
        ...

    async def digest(self, event_id: int, urgent_routes: Iterable[str]) -> Digest:
        """Read what a digest tells."""
        ...

    async def answered(self, event_id: int, channel: str) -> Told | None:
        """Read the message that a digest answers."""
        ...

    async def merge(self, merging: Merging) -> Merged:
        """Merge a batch of what waits for a chat."""
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


class Urgency(Protocol):
    """Says what goes first."""

    routes: tuple[str, ...]  # of which a trigger does

    def __call__(self, route: str, state: State, severity: str, kind: str) -> bool:
        """Say whether an event that goes through a route is urgent."""
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
    room: Spacing | None = None  # shared with other channels into the same room
    methods: Mapping[Step, Spacing] = field(default_factory=dict)  # of steps that have a limit of their own
    give_up_after: timedelta
    fallback: str | None
    mark: str  # of the settings
    digest_over: int  # events that may wait for a chat before they become a digest; 0: never
    threads: bool  # it can answer a message
    urgency: Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """Makes the attempts of one channel."""

    post: Post
    outbox: Outbox
    condition: Condition
    window: Window
    clock: Clock
    random: Random

    async def attempt(self, delivery: Delivery, behind: Sequence[Delivery] = ()) -> Result:
        """Make one attempt; raise StoreError where it cannot be begun, and nothing else.

        `behind` are the deliveries that wait for this one: a chat is told of several at once.
        """
        try:
            return await self._attempt(delivery, behind)
        except StoreError:
            raise
        except Exception as error:
            log.exception("a delivery failed", channel=self.post.name, delivery=delivery.id)
            said = f"the bridge failed: {type(error).__name__}"
            failed = Verdict(answer=Answer.REJECTED, said=said, plain_helps=True)
            return await self._concluded(delivery, delivery.step, failed, "")

    async def _attempt(self, delivery: Delivery, behind: Sequence[Delivery]) -> Result:
        """Decide whether a delivery is to be made, and make it."""
        now, post = self.clock.now(), self.post
        if without := self._without_a_call(delivery, now):
            return without
        if delivery.state is DeliveryState.BEGUN:
            return await self._concluded(delivery, delivery.step, STOPPED, "")
        if post.chat and await self._is_over(delivery):
            return over_unheard(delivery, behind, now=now)
        return await self._make(delivery, behind)

    async def _make(self, delivery: Delivery, behind: Sequence[Delivery]) -> Result:
        """Make the call, unless another one tells the same."""
        now, post = self.clock.now(), self.post
        others = told_with(delivery, behind) if post.chat else ()
        step, receipt, told = await self._aim(delivery, behind)
        if told:
            return ended(delivery, DeliveryState.SUPERSEDED, told, now=now)
        telling = together(delivery, others) if others else delivery
        if delivery.event.state is State.DIGEST:
            digest = await self.outbox.digest(delivery.event.id, post.urgency.routes)
            if not digest.counts:
                return ended(delivery, DeliveryState.SUPERSEDED, "nothing is left to tell", now=now)
            telling = replace(delivery, digest=digest)
        if seconds := await self._turn(step):
            held = ended(delivery, DeliveryState.WAITING, f"too many calls of this kind: {step}", now=now)
            return replace(held, due_at=now + timedelta(seconds=seconds))
        message = post.render(telling)
        if not post.idempotent:
            await self.outbox.begin(delivery.id)
        verdict = await post.channel.post(call_of(telling, step, receipt, message, now))
        result = await self._concluded(delivery, step, verdict, message.text)
        if others and result.state is DeliveryState.SENT:
            return replace(result, note=TOLD_TOGETHER, also=also_told(delivery, others, now=now))
        return result

    async def _turn(self, step: Step) -> float:
        """Wait for the turn of a step that has a limit of its own; give the seconds that are too many to wait."""
        budget = self.post.methods.get(step)
        if budget is None:
            return 0.0
        for _ in range(MOST_TURNS):
            seconds = budget.wait_seconds(self.clock.monotonic())
            if seconds <= 0:
                budget.take(self.clock.monotonic())
                return 0.0
            if seconds > LONGEST_TURN_SECONDS:
                break
            await self.clock.sleep(seconds)
        return max(seconds, LONGEST_TURN_SECONDS)

    def _without_a_call(self, delivery: Delivery, now: datetime) -> Result | None:
        """Say what becomes of a delivery that this channel is not to make; None of any other."""
        post = self.post
        if self.condition.hands_over:
            to, why = post.fallback or "", self.condition.state.reason
            if delivery.event.state is State.DIGEST:
                note = f"what it would have told goes to {to}: {post.name} is broken"
                return replace(ended(delivery, DeliveryState.SUPERSEDED, note, now=now), dissolves=True)
            if is_about(delivery, to):  # that one is not to be told: no circle
                until = self.condition.state.paused_until
                return replace(ended(delivery, DeliveryState.WAITING, f"not for {to}", now=now), due_at=until)
            note = f"{handed_to(to)} {post.name} is broken: {why}"
            return replace(ended(delivery, DeliveryState.MOVED, note, now=now), handed_to=to, because=why)
        if is_too_late(delivery, now, post.give_up_after):
            note = f"given up after {post.give_up_after}: {delivery.note or 'it could not be tried'}"
            return ended(delivery, DeliveryState.DEAD, note, now=now)
        return None

    async def _is_over(self, delivery: Delivery) -> bool:
        """Say whether its alarm came and went while the channel was broken, and nobody asked for it since."""
        if not self.condition.was_broken(delivery.replayed_at or delivery.event.created_at):
            return False
        return await self.outbox.over_unheard(delivery.event.episode_id, self.post.name)

    async def _aim(self, delivery: Delivery, behind: Sequence[Delivery]) -> tuple[Step, Receipt | None, str]:
        """Find the message to update or answer; without one a new one is posted, once an event.

        The third says why nothing is to be sent, where that is so.
        """
        if delivery.step is Step.POST:
            alone = self.post.chat and delivery.instead_of and is_no_news(delivery.event.state, delivery.event.kind)
            return Step.POST, None, "people are told of it by an update alone" if alone else ""
        newer = newer_update(delivery, behind) if self.post.chat else None
        if newer is not None:
            return delivery.step, None, f"a newer update waits: delivery {newer.id}"
        told = await self._told(delivery)
        if told is None:
            alone = is_no_news(delivery.event.state, delivery.event.kind)
            return Step.POST, None, "there is no message to update" if alone else ""
        if told.event_id == delivery.event.id:
            return Step.POST, None, "a new message tells it already"
        if told.is_digest:
            return in_place_of(delivery, told.receipt, behind)
        return delivery.step, told.receipt, ""

    async def _told(self, delivery: Delivery) -> Told | None:
        """Read the message that a delivery changes or answers."""
        if delivery.event.state is State.DIGEST:
            told = await self.outbox.answered(delivery.event.id, self.post.name)
            return replace(told, is_digest=False) if told else None
        return await self.outbox.message(delivery.event.episode_id, self.post.name)

    async def _concluded(self, delivery: Delivery, step: Step, verdict: Verdict, sent: str) -> Result:
        """Turn a verdict into what becomes of the delivery and of the channel."""
        aimed = delivery if step is delivery.step else replace(delivery, step=step)
        move = next_move(aimed, verdict, self.random, strikes=self.condition.strikes(delivery, verdict))
        if move.forget_message and is_no_news(delivery.event.state, delivery.event.kind):
            move = replace(move, state=DeliveryState.SUPERSEDED)
        if verdict.answer is Answer.SENT:
            self.window.went_well()
        elif verdict.throttled:
            self.window.throttled()
            budget = self.post.methods.get(step, self.post.room)
            if budget is not None and verdict.after_seconds:
                budget.pause(verdict.after_seconds, self.clock.monotonic())
        await self.condition.learn(verdict, move)
        return concluded(delivery, verdict, move, now=self.clock.now(), held=not self.post.chat, sent=sent)
