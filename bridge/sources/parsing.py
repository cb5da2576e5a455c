"""From bytes to a JSON value: strictly and fast first, then as leniently as can be told in words.

Nothing here raises. What the value could not be read as without loss is said; numbers that no store
and no JSON takes (NaN, integers beyond 63 bits) become texts, so that a parsed body can go out again.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf
from typing import Any

import orjson

from bridge.sources.problems import Problem, not_json, too_deep, too_many

BOM = b"\xef\xbb\xbf"
MAX_PARTS = 20_000  # objects and lists in a body: an alarm has ten, and each costs whoever walks it 10 µs
MAX_DEPTH = 64  # an alarm has 5 levels; what is deeper would exhaust the stack of whoever walks it
LONG_INTEGER = re.compile(rb"[:\[,]\s*-?\d{19}")  # may not fit into 63 bits; and not within a text, as session ids
LONG_NUMBER = b":" + b"0" * 19  # what a long integer looks like in the shapes below, found faster than by the pattern
SHAPES = bytes.maketrans(b"123456789[, \t\n\r\f\v-", b"000000000:::::::::")
MAX_INTEGER = 2**63 - 1
MAX_INTEGER_DIGITS = 20

NOT_A_NUMBER = "NaN or Infinity, which JSON does not allow"
LARGE_INTEGER = "an integer beyond 63 bits"
LARGE_NUMBER = "a number that is too large"
NUL = "the character U+0000"
SURROGATE = "half of a surrogate pair"
NOT_UTF8 = "bytes that are not UTF-8"
CONTROL = "control characters that JSON wants escaped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A body as JSON. `failure` says why it is none; `oddities` what it holds that JSON should not."""

    value: Any = None
    oddities: tuple[str, ...] = ()
    failure: Problem | None = None


def parse_strictly(body: bytes) -> Any:
    """Read a body that is faultless JSON; None where it is not, or may not be."""
    if not _is_plain(body):
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _is_plain(body: bytes) -> bool:
    """Whether orjson reads a body without loss: it takes long integers for floats, and U+0000 silently."""
    return (
        (b"\\" not in body or b"\\u0000" not in body)
        and not (LONG_NUMBER in body.translate(SHAPES) and LONG_INTEGER.search(body))
        and body.count(b"{") + body.count(b"[") <= MAX_DEPTH
    )


def parse_leniently(body: bytes) -> Parsed:
    """Read a body as JSON, whatever bytes it is."""
    body = body.removeprefix(BOM)
    numbers = _Numbers()
    written, oddities = _decoded(body)
    try:
        value = json.loads(
            written,
            strict=False,
            parse_int=numbers.integer,
            parse_float=numbers.decimal,
            parse_constant=numbers.constant,
        )
    except json.JSONDecodeError as error:
        return Parsed(failure=not_json(error))
    except RecursionError:
        return Parsed(failure=too_deep(MAX_DEPTH))
    depth, parts, strange = _examined(value)
    if depth > MAX_DEPTH or parts > MAX_PARTS:
        return Parsed(value=value, failure=too_deep(MAX_DEPTH) if depth > MAX_DEPTH else too_many(MAX_PARTS))
    found = (*oddities, *numbers.oddities, *strange)
    return Parsed(value=value, oddities=found or _control_characters(body))


def _decoded(body: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        return body.decode(), ()
    except UnicodeDecodeError:
        return body.decode(errors="replace"), (NOT_UTF8,)


def _control_characters(body: bytes) -> tuple[str, ...]:
    """Tell the last thing that the lenient reading forgives and the strict one does not."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return (CONTROL,)
    return ()


class _Numbers:
    """Reads numbers, keeps as text what is no number elsewhere, and remembers that it did."""

    def __init__(self) -> None:
        self.oddities: dict[str, None] = {}

    def integer(self, digits: str) -> int | str:
        if len(digits) <= MAX_INTEGER_DIGITS and abs(number := int(digits)) <= MAX_INTEGER:
            return number
        self.oddities[LARGE_INTEGER] = None
        return digits

    def decimal(self, digits: str) -> float | str:
        number = float(digits)
        if not isinf(number):
            return number
        self.oddities[LARGE_NUMBER] = None
        return digits

    def constant(self, word: str) -> str:
        self.oddities[NOT_A_NUMBER] = None
        return word


def _examined(value: object) -> tuple[int, int, tuple[str, ...]]:
    """Give how deep a value is nested, how many parts it has, and what its texts hold that databases refuse."""
    deepest, parts, strange = 0, 0, dict[str, None]()
    waiting: list[tuple[int, Any]] = [(0, [value])]  # what is in it is one level deeper
    while waiting and parts <= MAX_PARTS:
        depth, items = waiting.pop()
        for item in items:
            if isinstance(item, str):
                if not item.isascii() or "\0" in item:
                    strange.update(dict.fromkeys(_strange(item)))
            elif isinstance(item, dict | list):
                deepest, parts = max(deepest, depth + 1), parts + 1
                if item:
                    waiting.append((depth + 1, [*item, *item.values()] if isinstance(item, dict) else item))
    return deepest, parts, tuple(strange)


def _strange(item: str) -> Iterator[str]:
    if "\0" in item:
        yield NUL
    try:
        item.encode()
    except UnicodeEncodeError:
        yield SURROGATE
