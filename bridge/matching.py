"""The match language: what a route asks of one field of an alarm.

A condition is made from the text or the list of texts that the file has, once, when the config is
read. It knows nothing of alarms: it is given the text of its field, and says yes or no, and why.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bridge.alarm import Alarm, State
from bridge.patterns import PatternError, compile_pattern
from bridge.sources.places import region_names

FIELDS = (
    "kind",
    "state",
    "policy_id",
    "policy_name",
    "policy_type",
    "policy_type_name",
    "namespace",
    "region",
    "product",
    "metric",
    "metric_label",
    "event",
    "event_label",
    "object_id",
    "object_name",
    "severity",
    "app_id",
    "uin",
)
MAPPINGS = ("dimensions", "tags")  # matched as dimensions.KEY and tags.KEY
FOLDED = frozenset({"namespace", "region", "product"})  # compared without regard to case
MAX_VALUE = 1024  # characters of a value that are looked at: bounds memory, and the time of an expression
SHOWN = 100  # characters of a value that a reason repeats


class MatchError(ValueError):
    """The match cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One item of a condition, without its negation: `matches` is given folded text where the field folds."""

    source: str  # as the file has it, without the "!"
    literal: str | None  # the text itself, where it is one
    matches: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one key of a `match` asks: none of `negated`, and one of `wanted` if there are any."""

    field: str  # as `field_name` spells it
    label: str  # as the file spells it
    wanted: tuple[Alternative, ...]
    negated: tuple[Alternative, ...]

    def holds(self, value: str) -> bool:
        """Say whether the field's text is what the route asks for."""
        names = self._names(value)
        if any(item.matches(name) for item in self.negated for name in names):
            return False
        return not self.wanted or any(item.matches(name) for item in self.wanted for name in names)

    def why(self, value: str) -> str:
        """Say in words why it holds or does not: 'product is "cvm", which does not match "cdb"'."""
        says = f"{self.label} is {_quoted(value)}, which" if value else f"{self.label} is empty, which"
        names = self._names(value)
        for item in self.negated:
            if any(item.matches(name) for name in names):
                return f"{says} {_quoted('!' + item.source)} excludes"
        for item in self.wanted:
            if any(item.matches(name) for name in names):
                return f"{says} matches {_quoted(item.source)}"
        if not self.wanted:
            return f"{says} {_listed(['!' + item.source for item in self.negated])} allows"
        if len(self.wanted) == 1:
            return f"{says} does not match {_quoted(self.wanted[0].source)}"
        return f"{says} matches none of {_listed([item.source for item in self.wanted])}"

    def _names(self, value: str) -> tuple[str, ...]:
        """Give every text that the value goes by: a region has two names, an escalation is a trigger too."""
        if self.field == "region":
            return tuple(name.casefold() for name in {value, *region_names(value)})
        if self.field in FOLDED:
            return (value.casefold(),)
        if self.field == "state" and value == State.ESCALATED:
            return (State.ESCALATED.value, State.TRIGGERED.value)
        return (value,)


def compile_condition(label: str, texts: Iterable[str]) -> Condition:
    """Make a condition from a field's name and its texts; raise MatchError in words."""
    field = field_name(label)
    items = [(text.startswith("!"), _alternative(text.removeprefix("!"), fold=field in FOLDED)) for text in texts]
    if not items:
        raise MatchError("is an empty list, which nothing matches")
    return Condition(
        field=field,
        label=label,
        wanted=tuple(item for negated, item in items if not negated),
        negated=tuple(item for negated, item in items if negated),
    )


def field_name(name: str) -> str:
    """Give the field's one spelling (names of dimensions without case); raise MatchError where there is none."""
    head, dot, key = name.partition(".")
    if head in MAPPINGS and dot and key:
        return f"{head}.{key.casefold()}" if head == "dimensions" else name
    if name not in FIELDS:
        raise MatchError("no alarm has this field")
    return name


def reader(fields: Iterable[str]) -> Callable[[Alarm, State], tuple[str, ...]]:
    """Make the function that reads these fields' texts from an alarm, in this order, MAX_VALUE characters each."""
    getters = tuple(_getter(field) for field in fields)

    def read(alarm: Alarm, state: State) -> tuple[str, ...]:
        return tuple([get(alarm, state)[:MAX_VALUE] for get in getters])

    return read


def text_of(value: Any) -> str:
    """Give the text that a value of `dimensions` or `tags` compares as: nested ones as compact JSON."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _alternative(text: str, *, fold: bool) -> Alternative:
    if text.startswith("="):
        return _literal(text, text[1:], fold=fold)
    if text.startswith("~"):
        return Alternative(source=text, literal=None, matches=_regex(text[1:], fold=fold))
    if "*" in text or "?" in text:
        return Alternative(source=text, literal=None, matches=_glob(text.casefold() if fold else text))
    return _literal(text, text, fold=fold)


def _literal(source: str, text: str, *, fold: bool) -> Alternative:
    wanted = text.strip().casefold() if fold else text.strip()
    return Alternative(source=source, literal=wanted, matches=wanted.__eq__)


def _regex(text: str, *, fold: bool) -> Callable[[str], bool]:
    try:
        return compile_pattern(text, fold=fold)
    except PatternError as error:
        raise MatchError(f"is not a regular expression that is known here: {error}") from None


def _glob(text: str) -> Callable[[str], bool]:
    """Translate a glob; atomic groups take the first place each part fits, so that no glob is slow."""
    parts = ["".join("." if sign == "?" else re.escape(sign) for sign in part) for part in text.split("*")]
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1] if part)
    whole = parts[0] if len(parts) == 1 else f"{parts[0]}{middle}.*{parts[-1]}"
    fullmatch = re.compile(whole, re.DOTALL).fullmatch
    return lambda value: fullmatch(value) is not None


def _getter(field: str) -> Callable[[Alarm, State], str]:
    head, _, key = field.partition(".")
    if head == "state":
        return lambda _alarm, state: state.value
    if head == "tags":
        return lambda alarm, _state: text_of(alarm.tags.get(key))
    if head == "dimensions":
        return lambda alarm, _state: _dimension(alarm.dimensions, key)
    get = attrgetter(field)
    return lambda alarm, _state: get(alarm)


def _dimension(dimensions: Mapping[str, Any], folded: str) -> str:
    """Give a dimension by its name without case; where two differ by case alone, the first by spelling."""
    names = sorted(name for name in dimensions if name.casefold() == folded)
    return text_of(dimensions[names[0]]) if names else ""


def _quoted(text: str) -> str:
    shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return json.dumps(shown, ensure_ascii=False)


def _listed(texts: list[str]) -> str:
    return ", ".join(_quoted(text) for text in texts)
