"""pydantic's complaints in our words, made from place and type alone: its own texts repeat values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from bridge.configuration.problems import KeyPath, did_you_mean
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar, get
from bridge.settings import Record

WORDS = {
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "tuple_type": "must be a list, such as [a, b]",
    "list_type": "must be a list, such as [a, b]",
    "mapping_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "path_type": "must be the path of a file",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "may hold only letters, digits, and after the first . _ -",
}
NEEDED = {
    "auth": "; `auth: off` says that it is open to whoever reaches it",
    "default_channels": "; they get what no route matches",
}


def complaints(
    error: ValidationError, model: type[Record], tree: Node | None, prefix: KeyPath = ()
) -> Iterator[tuple[KeyPath, str]]:
    """Give path and words of each mistake, one a path; `tree` is what was validated."""
    seen: set[KeyPath] = set()
    for detail in error.errors(include_url=False, include_input=False):
        path, last = _path(detail["loc"], tree)
        if detail["type"] == "missing" and path[-1:] != (last,):
            path = (*path, last)
        if path not in seen:
            seen.add(path)
            yield (*prefix, *path), _text(detail["type"], detail.get("ctx", {}), model, (path, last), tree)


def _path(loc: tuple[str | int, ...], tree: Node | None) -> tuple[KeyPath, str]:
    """Follow a place in the tree; pydantic's names of union members in between are left out."""
    path: list[str | int] = []
    node = tree
    for part in loc:
        if isinstance(node, MapNode) and part in node.entries:
            node = node.entries[str(part)].node
            path.append(part)
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            path.append(part)
    last = str(loc[-1]) if loc else ""
    return tuple(path), last


def _text(
    kind: str, context: Mapping[str, Any], model: type[Record], place: tuple[KeyPath, str], tree: Node | None
) -> str:
    path, last = place
    if kind == "extra_forbidden":
        return f"unknown key{did_you_mean(str(path[-1]), _known_keys(model, path))}"
    if kind == "missing":
        return _missing(last, given=get(tree, *path) is not None)
    if kind == "value_error":
        known = available_timezones() if last == "timezone" else ()
        return f"{context['error']}{did_you_mean(_written(tree, path), known)}"
    if kind in {"literal_error", "enum"}:
        return _choice(str(context["expected"]), str(path[-1]) if last == "[key]" else _written(tree, path))
    if kind == "string_too_long":
        return f"must not be longer than {context['max_length']} characters"
    return WORDS.get(kind, "is not valid here")


def _missing(name: str, *, given: bool) -> str:
    if given and name != "auth":
        return "has no value; one that begins with # must be in quotes"
    return f"is missing{NEEDED.get(name, '')}"


def _choice(expected: str, given: str) -> str:
    known = re.findall(r"'([^']*)'", expected)
    listed = known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"
    return f"must be {listed}{did_you_mean(given, known)}"


def _written(tree: Node | None, path: KeyPath) -> str:
    node = get(tree, *path)
    return node.text if isinstance(node, Scalar) else ""


def _known_keys(model: type[Record], path: KeyPath) -> list[str]:
    """Give the keys of the record in which the last key of the path stands."""
    record = model
    for part in path[:-1]:
        if isinstance(part, str):
            record = _records_below(record).get(part, record)
    return [field.alias or name for name, field in record.model_fields.items()]


def _records_below(record: type[Record]) -> dict[str, type[Record]]:
    return {
        field.alias or name: found
        for name, field in record.model_fields.items()
        if (found := _record_in(field.annotation))
    }


def _record_in(annotation: Any) -> type[Record] | None:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _record_in(part)
        if found:
            return found
    return None
