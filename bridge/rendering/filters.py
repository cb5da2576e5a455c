"""The filters and tests that templates may use: each pays for what goes in and what comes out.

What is not listed does not exist: `safe`, `xmlattr`, `urlize`, `striptags` and `format` would pass
values by the escaping; `random`, `pprint` and `attr` have no use in a message.
"""

import functools
from collections.abc import Callable, Mapping, Sized
from typing import Any

from jinja2.environment import Environment
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Undefined
from jinja2.tests import TESTS
from markupsafe import Markup

from bridge.rendering import rewriting
from bridge.rendering.draft import DRAFT, Literal, RunawayError, template_text
from bridge.rendering.word_filters import word_filters

MAX_NUMBER = 10_000  # of a filter's width, length or count

PLAIN = (  # jinja's own, given plain text
    "abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "filesizeformat", "first",
    "float", "groupby", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "reverse", "round", "select", "selectattr", "slice", "sort", "string", "title", "truncate",
    "unique", "upper", "urlencode", "wordcount", "wordwrap",
)  # fmt: skip
NUMBERED = frozenset({"batch", "center", "round", "slice", "truncate", "wordwrap"})  # their numbers are bounded
KEEPING = frozenset({"d", "default"})  # give back what they were given
UNTESTED = frozenset({"escaped", "callable", "filter", "test"})


def filters() -> dict[str, Callable[..., Any]]:
    """List the filters by name."""
    listed: dict[str, Callable[..., Any]] = {name: _paid(name, FILTERS[name]) for name in PLAIN}
    own: dict[str, Callable[..., Any]] = {
        "e": same, "escape": same, "forceescape": same, "trim": trim, "indent": indent, "replace": replace,
        "join": join, "sum": total, "tojson": tojson, **word_filters(),
        rewriting.JOINED: joined, rewriting.VALUE: value, rewriting.ITEMS: items, rewriting.SPEND: spend,
        rewriting.LITERAL: Literal, rewriting.PART: part,
    }  # fmt: skip
    return listed | own


def tests() -> dict[str, Callable[..., Any]]:
    """List the tests by name."""
    return {name: _weighed(test) for name, test in TESTS.items() if name not in UNTESTED}


def _paid(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    keeps, numbered = name in KEEPING, name in NUMBERED

    @functools.wraps(function)
    def paid(*args: Any, **kwargs: Any) -> Any:
        draft = DRAFT.get()
        if numbered:
            bound(*args[1:], **kwargs)
        if not (keeps and any(isinstance(arg, Undefined) or type(arg) is Markup for arg in args)):
            args = tuple(arg if isinstance(arg, Context | Environment) else draft.plain(arg) for arg in args)
        result = function(*args, **kwargs)
        if not isinstance(result, str | int | float | Mapping | Sized | Undefined) and hasattr(result, "__iter__"):
            result = items(result)
        return draft.plain(result) if isinstance(result, list | str) and type(result) is not Markup else result

    return paid


def _weighed(function: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def weighed(*args: Any, **kwargs: Any) -> Any:
        draft = DRAFT.get()
        return function(*(draft.plain(arg) for arg in args), **kwargs)

    return weighed


def bound(*numbers: Any, **named: Any) -> None:
    """Refuse numbers that would make a filter's work boundless."""
    for number in (*numbers, *named.values()):
        if isinstance(number, int | float) and abs(number) > MAX_NUMBER:
            raise RunawayError(f"uses a number beyond {MAX_NUMBER:,}")


def same(text: Any) -> Any:
    """Leave a value as it is: it is escaped where it lands, once."""
    return text


def joined(parts: Any) -> str:
    """Join what stands between `~`."""
    return DRAFT.get().joined(parts)


def value(thing: Any) -> Any:
    """Give what a comparison compares: plain text for template text."""
    return DRAFT.get().plain(thing)


def spend(steps: int) -> None:
    """Pay for one run of a body."""
    DRAFT.get().spend(steps)


def items(iterable: Any) -> Any:
    """Pay for a loop's items before it begins; what has no length is read into a list."""
    draft = DRAFT.get()
    if isinstance(iterable, Undefined):
        return iterable
    if isinstance(iterable, Markup):
        iterable = draft.expanded(iterable)
    if isinstance(iterable, Sized):
        draft.spend(len(iterable))
        return iterable
    taken = []
    for item in iterable:
        draft.spend(1)
        taken.append(item)
    return taken


def part(thing: Any, start: Any, stop: Any, step: Any) -> Any:
    """Take a slice."""
    return DRAFT.get().plain(thing)[start:stop:step]


def trim(text: Any, chars: str | None = None) -> Any:
    """Strip both ends; template text stays template text."""
    if isinstance(text, Markup):
        return template_text(str(text).strip(chars))
    return DRAFT.get().text_of(text).strip(chars)


def indent(text: Any, width: int = 4, first: bool = False, blank: bool = False) -> Any:  # noqa: FBT001, FBT002 - jinja's
    """Move lines to the right; template text stays template text."""
    bound(width)
    draft = DRAFT.get()
    plain = str(text) if isinstance(text, Markup) else draft.text_of(text)
    lines = plain.split("\n")
    draft.spend_text(len(plain) + len(lines) * width)
    margin = " " * width
    moved = [margin + line if (line or blank) and (index or first) else line for index, line in enumerate(lines)]
    return template_text("\n".join(moved)) if isinstance(text, Markup) else "\n".join(moved)


def replace(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Replace in a text."""
    draft = DRAFT.get()
    text, old, new = draft.text_of(text), draft.text_of(old), draft.text_of(new)
    draft.spend_text(len(text) + text.count(old) * len(new))
    replaced: str = text.replace(old, new, -1 if count is None else count)
    return replaced


def join(parts: Any, d: Any = "", attribute: str | int | None = None) -> str:
    """Join items with a text between them."""
    draft = DRAFT.get()
    taken = list(items(parts))
    if attribute is not None:
        taken = [part_of(item, attribute) for item in taken]
    between = [entry for item in taken for entry in (d, item)][1:]
    return draft.joined(between)


def part_of(item: Any, name: str | int) -> Any:
    """Take one public attribute or key of an item."""
    if isinstance(item, Mapping):
        return item.get(name)
    return None if str(name).startswith("_") else getattr(item, str(name), None)


def total(numbers: Any, attribute: str | int | None = None, start: float = 0) -> float:
    """Add numbers up."""
    taken = [item if attribute is None else part_of(item, attribute) for item in items(numbers)]
    return sum((number for number in taken if isinstance(number, int | float)), start)


def tojson(thing: Any, indent: int | None = None) -> str:  # noqa: ARG001 - jinja's; the output is compact or not at all
    """Write JSON; inside a JSON template it is part of it."""
    draft = DRAFT.get()
    text = draft.json_of(thing, tokens=draft.is_json)
    return template_text(text) if draft.is_json else text
