"""How a channel is: at ease, pausing, or broken. A restart must not forget it, nor hammer the platform."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter

import structlog

from bridge.channels.answers import MAX_WAIT_SECONDS
from bridge.clock import EPOCH, Clock
from bridge.message import Answer, Delivery, Verdict
from bridge.metrics import Metrics
from bridge.pace import seconds_left
from bridge.retry import Move, next_pause_seconds, probe_seconds
from bridge.store import ChannelState
from bridge.trouble import Reporter, Trouble

MOST_PARDONED = 1000  # dead letters of one alarm that are remembered
LONGEST = timedelta(seconds=MAX_WAIT_SECONDS)  # of a pause, by the platform's word
DRIFT_SECONDS = 1.0  # between the wall clock and the monotonic one, before the wall clock was set back
MOST_FAILURES = 10  # in a row, before a machine's channel pauses as a whole

log = structlog.get_logger()
Keep = Callable[[ChannelState], Awaitable[None]]


class Condition:
    """One channel's pause, back-off step and *broken since*; stored by `keep` when they change."""

    def __init__(
        self,
        state: ChannelState,
        *,
        keep: Keep,
        clock: Clock,
        metrics: Metrics,
        pauses_at: int,
        fallback: str | None,
        reporter: Reporter,
    ) -> None:
        """Take `pauses_at`, the failures in a row at which the channel pauses as a whole."""
        self.state = state = no_longer_than_asked(state, clock.now())
        self._over_at = clock.monotonic() + (state.paused_until - clock.now()).total_seconds()
        self._fallback = fallback
        self._reporter = reporter
        self._keep = keep
        self._clock = clock
        self._metrics = metrics
        self._pauses_at = pauses_at
        # Alarms in a row that got a verdict which may break the channel, and the dead letters among them.
        self._refused: dict[str, deque[Delivery]] = {}
        self._say()
        if self.is_broken:
            seconds = round(max(0.0, self.pause_seconds()), 1)
            words = "the channel is still broken" if seconds else "the broken channel is tried at once"
            log.warning(words, channel=state.name, reason=state.reason, next_try_seconds=seconds)

    @property
    def is_broken(self) -> bool:
        """Whether it takes nothing until somebody mends it."""
        return self.state.broken_since is not None

    @property
    def is_well(self) -> bool:
        """Whether nothing failed since something was taken."""
        return not self.is_broken and not self.state.failures

    @property
    def hands_over(self) -> bool:
        """Whether it is broken, not to be tried yet, and another channel takes its place."""
        return self._fallback is not None and self.is_broken and self.pause_seconds() > 0

    @property
    def mended_at(self) -> datetime | None:
        """Give when it last was mended; None, too, where that is yet to come: the wall clock was set back since."""
        at = self.state.mended_at
        return None if at is None or at > self._clock.now() else at

    def was_broken(self, moment: datetime) -> bool:
        """Say whether what came at a moment had to wait until the channel was mended."""
        return (mended_at := self.mended_at) is not None and moment <= mended_at

    def pause_seconds(self) -> float:
        """Give how long it still pauses, 0 or less where it does not; a clock that is set back prolongs nothing."""
        if self.state.paused_until is EPOCH:
            return 0.0
        by_the_wall = (self.state.paused_until - self._clock.now()).total_seconds()
        left = self._over_at - self._clock.monotonic()
        return left if by_the_wall > left + DRIFT_SECONDS else by_the_wall

    def strikes(self, delivery: Delivery, verdict: Verdict) -> int:
        """Count the alarms in a row that got a verdict which may break the channel; a broken one needs no more."""
        if verdict.breaks_after:
            self._refused.setdefault(delivery.event.key, deque(maxlen=MOST_PARDONED))
            return verdict.breaks_after if self.is_broken else len(self._refused)
        if verdict.answer in {Answer.SENT, Answer.REJECTED}:
            self._refused.clear()
        return len(self._refused)

    def bury(self, delivery: Delivery) -> None:
        """Remember a dead letter whose refusal may turn out to be about the channel."""
        if delivery.event.key in self._refused:
            self._refused[delivery.event.key].append(delivery)

    def pardoned(self) -> list[Delivery]:
        """Give the dead letters that were not about themselves, now that the channel is broken; each once."""
        if not self.is_broken:
            return []
        pardoned = {delivery.id: delivery for refused in self._refused.values() for delivery in refused}
        self._refused.clear()
        return sorted(pardoned.values(), key=attrgetter("id"))

    async def learn(self, verdict: Verdict, move: Move) -> None:
        """Let a verdict change how the channel is."""
        state = self.state
        if verdict.is_lost:
            return
        if verdict.answer is Answer.SENT:
            if state.failures or state.paused_until is not EPOCH or self.is_broken:
                await self.mend()
        elif move.breaks:
            await self._break(verdict.said)
        elif move.pauses and (self._pauses_at == 1 or self.is_broken):
            await self._pause(move.wait_seconds, verdict.said)
        elif move.pauses and self.pause_seconds() <= 0:
            await self._count(verdict)
        elif move.pauses and (verdict.after_seconds or 0.0) > self.pause_seconds():  # was under way when it began
            await self._pause(verdict.after_seconds or 0.0, verdict.said, counts=False)

    async def _count(self, verdict: Verdict) -> None:
        """Count a failure of one alarm among many; from so many in a row on the channel pauses, by its own step.

        Why it failed is kept at once: `/health` says it while something waits, though nothing pauses yet.
        """
        beyond = self.state.failures + 1 - self._pauses_at
        if beyond < 0:
            self.state = replace(self.state, failures=self.state.failures + 1, reason=verdict.said)
        else:
            await self._pause(max(next_pause_seconds(beyond + 1), verdict.after_seconds or 0.0), verdict.said)

    async def mend(self) -> None:
        """Be at ease: something was taken."""
        before = self.state
        self.state = ChannelState(name=before.name, paused_until=EPOCH, mark=before.mark, mended_at=before.mended_at)
        if before.broken_since is not None:
            self.state = replace(self.state, mended_at=self._clock.now())
            log.warning("the channel is mended", channel=before.name, broken_since=before.broken_since.isoformat())
            self._say()
        if before.paused_until is not EPOCH or before.broken_since is not None:
            await self._keep(self.state)

    def leave(self) -> None:
        """Be no trouble any more: the config has no such channel, and its last call may have found it broken."""
        self._reporter.over(Trouble.CHANNEL_BROKEN, self.state.name)
        self._reporter.over(Trouble.DIGESTING, self.state.name)

    async def _pause(self, seconds: float, reason: str, *, counts: bool = True) -> None:
        """Wait as a whole, no less long than others asked for; a broken channel is broken until it takes something."""
        before = self.state
        failures = before.failures + 1 if counts and not self.is_broken else before.failures
        reason = before.reason if self.is_broken else reason
        until = self._until(max(seconds, self.pause_seconds()))
        self.state = replace(before, paused_until=until, paused_at=self._clock.now(), failures=failures, reason=reason)
        await self._keep(self.state)

    def _until(self, seconds: float) -> datetime:
        """Begin a pause; give when it is over."""
        self._over_at = self._clock.monotonic() + seconds
        return self._clock.now() + timedelta(seconds=seconds) if seconds > 0 else EPOCH

    async def _break(self, reason: str) -> None:
        """Take nothing more until somebody mends the channel; try it now and then."""
        if self.is_broken and self.pause_seconds() > 0:
            return  # it was under way when the channel broke: that is no further trial
        failures = self.state.failures + 1 if self.is_broken else 1
        seconds = probe_seconds(failures)
        self.state = replace(
            self.state,
            paused_until=self._until(seconds),
            paused_at=self._clock.now(),
            failures=failures,
            broken_since=self.state.broken_since or self._clock.now(),
            reason=reason,
        )
        self._say()
        log.error("the channel is broken", channel=self.state.name, reason=reason, next_try_seconds=seconds)
        await self._keep(self.state)

    def _say(self) -> None:
        """Let people know whether it is broken."""
        self._metrics.channel_broken(self.state.name, self.is_broken)
        if self.is_broken:
            self._reporter.trouble(Trouble.CHANNEL_BROKEN, self.state.name, self.state.reason)
        else:
            self._reporter.over(Trouble.CHANNEL_BROKEN, self.state.name)


def no_longer_than_asked(state: ChannelState, now: datetime) -> ChannelState:
    """Shorten a pause from before that nobody can have asked for: the wall clock was set back since."""
    if state.paused_until <= now:
        return state
    left = timedelta(seconds=seconds_left(state.paused_until, state.paused_at, now))
    begun_at = None if state.paused_at is None else min(state.paused_at, now)
    return replace(state, paused_until=now + min(left, LONGEST), paused_at=begun_at)


def restored(name: str, mark: str, state: ChannelState | None) -> ChannelState:
    """Go on with a pause from before; a broken channel whose settings changed since is tried at once."""
    if state is None:
        return ChannelState(name=name, paused_until=EPOCH, mark=mark)
    if state.mark == mark:
        return state
    if state.broken_since is None:
        return replace(state, mark=mark)
    return replace(state, mark=mark, paused_until=EPOCH, failures=0)
