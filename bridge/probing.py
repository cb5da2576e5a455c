"""How a broken channel is tried: asked, where it can be, and else with the oldest delivery that waits."""

from typing import Protocol, runtime_checkable

from bridge.channels import Channel
from bridge.clock import EPOCH
from bridge.condition import Condition
from bridge.message import Answer, DeliveryState, Step, Verdict
from bridge.retry import Move
from bridge.store import ChannelState

ASK_AGAIN_SECONDS = 60.0  # where no answer came


@runtime_checkable
class Asked(Protocol):
    """A channel that can be asked whether it would take something, without anybody seeing it."""

    async def ask(self) -> Verdict:
        """Ask; raise nothing but CancelledError."""
        ...


class Probe:
    """Asks one broken channel when its pause is over; what it says is learnt by its condition."""

    def __init__(self, channel: Channel, condition: Condition) -> None:
        self._channel = channel if isinstance(channel, Asked) else None
        self._condition = condition
        self._asked: ChannelState | None = None  # how the channel was when it last said yes
        self._tells = False  # it once said no: a yes is news then

    @property
    def is_due(self) -> bool:
        """Whether the channel is to be asked before anything is posted to it."""
        condition = self._condition
        if self._channel is None or not condition.is_broken:
            return False
        return condition.state is not self._asked and condition.pause_seconds() <= 0

    async def make(self, *, is_idle: bool) -> None:
        """Ask where it is time to; `is_idle`: nothing waits with which it could be tried.

        A platform that says yes may refuse messages all the same, so that its yes counts only where it said no
        before. Where the settings changed and nothing waits to try them with, the channel is taken for mended.
        """
        condition = self._condition
        if not condition.is_broken or condition.pause_seconds() > 0:
            return
        is_new = condition.state.paused_until == EPOCH  # other settings than those it broke with
        if self._channel is None:
            if is_new and is_idle:
                await condition.mend()
        elif self.is_due:
            verdict = await self._channel.ask()
            self._asked = condition.state
            if verdict.answer is not Answer.SENT:
                self._tells = self._tells or verdict.answer is Answer.BROKEN
                await condition.learn(verdict, move_of(verdict))
            elif self._tells or (is_new and is_idle):
                await condition.mend()


def move_of(verdict: Verdict) -> Move:
    """Say what an answer that was no yes means for the channel."""
    breaks = verdict.answer is Answer.BROKEN
    wait = 0.0 if breaks else max(verdict.after_seconds or 0.0, ASK_AGAIN_SECONDS)
    return Move(
        state=DeliveryState.WAITING, step=Step.POST, plain=False, wait_seconds=wait, breaks=breaks, pauses=not breaks
    )
