"""Numbers for Prometheus: what came in, what went out, what is waiting.

Every label value that can be known is there from the start at 0, so that `rate()` and alerting rules see the first
failure too. Counting is adding to a dict or a list, without a lock, since only the event loop's thread counts; the
families that prometheus-client writes out are made when somebody reads them.
"""

import platform
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.alarm import OUTCOMES, State

CALLBACK_OUTCOMES = (*OUTCOMES, "unauthorized", "failed")
DELIVERY_OUTCOMES = ("sent", "retried", "rejected", "superseded", "digested", "dead")
RELOAD_OUTCOMES = ("succeeded", "failed")
ACKNOWLEDGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 5.0)  # seconds; Tencent gives up after 5
DELIVERY_BUCKETS = (0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)  # seconds; up to a day


class Metrics(Collector):
    """The bridge's metrics, in a registry of their own. `channels`: the names in the config."""

    def __init__(self, *, channels: Iterable[str] = ()) -> None:
        self._callbacks = defaultdict(float, dict.fromkeys(CALLBACK_OUTCOMES, 0.0))
        self._last_callback = self._alarms_open = 0.0
        self._acknowledged = _Times(ACKNOWLEDGE_BUCKETS)
        self._reloads = dict.fromkeys(RELOAD_OUTCOMES, 0.0)
        self._last_reload = 1.0  # what is read at the start is in force
        self._deliveries: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._failures: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._delivered: dict[str, _Times] = {}
        self._waiting: dict[str, float] = {}
        self._oldest: dict[str, float] = {}
        self._broken: dict[str, float] = {}
        self.know(channels)
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def know(self, channels: Iterable[str]) -> None:
        """Tell of these channels from now on; the gauges of others end, what was counted of them stays."""
        names = tuple(channels)
        for name in names:
            for end in DELIVERY_OUTCOMES:
                self._deliveries.setdefault((name, end), 0.0)
            for state in State:
                self._failures.setdefault((name, state.value), 0.0)
            self._delivered.setdefault(name, _Times(DELIVERY_BUCKETS))
        self._waiting, self._oldest, self._broken = (
            {name: values.get(name, 0.0) for name in names} for values in (self._waiting, self._oldest, self._broken)
        )

    def reloaded(self, outcome: str) -> None:
        """Count a reload by what became of it."""
        self._reloads[outcome] += 1
        self._last_reload = float(outcome == "succeeded")

    def callback(self, outcome: str) -> None:
        """Count a callback by what became of it."""
        self._callbacks[outcome] += 1

    def acknowledged(self, seconds: float) -> None:
        """Note how long a callback waited for its answer."""
        self._acknowledged.add(seconds)

    def last_callback(self, timestamp: float) -> None:
        """Note when the last callback came in: seconds since 1970."""
        self._last_callback = timestamp

    def alarms_open(self, count: int) -> None:
        """Note how many alarms are open."""
        self._alarms_open = count

    def delivery(self, channel: str, outcome: str, count: int = 1) -> None:
        """Count what became of a delivery, or of one attempt at it."""
        self._deliveries[channel, outcome] += count

    def delivered(self, channel: str, seconds: float) -> None:
        """Note how long a message took from its callback stored to the platform's yes."""
        try:
            times = self._delivered[channel]
        except KeyError:  # a channel that came later
            times = self._delivered[channel] = _Times(DELIVERY_BUCKETS)
        times.add(seconds)

    def queue(self, channel: str, *, waiting: int, oldest_seconds: float) -> None:
        """Note what waits for a channel, and how long the oldest of it has waited."""
        self._waiting[channel] = waiting
        self._oldest[channel] = oldest_seconds

    def channel_broken(self, channel: str, broken: bool) -> None:  # noqa: FBT001 - the value of the gauge
        """Note whether a channel takes nothing until a person mends it."""
        self._broken[channel] = broken

    def template_failed(self, channel: str, state: str) -> None:
        """Count a message that went out as plain text because its template failed."""
        self._failures[channel, state] += 1

    def text(self) -> bytes:
        """Give all of it in Prometheus's text format, version 0.0.4."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Give all of it as prometheus-client asks for it: what came in, then what went out."""
        outcomes = [((outcome,), count) for outcome, count in self._callbacks.items()]
        yield _counts("alarm_bridge_callbacks", "Callbacks by outcome.", ["outcome"], outcomes)
        yield GaugeMetricFamily(
            "alarm_bridge_last_callback_timestamp_seconds", "When the last callback came in.", self._last_callback
        )
        words = "From a callback's first byte read to its answer."
        yield _times("alarm_bridge_acknowledge_seconds", words, (), {(): self._acknowledged})
        yield GaugeMetricFamily("alarm_bridge_alarms_open", "Alarms that are open.", self._alarms_open)
        reloads = [((outcome,), count) for outcome, count in self._reloads.items()]
        yield _counts("alarm_bridge_config_reloads", "Reloads of the config by outcome.", ["outcome"], reloads)
        words = "1 while what was last read of config and templates is in force."
        yield GaugeMetricFamily("alarm_bridge_config_last_reload_successful", words, self._last_reload)
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("alarm_bridge_build", "Which bridge this is.", build)
        yield from self._of_channels()

    def _of_channels(self) -> Iterator[Metric]:
        words = "Deliveries by outcome."
        yield _counts("alarm_bridge_deliveries", words, ["channel", "outcome"], self._deliveries.items())
        words, delivered = "From a callback stored to its message taken.", self._delivered.items()
        yield _times("alarm_bridge_delivery_seconds", words, ["channel"], {(name,): times for name, times in delivered})
        words = "Messages sent as plain text because their template failed."
        yield _counts("alarm_bridge_template_failures", words, ["channel", "state"], self._failures.items())
        yield _gauge("alarm_bridge_queue_waiting", "Deliveries that wait.", self._waiting)
        yield _gauge("alarm_bridge_queue_oldest_seconds", "Age of the oldest delivery that waits.", self._oldest)
        yield _gauge("alarm_bridge_channel_broken", "1 while a channel waits for a person to mend it.", self._broken)


class _Times:
    """How many times fell into each bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """Give (bound, how many were at most that) for each bound, and the sum."""
        names = [*map(str, self._bounds), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True)), self._sum


def _counts(name: str, words: str, labels: Sequence[str], counts: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for values, count in counts:
        family.add_metric([str(value) for value in values], count)
    return family


def _times(name: str, words: str, labels: Sequence[str], times: Mapping[tuple[str, ...], _Times]) -> Metric:
    family = HistogramMetricFamily(name, words, labels=labels)
    for values, each in times.items():
        family.add_metric(values, *each.told())
    return family


def _gauge(name: str, words: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["channel"])
    for channel, value in values.items():
        family.add_metric([channel], value)
    return family
