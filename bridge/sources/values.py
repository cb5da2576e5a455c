"""Values from outside, tamed: a text, a whole number or an object, whatever came in its place.

The type of a field varies from body to body (documents of 2017-2025 and live captures disagree), so
every field is read through one of these. None of them raises, whatever JSON holds.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

MAX_DIGITS = 18  # more do not fit into 63 bits
NAMES_OF_KEYS = ("key", "name", "tagkey")
NAMES_OF_VALUES = ("value", "tagvalue")
PLAIN_EXPONENT = 20  # digits before or after the point up to which a number is written in full


def text(value: object) -> str:
    """Give a value as stripped text: "" for null, compact JSON for objects and lists."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number_text(value)
    return compact(value)


def _number_text(value: float) -> str:
    """Write a number in full where that is short: 0.00001, not 1e-05."""
    short = repr(value)
    if "e" not in short or abs(int(short.partition("e")[2])) > PLAIN_EXPONENT:
        return short
    return format(Decimal(short), "f")


def compact(value: object) -> str:
    """Give a value as JSON without blanks; lone surrogates stay as they are."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def whole(value: object) -> int | None:
    """Give a number or the text of one as a whole number; None where it is none, or over 18 digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if isfinite(value) and abs(value) < 10**MAX_DIGITS else None
    if not isinstance(value, str):
        return None
    digits = value.strip()
    if digits.isascii() and digits.isdigit():
        return int(digits) if len(digits) <= MAX_DIGITS else None
    return _whole_of_text(digits)


def _whole_of_text(digits: str) -> int | None:
    try:
        number = float(digits)
    except ValueError:
        return None
    return whole(number)


def first_object(value: object) -> dict[str, Any]:
    """Give an object, or the first one of a list; an empty one where there is none."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return next((item for item in value if isinstance(item, dict)), {})
    return {}


def folded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object with the names of its keys in lower case: documents of 2023 mix the cases."""
    return {name.lower(): value for name, value in fields.items()}


def in_lower_case(*names: str) -> dict[str, str]:
    """Give documented names of keys with their lower case, for `spelt`."""
    return {name: name.lower() for name in names}


def spelt(fields: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """Give an object with its keys spelt as in `names`, and unknown ones in lower case.

    One that has no other keys is given back itself: most have none, and a copy costs.
    """
    if fields.keys() <= names.keys():
        return fields
    documented = {lower: name for name, lower in names.items()}
    return {documented.get(lower, lower): value for lower, value in folded(fields).items()}


def pairs(value: object, name: str) -> dict[str, Any]:
    """Give a mapping from an object, or from a list of objects or of {key, value}.

    Values without a key get `name`. A key that comes twice holds the list of its values.
    """
    if not value:
        return {}
    if isinstance(value, dict) and _pair(value) is None:
        return value
    found: dict[str, list[Any]] = {}
    for item in value if isinstance(value, list) else [value]:
        for key, content in _entries(item, name):
            found.setdefault(key, []).append(content)
    return {key: _joined(contents) for key, contents in found.items()}


def _entries(item: object, name: str) -> list[tuple[str, Any]]:
    if isinstance(item, dict):
        pair = _pair(item)
        return [pair] if pair else list(item.items())
    return [] if item is None or item == "" else [(name, item)]


def _pair(item: dict[str, Any]) -> tuple[str, Any] | None:
    """Read {"key": …, "value": …} in any case of letters; None where it is another object."""
    if len(item) > len(("key", "value")) or not any(name.lower() in NAMES_OF_KEYS for name in item):
        return None
    names = folded(item)
    key = next((names.pop(known) for known in NAMES_OF_KEYS if known in names), None)
    content = next((names.pop(known) for known in NAMES_OF_VALUES if known in names), None)
    return (text(key), content) if key is not None and not names else None


def _joined(contents: list[Any]) -> Any:
    """Give what a key holds: its one value, or all of them."""
    first, *rest = contents
    if not rest:
        return first
    return [*first, *rest] if isinstance(first, list) else contents
