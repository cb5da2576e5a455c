"""One attempt at a delivery: aim, render, begin, post, and what follows from the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import structlog

from bridge.aiming import Aim, aimed
from bridge.alarm import State
from bridge.attempt import (
    TOLD_TOGETHER,
    also_told,
    call_of,
    concluded,
    dissolved,
    ended,
    falls_short,
    goes_along,
    is_about,
    is_worth_waiting,
    looks_again,
    over_unheard,
)
from bridge.channels import Finding, Linked, Searched
from bridge.clock import Clock
from bridge.condition import Condition
from bridge.merging import together, told_by, told_with
from bridge.message import BEFORE, Answer, Call, Delivery, DeliveryState, Message, Step, Verdict, Why
from bridge.pace import Spacing, Window
from bridge.planning import is_no_news
from bridge.post import NotBegun, Outbox, Post, Tell
from bridge.retry import is_its_own, is_too_late, next_move
from bridge.store import Pause, Result, StoreError

LONGEST_TURN_SECONDS = 2.0  # for which a message waits for its turn while it holds up the others of its channel
SHORTEST_HOLD_SECONDS = 0.001  # what is left of a pause may be less than a date tells apart: it would be due at once
MOST_TURNS = 3  # that others may snatch away
ARRIVED = "it had arrived before: found by its metadata"
STOPPED = Verdict(answer=Answer.AMBIGUOUS, said="the bridge stopped before an answer came", after_seconds=0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes the calls of one channel: an attempt each."""

    post: Post
    outbox: Outbox
    condition: Condition
    window: Window
    clock: Clock
    random: Random

    async def attempt(self, delivery: Delivery, behind: Sequence[Delivery] = ()) -> Result:
        """Make one attempt; raise StoreError or NotBegun where it cannot be begun, and nothing else.

        `behind` are the deliveries that wait for this one: a chat is told of several at once.
        """
        try:
            return await self._attempt(delivery, behind)
        except (StoreError, NotBegun):
            raise
        except Exception as error:
            log.exception("a delivery failed", channel=self.post.name, delivery=delivery.id)
            said = f"the bridge failed: {type(error).__name__}"
            failed = Verdict(answer=Answer.REJECTED, said=said, plain_helps=True)
            return await self._concluded(delivery, delivery.step, failed, "")

    def stays(self, delivery: Delivery) -> bool:
        """Say whether a delivery stays in a broken channel: it is about the fallback, or came back from it."""
        return is_about(delivery, self.post.fallback or "") or delivery.why is Why.WENT_ROUND

    async def _attempt(self, delivery: Delivery, behind: Sequence[Delivery]) -> Result:
        """Decide whether a delivery is to be made, and make it."""
        now, post = self.clock.now(), self.post
        if delivery.step is Step.REST and (self.condition.hands_over or not post.threads):
            return ended(delivery, DeliveryState.SUPERSEDED, "the thread it belongs to is out of reach", now=now)
        if without := self._without_a_call(delivery, behind, now):
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
        aim = await aimed(delivery, behind, self.outbox, chat=post.chat)
        step = aim.step
        if aim.nothing:
            return ended(delivery, DeliveryState.SUPERSEDED, aim.nothing, now=now)
        telling = together(delivery, others) if others else delivery
        if delivery.event.state is State.DIGEST:
            digest = await self.outbox.digest(delivery.event.id, post.urgency.routes)
            if not digest.counts:
                return ended(delivery, DeliveryState.SUPERSEDED, "nothing is left to tell", now=now)
            telling = replace(delivery, digest=digest)
        if seconds := await self._turn(step):
            held = ended(delivery, DeliveryState.WAITING, f"too many calls of this kind: {step}", now=now)
            return replace(held, due_at=now + timedelta(seconds=seconds))
        before = await self._before(delivery, aim)
        if aim != Aim(step=telling.step) or before:  # else nothing of it is other, and a copy takes 5 µs
            telling = replace(telling, step=step, brief=aim.is_answer, before=before, follows=aim.follows)
        return await self._call(delivery, telling, aim, others)

    async def _call(self, delivery: Delivery, telling: Delivery, aim: Aim, others: Sequence[Delivery]) -> Result:
        """Render and post, unless it had arrived before."""
        now, post, step = self.clock.now(), self.post, aim.step
        if post.tell is not None and not telling.plain:
            return await self._told(post.tell, delivery, telling)
        message = post.render(telling)
        if step is Step.REST and not message.text:
            return ended(delivery, DeliveryState.SUPERSEDED, "the message has room for all of it by now", now=now)
        call = call_of(telling, step, aim.receipt, message, now)
        if (finding := await self._found(delivery, call)) and finding.is_open:
            return looks_again(delivery, finding, self.random, now=self.clock.now())
        if finding:
            verdict = Verdict(answer=Answer.SENT, said=ARRIVED, receipt=finding.receipt, calls=0)
            others = told_by(others, finding.event_id)
        else:
            if not post.idempotent:
                await self.outbox.begin(delivery.id)
                if held := self._held_back(delivery, step):
                    return held
            verdict = await post.channel.post(call)
        result = self._with_rest(await self._concluded(delivery, step, verdict, message.text), aim, message)
        if result.state is not DeliveryState.SENT:
            return result
        note = "; ".join(filter(None, (TOLD_TOGETHER if others else "", falls_short(delivery, verdict, message))))
        return replace(result, note=note, also=also_told(delivery, others, now=now)) if note else result

    async def _told(self, tell: Tell, delivery: Delivery, telling: Delivery) -> Result:
        """Have it rendered and posted elsewhere."""
        return await self._concluded(delivery, telling.step, *await tell(telling, self.window.limit))

    def _with_rest(self, result: Result, aim: Aim, message: Message) -> Result:
        """Have what an alarm's message had no room for told in its thread."""
        delivery = result.delivery
        is_taken = result.state is DeliveryState.SENT and aim.step in {Step.POST, Step.UPDATE}
        is_plain = delivery.plain or bool(message.problem)  # the template may be mended by then, and say all of it
        parts = -len(message.plain_rest) if is_plain else len(message.rest)
        if is_taken and parts and self.post.threads and delivery.event.episode_id:
            return replace(result, rest=parts)
        return result

    async def _before(self, delivery: Delivery, aim: Aim) -> str:
        """Give the address of the message before, of an alarm that comes again: asked once, and kept."""
        if aim.receipt is not None:
            return aim.receipt.get(BEFORE, "")
        event, channel = delivery.event, self.post.channel
        if not event.again or event.state is not State.TRIGGERED or not isinstance(channel, Linked):
            return ""
        told = await self.outbox.message(event.episode_id, self.post.name)
        return await channel.link(told.receipt) if told else ""

    async def _found(self, delivery: Delivery, call: Call) -> Finding | None:
        """Look whether an attempt without an answer arrived, where the channel can; None where it is to be made again.

        A change is made again anyway, and a digest, too: it may tell more by now than what stands there.
        """
        channel, grows = self.post.channel, call.state is State.DIGEST
        if not delivery.attempts or grows or call.step is Step.UPDATE or not isinstance(channel, Searched):
            return None
        name = self.post.name
        unsure = await self.outbox.unsure(delivery.id, name)
        if unsure is None:
            return None
        finding = await channel.find(call, delivery.replayed_at or delivery.event.created_at, unsure.beside)
        log.info("looked for a message without an answer", channel=name, delivery=delivery.id, said=finding.said)
        return finding if finding.is_found or is_worth_waiting(finding, unsure, now=self.clock.now()) else None

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

    def _without_a_call(self, delivery: Delivery, behind: Sequence[Delivery], now: datetime) -> Result | None:
        """Say what becomes of a delivery that this channel is not to make; None of any other."""
        post = self.post
        if self.condition.hands_over:
            to, why = post.fallback or "", self.condition.state.reason
            if delivery.event.state is State.DIGEST:
                return dissolved(delivery, f"what it would have told goes to {to}: {post.name} is broken", now=now)
            until = now + timedelta(seconds=self.condition.pause_seconds())
            if self.stays(delivery):
                note = delivery.note if delivery.why is Why.WENT_ROUND else f"not for {to}"
                return replace(ended(delivery, DeliveryState.WAITING, note, now=now, why=delivery.why), due_at=until)
            note = f"handed to {to}: {post.name} is broken: {why}"
            moved = ended(delivery, DeliveryState.MOVED, note, now=now)
            return goes_along(replace(moved, due_at=until, handed_to=to, because=why), behind)
        if delivery.event.state is State.DIGEST and not post.chat:  # its channel was of another type
            return dissolved(delivery, f"{post.name} gets each event by itself", now=now)
        if is_too_late(delivery, now, post.give_up_after):
            note = f"given up after {post.give_up_after}: {delivery.note or 'it could not be tried'}"
            return ended(delivery, DeliveryState.DEAD, note, now=now)
        return None

    async def _is_over(self, delivery: Delivery) -> bool:
        """Say whether its alarm came and went while the channel was broken, and nobody asked for it since."""
        if not self.condition.was_broken(delivery.replayed_at or delivery.event.created_at):
            return False
        return await self.outbox.over_unheard(delivery.event.episode_id, self.post.name)

    async def _concluded(self, delivery: Delivery, step: Step, verdict: Verdict, sent: str) -> Result:
        """Turn a verdict into what becomes of the delivery and of the channel."""
        made = delivery if step is delivery.step else replace(delivery, step=step)
        move = next_move(made, verdict, self.random, strikes=self.condition.strikes(delivery, verdict))
        if move.forget_message and is_no_news(delivery.event.state, delivery.event.kind):
            move = replace(move, state=DeliveryState.SUPERSEDED)
        if verdict.answer is Answer.SENT:
            self.window.went_well()
        elif verdict.throttled:
            self.window.throttled()
            budget = self.post.methods.get(step, self.post.room)
            if budget is not None and verdict.after_seconds:
                await self._pause(budget, verdict.after_seconds)
        its_own = self.post.chat and self.condition.is_well and is_its_own(delivery, verdict, move)
        await self.condition.learn(verdict, replace(move, pauses=False) if its_own else move)
        held = its_own or not self.post.chat
        return concluded(delivery, verdict, move, now=self.clock.now(), held=held, sent=sent)

    def _held_back(self, delivery: Delivery, step: Step) -> Result | None:
        """Say what becomes of a delivery where another channel was asked to wait while this one waited for the disk."""
        budget, now = self.post.methods.get(step, self.post.room), self.clock.now()
        seconds = 0.0 if budget is None else budget.pause_seconds(self.clock.monotonic())
        if not seconds:
            return None
        held = ended(delivery, DeliveryState.WAITING, "another channel was asked to wait meanwhile", now=now)
        return replace(held, due_at=now + timedelta(seconds=max(seconds, SHORTEST_HOLD_SECONDS)))

    async def _pause(self, budget: Spacing, seconds: float) -> None:
        """Leave the platform alone as long as it asks, with all that draws on a budget; also the next process."""
        if budget.pause(seconds, self.clock.monotonic()) and budget.name:
            now = self.clock.now()
            await self.outbox.keep_pause(Pause(name=budget.name, until=now + timedelta(seconds=seconds), begun_at=now))
