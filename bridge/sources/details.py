"""What a body says beyond the fields that have a place of their own: kept under its own name, and shown."""

from collections.abc import Collection, Mapping
from typing import Any

from bridge.sources.values import first_object


def add_unknown(details: dict[str, Any], received: Mapping[str, Any], known: Collection[str]) -> None:
    """Add an object's values whose keys are not known (in lower case)."""
    for name, value in received.items():
        if name.lower() not in known:
            _add(details, name, value)


def add_rest(details: dict[str, Any], name: str, value: object) -> None:
    """Add what stands in the place of an object beside it: the other items of a list, or a text."""
    if isinstance(value, dict) or not value:
        return
    first = first_object(value)
    rest = [item for item in value if item is not first] if isinstance(value, list) else value
    if rest:
        _add(details, name, rest)


def _add(details: dict[str, Any], name: str, value: object) -> None:
    """Add a value; where the name is taken it gets a number behind it."""
    place, count = name, 1
    while place in details:
        count += 1
        place = f"{name} {count}"
    details[place] = value
