"""How each platform wants its text: escape, measure, limits, shorten; one file each, one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.rendering.dialects import slack, structured, terminal
from bridge.rendering.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a platform's file does.

    `text` writes a text format and `payload` a parsed JSON format, whose values are tokens; both know
    by the tree where a value landed. `plain` writes the built-in plain text.
    """

    text: Callable[[str, Draft], str]
    payload: Callable[[Any, Draft, str], Mapping[str, Any]]
    plain: Callable[[str, tuple[str, ...]], str]


DIALECTS = {
    "slack": Dialect(text=slack.text, payload=slack.payload, plain=slack.plain),
    "json": Dialect(text=structured.text, payload=structured.payload, plain=structured.plain),
    "terminal": Dialect(text=terminal.text, payload=terminal.payload, plain=terminal.plain),
}
