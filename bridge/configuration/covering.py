"""Whether one match takes everything that another would: then a route below it can never match.

And whether one takes nothing at all, since its field has few values and it asks for another.
"""

from collections.abc import Iterable, Mapping, Sequence

from bridge.alarm import ROUTED, SEVERITIES
from bridge.matching import Alternative, Condition

CLOSED: Mapping[str, Sequence[str]] = {  # fields with all values they may have, as they are told
    "severity": (*filter(None, SEVERITIES), ""),
    "state": ROUTED,
}
STRETCH = "\ue000"  # stands for what a "*" may stand for


def takes_nothing(condition: Condition) -> bool:
    """Say whether a condition holds for none of its field's values."""
    values = CLOSED.get(condition.field)
    return values is not None and not any(condition.holds(value) for value in values)


def covers(upper: Iterable[Condition], lower: Iterable[Condition]) -> bool:
    """Say whether whatever `lower` asks for, `upper` takes, key by key; False where that is not certain."""
    below = list(lower)
    return all(any(_covers(each, other) for other in below if other.field == each.field) for each in upper)


def _covers(upper: Condition, lower: Condition) -> bool:
    if upper.field == "state":
        return all(upper.holds(state) for state in ROUTED if lower.holds(state))
    excluded = {item.source for item in lower.negated}
    if all(item.literal is not None for item in lower.wanted) and lower.wanted:
        return all(upper.holds(item.literal or "") for item in lower.wanted)
    if not {item.source for item in upper.negated} <= excluded:
        return False
    if not upper.wanted:
        return True
    if not lower.wanted:
        return any(item.source == "*" for item in upper.wanted)
    return all(any(_takes(wide, narrow) for wide in upper.wanted) for narrow in lower.wanted)


def _takes(wide: Alternative, narrow: Alternative) -> bool:
    """Say whether one item takes all that another takes."""
    if wide.source in {narrow.source, "*"}:
        return True
    if narrow.literal is not None:
        return wide.matches(narrow.literal)
    if narrow.source.startswith("~") or wide.source.startswith("~"):
        return False
    # Each "*" below stands for nothing, for one sign, and for more signs than the upper glob has "?".
    return all(wide.matches(narrow.source.replace("*", STRETCH * size)) for size in (0, 1, len(wide.source) + 1))
