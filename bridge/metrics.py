"""Numbers for Prometheus: what came in, what went out, what is waiting.

Every label value that can be known is there from the start at 0, so that `rate()` and alerting rules see the first
failure too. Children are looked up once and kept: a call costs about a microsecond and never raises.
"""

import platform
from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import generate_latest

from bridge import __version__
from bridge.alarm import State

CALLBACK_OUTCOMES = (
    "triggered",
    "escalated",
    "repeat",
    "recovered",
    "duplicate",
    "stale",
    "unrecognised",
    "verification",
    "unauthorized",
    "failed",
)
DELIVERY_OUTCOMES = ("sent", "retried", "rejected", "superseded", "digested", "dead")
ACKNOWLEDGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 5.0)  # seconds; Tencent gives up after 5
DELIVERY_BUCKETS = (0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)  # seconds; up to a day


class Metrics:
    """The bridge's metrics, in a registry of their own. `channels`: the names in the config."""

    def __init__(self, *, channels: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, read by nobody
        self.registry = CollectorRegistry()
        self._make_intake()
        self._make_delivery()
        self._fill(tuple(channels))

    def callback(self, outcome: str) -> None:
        """Count a callback by what became of it."""
        self._callback(outcome)()

    def acknowledged(self, seconds: float) -> None:
        """Note how long a callback waited for its answer."""
        self._acknowledged(seconds)

    def last_callback(self, timestamp: float) -> None:
        """Note when the last callback came in: seconds since 1970."""
        self._last_callback(timestamp)

    def alarms_open(self, count: int) -> None:
        """Note how many alarms are open."""
        self._alarms_open(count)

    def delivery(self, channel: str, outcome: str) -> None:
        """Count what became of a delivery, or of one attempt at it."""
        self._delivery(channel, outcome)()

    def delivered(self, channel: str, seconds: float) -> None:
        """Note how long a message took from its callback stored to the platform's yes."""
        self._delivered(channel)(seconds)

    def queue(self, channel: str, *, waiting: int, oldest_seconds: float) -> None:
        """Note what waits for a channel, and how long the oldest of it has waited."""
        self._waiting(channel)(waiting)
        self._oldest(channel)(oldest_seconds)

    def channel_broken(self, channel: str, broken: bool) -> None:  # noqa: FBT001 - the value of the gauge
        """Note whether a channel takes nothing until a person mends it."""
        self._broken(channel)(broken)

    def template_failed(self, channel: str, state: str) -> None:
        """Count a message that went out as plain text because its template failed."""
        self._template_failed(channel, state)()

    def text(self) -> bytes:
        """Give all of it in Prometheus's text format, version 0.0.4."""
        return generate_latest(self.registry)

    def _make_intake(self) -> None:
        registry = self.registry
        callbacks = Counter("alarm_bridge_callbacks", "Callbacks by outcome.", ["outcome"], registry=registry)
        self._callback: Callable[[str], Callable[[], None]] = cache(lambda outcome: callbacks.labels(outcome).inc)
        self._last_callback = Gauge(
            "alarm_bridge_last_callback_timestamp_seconds", "When the last callback came in.", registry=registry
        ).set
        self._acknowledged = Histogram(
            "alarm_bridge_acknowledge_seconds",
            "From a callback's first byte read to its answer.",
            buckets=ACKNOWLEDGE_BUCKETS,
            registry=registry,
        ).observe
        self._alarms_open = Gauge("alarm_bridge_alarms_open", "Alarms that are open.", registry=registry).set
        build = Info("alarm_bridge_build", "Which bridge this is.", registry=registry)
        build.info({"version": __version__, "python": platform.python_version()})

    def _make_delivery(self) -> None:
        names, registry = ["channel"], self.registry
        deliveries = Counter(
            "alarm_bridge_deliveries", "Deliveries by outcome.", ["channel", "outcome"], registry=registry
        )
        self._delivery: Callable[[str, str], Callable[[], None]] = cache(
            lambda channel, outcome: deliveries.labels(channel, outcome).inc
        )
        seconds = Histogram(
            "alarm_bridge_delivery_seconds",
            "From a callback stored to its message taken.",
            names,
            buckets=DELIVERY_BUCKETS,
            registry=registry,
        )
        self._delivered: Callable[[str], Callable[[float], None]] = cache(
            lambda channel: seconds.labels(channel).observe
        )
        failures = Counter(
            "alarm_bridge_template_failures",
            "Messages sent as plain text because their template failed.",
            ["channel", "state"],
            registry=registry,
        )
        self._template_failed: Callable[[str, str], Callable[[], None]] = cache(
            lambda channel, state: failures.labels(channel, state).inc
        )
        self._waiting = self._gauge("alarm_bridge_queue_waiting", "Deliveries that wait.")
        self._oldest = self._gauge("alarm_bridge_queue_oldest_seconds", "Age of the oldest delivery that waits.")
        self._broken = self._gauge("alarm_bridge_channel_broken", "1 while a channel waits for a person to mend it.")

    def _gauge(self, name: str, words: str) -> Callable[[str], Callable[[float], None]]:
        gauge = Gauge(name, words, ["channel"], registry=self.registry)
        return cache(lambda channel: gauge.labels(channel).set)

    def _fill(self, channels: tuple[str, ...]) -> None:
        for outcome in CALLBACK_OUTCOMES:
            self._callback(outcome)
        for channel in channels:
            for metric in (self._delivered, self._waiting, self._oldest, self._broken):
                metric(channel)
            for outcome in DELIVERY_OUTCOMES:
                self._delivery(channel, outcome)
            for state in State:
                self._template_failed(channel, state.value)
