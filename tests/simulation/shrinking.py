"""A scenario that breaks a promise, made as small as it can be while it still breaks the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from tests.simulation.scenario import Scenario
from tests.simulation.seeds import try_scenario

T = TypeVar("T")


def shrink(scenario: Scenario, promise: str) -> Scenario:
    """Take away faults and callbacks, in halves, quarters, …, one by one."""

    def breaks(candidate: Scenario) -> bool:
        return any(one.startswith(f"{promise}:") for one in _wrong(candidate))

    if scenario.night is not None and breaks(without := replace(scenario, night=None)):
        scenario = without
    for name in ("faults", "told", "faults"):
        scenario = _without_some(scenario, name, breaks)
    return scenario


def _without_some(scenario: Scenario, name: str, breaks: Callable[[Scenario], bool]) -> Scenario:
    def holding(some: Any) -> Scenario:
        return replace(scenario, **{name: some})

    return holding(_fewest(getattr(scenario, name), lambda some: breaks(holding(some))))


def _wrong(scenario: Scenario) -> list[str]:
    return try_scenario(scenario).broken.get(scenario.seed, [])


def _fewest(items: tuple[T, ...], holds: Callable[[Any], bool]) -> tuple[T, ...]:
    """Leave out what can be left out."""
    size = max(1, len(items) // 2)
    while items:
        start = 0
        while start < len(items):
            fewer = items[:start] + items[start + size :]
            if holds(fewer):
                items = fewer
            else:
                start += size
        if size == 1:
            return items
        size = max(1, size // 2)
    return items
