"""What is to happen in one run, as data: the config, the callbacks, the faults. Made from a seed, and made smaller."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)  # when a run begins, by the wall clock
CHINA = timedelta(hours=8)
LONG = 87  # a callback whose serial it divides says more than a message of Slack's has room for
NOTE = tuple(f"w{number:04d}" for number in range(2000))  # of which it says the first ones, or all
SHORT = 800  # words: one answer has room for them, and two for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A callback as Tencent means it. Times are seconds from BEGAN; None: the body does not say."""

    serial: int  # stands in the body as the value, so that a message shows which callback it is made of
    at: float  # when it is sent first
    copies: tuple[float, ...] = ()  # seconds after that in which the same body is sent again
    impatient: bool = False  # the first sending is hung up on before an answer comes, and sent again
    policy: str = "p0"
    watched: str = "ins-0000"
    kind: str = "metric"
    status: str = "1"  # 1 fires, 0 is over, - is stateless, ? is no alarm at all
    began: float | None = 0
    lasted: float | None = 0
    ended: float | None = None
    level: str = ""
    session: str = ""
    own: str = ""  # names one that the bridge says of itself

    @property
    def mark(self) -> str:
        """Give what a message shows of it."""
        return self.own or str(self.serial)

    @property
    def is_long(self) -> bool:
        """Say whether a message has no room for all of it."""
        return not self.own and self.status != "?" and self.serial % LONG == 0

    @property
    def note(self) -> tuple[str, ...]:
        """Give what it says beyond that, word for word; all of it costs much, and is seldom."""
        return NOTE[: len(NOTE) if self.serial % 4 == 0 else SHORT]

    def body(self) -> bytes:
        """Give the bytes that are posted."""
        if self.status == "?":
            return json.dumps({"strange": self.session, "value": self.serial}).encode()
        named = {"eventName": "ping_unreachable"} if self.kind == "event" else {"metricName": "mem_usage"}
        conditions = {**named, "calcType": ">", "calcValue": "90", "currentValue": str(self.serial), "unit": "%"}
        content: dict[str, Any] = {
            "sessionId": self.session,
            "alarmStatus": self.status,
            "alarmType": self.kind,
            "alarmObjInfo": {"region": "gz", "namespace": "qce/cvm", "dimensions": {"unInstanceId": self.watched}},
            "alarmPolicyInfo": {
                "policyId": self.policy,
                "policyName": f"{self.policy}-memory",
                "conditions": conditions,
            },
            "recoverTime": "0" if self.ended is None else _written(self.ended),
        }
        if self.began is not None:
            content["firstOccurTime"] = _written(self.began)
        if self.lasted is not None:
            content["durationTime"] = self.lasted
        if self.level:
            content["alarmLevel"] = self.level
        if self.is_long:
            content["note"] = " ".join(self.note)
        return json.dumps(content).encode()


def _written(seconds: float) -> str:
    return (BEGAN + CHINA + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at a moment: with a channel, the store, the process or the clock."""

    at: float
    kind: str
    channel: str = ""
    count: int = 1  # requests that it meets, or steps of the loop that it waits
    seconds: float = 0.0  # how long it lasts, or how long it asks to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """A channel of the config."""

    type: str
    on_repeat: tuple[str, ...]
    on_recovered: tuple[str, ...]
    fallback: str = ""
    digest_over: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """A route of the config, which looks at policies alone."""

    name: str
    policies: tuple[str, ...]
    channels: tuple[str, ...]
    goes_on: bool = False
    repeat_interval: int = 0
    on_repeat: tuple[str, ...] | None = None
    on_recovered: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The config."""

    channels: Mapping[str, ChannelPlan]
    routes: tuple[RoutePlan, ...]
    default_channels: tuple[str, ...]
    give_up_after: int = 86400

    def yaml(self, ports: Mapping[str, int]) -> str:
        """Write the config; JSON is YAML."""
        content = {
            "server": {"listen": "127.0.0.1:8080", "auth": "off"},
            "console": {"listen": "off"},
            "store": "sqlite:///alarm-bridge.db",
            "templates": "templates",
            "channels": {name: self._channel(one, ports[name]) for name, one in self.channels.items()},
            "routes": [_route(route) for route in self.routes],
            "default_channels": list(self.default_channels),
        }
        return json.dumps(content, indent=1)

    def _channel(self, plan: ChannelPlan, port: int) -> dict[str, Any]:
        place = f"http://127.0.0.1:{port}"
        own = {
            "slack": {"token": "xoxb-1", "channel": "C1", "api_url": f"{place}/api/"},
            "slack_webhook": {"url": f"{place}/services/T1/B1/abcdefghijklmnop"},
            "webhook": {"url": f"{place}/alarms"},
        }
        more = {"fallback": plan.fallback} if plan.fallback else {}
        steps = {"on_repeat": list(plan.on_repeat), "on_recovered": list(plan.on_recovered)}
        return {
            "type": plan.type,
            "give_up_after": f"{self.give_up_after}s",
            "digest_over": plan.digest_over,
            **steps,
            **own[plan.type],
            **more,
        }


def _route(route: RoutePlan) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": route.name,
        "match": {"policy_id": list(route.policies)},
        "channels": list(route.channels),
        "continue": route.goes_on,
    }
    if route.repeat_interval:
        written["repeat_interval"] = f"{route.repeat_interval}s"
    for name in ("on_repeat", "on_recovered"):
        if (steps := getattr(route, name)) is not None:
            written[name] = list(steps)
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All that happens in one run."""

    seed: int  # of what is not written down here: how long each thing takes
    plan: Plan
    told: tuple[Told, ...]
    faults: tuple[Fault, ...]
    other: Plan | None = None  # the config that is written over it meanwhile
    night: tuple[float, float] | None = (
        None  # from and to: nothing is sent, and what is done by the clock is done seldom
    )
    notes: Mapping[str, int] = field(default_factory=dict)  # how often what was done to the callbacks

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Give both configs."""
        return (self.plan,) if self.other is None else (self.plan, self.other)
