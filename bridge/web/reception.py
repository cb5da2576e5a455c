"""What becomes of a callback that was let in: stored, counted and logged, in the process that has the store.

The listener asks for it by `Desk`; it may be in another process (`edge`), which asks for the same over a wire.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from bridge.alarm import Callback, Reading, ReadingKind
from bridge.clock import Clock
from bridge.episode import short_id
from bridge.metrics import Metrics
from bridge.rendering.facts import object_title
from bridge.store import Judgement, StoreError
from bridge.web.desk import Taken

log = structlog.get_logger()
Answer = Callable[[Taken], None]


class Reception:
    """Takes callbacks for the store."""

    def __init__(
        self,
        record: Callable[[Callback], Awaitable[Judgement]],
        trouble: Callable[[], str],
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Take `record`, which stores a callback, and `trouble`, which says why it cannot ("": it can)."""
        self._record = record
        self._trouble = trouble
        self._clock = clock
        self._metrics = metrics

    async def take(self, callback: Callback, begun: float) -> Taken:
        """Store a callback; `begun` is when its first byte was read, by the monotonic clock."""
        self._metrics.last_callback(callback.received_at.timestamp())
        try:
            return self._taken(callback.reading, await self._record(callback))
        except StoreError as error:
            return self._refused(error)
        finally:
            self._metrics.acknowledged(self._clock.monotonic() - begun)

    def receive(self, callback: Callback, begun: float, answer: Answer) -> None:
        """Do what `take` does without a task of its own; call `answer` then."""
        self._metrics.last_callback(callback.received_at.timestamp())
        try:
            recorded = asyncio.ensure_future(self._record(callback))
            recorded.add_done_callback(partial(self._stored, callback.reading, begun, answer))
        except StoreError as error:
            answer(self._refused(error))
            self._metrics.acknowledged(self._clock.monotonic() - begun)

    def turn_away(self, outcome: str, **fields: str | None) -> None:
        """Count and log a callback that was not let in."""
        self._metrics.callback(outcome)
        log.warning("callback", outcome=outcome, **fields)

    async def is_ready(self) -> bool:
        """Say whether callbacks can be taken."""
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether callbacks can be taken."""
        return not self._trouble()

    def _stored(self, reading: Reading, begun: float, answer: Answer, recorded: asyncio.Future[Judgement]) -> None:
        if recorded.cancelled():  # the bridge ends
            return
        error = recorded.exception()
        answer(self._taken(reading, recorded.result()) if error is None else self._refused(error))
        self._metrics.acknowledged(self._clock.monotonic() - begun)

    def _taken(self, reading: Reading, judgement: Judgement) -> Taken:
        self._metrics.callback(judgement.outcome)
        log_callback(reading, judgement)
        return Taken(is_stored=True, message=kept(reading, judgement))

    def _refused(self, error: BaseException) -> Taken:
        self.turn_away("failed", reason=str(error))
        return Taken(is_stored=False)


def kept(reading: Reading, judgement: Judgement) -> str:
    """Say what was wrong with a body, and that it was kept; empty where nothing was."""
    if reading.kind is ReadingKind.VERIFICATION:
        return ""
    refused = reading.alarm is not None and judgement.alarm is None  # by the store
    problem = judgement.reason.partition(";")[0] if refused else reading.problem
    return f"{problem}; it was kept as received" if problem else ""


def log_callback(reading: Reading, judgement: Judgement) -> None:
    """Log one line for a callback."""
    alarm = judgement.alarm
    if alarm is None:
        log.info("callback", outcome=judgement.outcome, reason=judgement.reason)
        return
    log.info(
        "callback",
        outcome=judgement.outcome,
        alarm=short_id(judgement.number),
        policy=alarm.policy_name,
        subject=alarm.subject,
        object=object_title(alarm),  # as the messages name it, so that it is found here
        session=reading.session_id,
        channels=list(dict.fromkeys(delivery.channel for delivery in judgement.deliveries)),
        reason=judgement.reason,
    )
