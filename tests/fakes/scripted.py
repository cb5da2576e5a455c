"""A channel that does as it is told, and the worker that posts to it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from bridge.delivery import Worker
from bridge.message import Answer, Call, Delivery, Message, Verdict
from bridge.metrics import Metrics
from bridge.outbox import StoreOutbox
from tests.fakes.virtual import LoopClock

SENT = Verdict(answer=Answer.SENT, said="ok")


def a_verdict(answer: Answer, /, **more: Any) -> Verdict:
    return Verdict(answer=answer, **{"said": f"it said {answer}", **more})


class Scripted:
    """Records calls; `answers` gives the verdict of each, a `seconds` later."""

    def __init__(
        self, clock: LoopClock, answers: Callable[[Call], Verdict] = lambda _call: SENT, seconds: float = 0.0
    ) -> None:
        self.answers = answers
        self.seconds: Callable[[Call], float] = lambda _call: seconds
        self.calls: list[Call] = []
        self.times: list[float] = []  # of the calls, from the first on
        self.under_way: Counter[str] = Counter()  # by episode
        self.most = 0  # under way at once
        self.is_closed = False
        self._clock = clock
        self._begun: float | None = None

    async def post(self, call: Call) -> Verdict:
        now = self._clock.monotonic()
        self._begun = now if self._begun is None else self._begun
        self.calls.append(call)
        self.times.append(round(now - self._begun, 3))
        self.under_way[call.episode_id] += 1
        assert self.under_way[call.episode_id] == 1 or call.episode_id == "0", "two of one alarm at once"
        self.most = max(self.most, self.under_way.total())
        try:
            await asyncio.sleep(self.seconds(call))
            return self.answers(call)
        finally:
            self.under_way[call.episode_id] -= 1

    def wire(self, call: Call) -> Mapping[str, Any]:
        return {"text": call.message.text}

    async def close(self) -> None:
        self.is_closed = True

    def told(self) -> list[str]:
        """Give the texts of the calls."""
        return [call.message.text for call in self.calls]


def in_turn(*verdicts: Verdict) -> Callable[[Call], Verdict]:
    """Give these verdicts, and then SENT."""
    left = list(verdicts)
    return lambda _call: left.pop(0) if left else SENT


def words(delivery: Delivery) -> Message:
    """Render a message that names its state and the alarm's number."""
    text = f"{delivery.event.state.value} {delivery.event.number}"
    return Message(text=text, plain=f"plain {text}", payload={"text": text})


def scripted(clock: LoopClock, channels: Mapping[str, Scripted], **options: Any) -> Callable[..., Mapping[str, Worker]]:
    """Give the `change` of `a_spine` that lets these channels stand in for those of the config.

    `options` change what their workers know of them (Post): chat, rate, give_up_after, fallback, mark, …
    """

    def change(workers: Mapping[str, Worker], outbox: StoreOutbox) -> Mapping[str, Worker]:
        states = outbox.store.channel_states()
        changed = dict(workers)
        for name, channel in channels.items():
            post = replace(workers[name].post, channel=channel, **{"render": words, **options})
            changed[name] = Worker(
                post,
                outbox,
                clock=clock,
                random=Random(5),
                metrics=workers[name]._metrics,
                state=states.get(name),
                reporter=workers[name]._reporter,
            )
        return changed

    return change


def counted(metrics: Metrics, channel: str) -> dict[str, int]:
    """Give the counts of deliveries that are not 0."""
    start = f'alarm_bridge_deliveries_total{{channel="{channel}",outcome="'
    lines = [line.removeprefix(start) for line in metrics.text().decode().splitlines() if line.startswith(start)]
    counts = {outcome: float(count) for outcome, _, count in (line.partition('"} ') for line in lines)}
    return {outcome: int(count) for outcome, count in counts.items() if count}
