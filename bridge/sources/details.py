"""What a body says beyond the fields that have a place of their own: kept under its own name, and shown."""

from collections.abc import Collection, Mapping
from typing import Any


def add_unknown(details: dict[str, Any], received: Mapping[str, Any], known: Collection[str]) -> None:
    """Add an object's values whose keys are not known (in lower case)."""
    for name, value in received.items():
        if name.lower() not in known:
            add(details, name, value)


def add(details: dict[str, Any], name: str, value: object) -> None:
    """Add a value; where the name is taken it gets a number behind it."""
    place, count = name, 1
    while place in details:
        count += 1
        place = f"{name} {count}"
    details[place] = value
