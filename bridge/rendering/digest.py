"""What a digest says: how many alarms, by state and by policy, and where to see them all. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.alarm import SEVERITIES, State
from bridge.message import Count
from bridge.rendering.telling import Summary

MOST_POLICIES = 20  # that are counted by name
LEAST_LIMIT = 100  # what `alarm-bridge alarms` lists unless told otherwise
ORDER = (
    State.ESCALATED, State.TRIGGERED, State.REPEAT, State.RECOVERED, State.EXPIRED, State.CLOSED, State.REPLACED,
)  # fmt: skip
WORDS: Mapping[str, Mapping[State, str]] = {
    "en": {
        State.ESCALATED: "escalated", State.TRIGGERED: "triggered", State.REPEAT: "still firing",
        State.RECOVERED: "recovered", State.EXPIRED: "expired", State.CLOSED: "closed", State.REPLACED: "replaced",
    },
    "zh": {
        State.ESCALATED: "升级", State.TRIGGERED: "触发", State.REPEAT: "持续",
        State.RECOVERED: "恢复", State.EXPIRED: "过期", State.CLOSED: "关闭", State.REPLACED: "更替",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """How many alarms of a policy there are in each state, in words: "9 triggered, 1 recovered"."""

    name: str
    alarms: int
    states: str


class DigestView:
    """The `digest` of templates."""

    def __init__(self, summary: Summary, language: str) -> None:
        self._counts = summary.counts
        self._named = len(summary.worst)
        self._language = language
        by_policy: dict[str, list[Count]] = {}
        for one in summary.counts:
            by_policy.setdefault(one.policy, []).append(one)
        ordered = sorted(by_policy.items(), key=lambda pair: (*_badness(pair[1]), pair[0]))
        self._policies, self._rest = ordered[:MOST_POLICIES], ordered[MOST_POLICIES:]

    @classmethod
    def names(cls) -> list[str]:
        """List the attributes that templates may read, sorted."""
        return sorted(name for name, value in vars(cls).items() if isinstance(value, property))

    @property
    def alarms(self) -> int:
        """How many alarms it tells of."""
        return sum(one.alarms for one in self._counts)

    @property
    def count(self) -> str:
        """The same in words: "107 alarms", "1 alarm", "107 个告警"."""
        if self._language == "zh":
            return f"{self.alarms} 个告警"
        return f"{self.alarms} {'alarm' if self.alarms == 1 else 'alarms'}"

    @property
    def open(self) -> int:
        """How many of them last."""
        return sum(one.alarms for one in self._counts if not one.state.ends)

    @property
    def named(self) -> int:
        """How many are told in full."""
        return self._named

    @property
    def states(self) -> str:
        """How many are in each state, in words."""
        return said(self._counts, self._language)

    @property
    def policies(self) -> list[PolicyView]:
        """The policies, the worst first."""
        return [self._view(name, counts) for name, counts in self._policies]

    @property
    def other_policies(self) -> PolicyView | None:
        """All the others as one, whose name is their number; None where there are none."""
        counts = [one for _, some in self._rest for one in some]
        return self._view(str(len(self._rest)), counts) if counts else None

    @property
    def command(self) -> str:
        """What to type to see all that is open."""
        return f"alarm-bridge alarms --limit {max(LEAST_LIMIT, self.alarms)}"

    def _view(self, name: str, counts: Iterable[Count]) -> PolicyView:
        taken = list(counts)
        return PolicyView(name=name or "?", alarms=sum(one.alarms for one in taken), states=said(taken, self._language))


def said(counts: Iterable[Count], language: str) -> str:
    """Say how many are in each state: "9 triggered, 1 recovered", "9 触发，1 恢复"."""
    by_state: Counter[State] = Counter()
    for one in counts:
        by_state[one.state] += one.alarms
    comma = "，" if language == "zh" else ", "
    return comma.join(f"{by_state[state]} {WORDS[language][state]}" for state in ORDER if by_state[state])


def _badness(counts: Iterable[Count]) -> tuple[int, int]:
    """Give what sorts policies: the worst severity that lasts, then how many there are."""
    taken = list(counts)
    worst = max((SEVERITIES.index(one.severity) for one in taken if not one.state.ends), default=-1)
    return -worst, -sum(one.alarms for one in taken)
