"""How each platform wants its text: escape, measure, limits, shorten; one file each, one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.message import Message
from bridge.rendering.dialects import slack, slack_rest, structured, terminal
from bridge.rendering.draft import Draft


def nothing(*_: Any) -> tuple[Message, ...]:
    """Leave it out: there is no thread."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a platform's file does.

    `text` writes a text format and `payload` a parsed JSON format, whose values are tokens; both know
    by the tree where a value landed. `plain` writes the built-in plain text, in which some lines end in an
    address that is to be a link, and mentions whom the config says. `rest` writes what a message
    had no room for, and `plain_rest` what a plain one had none for, given what it says and the language.
    """

    text: Callable[[str, Draft], str]
    payload: Callable[[Any, Draft, str], Mapping[str, Any]]
    plain: Callable[[str, Mapping[str, str], tuple[str, ...]], str]
    rest: Callable[[Mapping[str, Any], Draft], tuple[Message, ...]] = nothing
    plain_rest: Callable[[str, Mapping[str, str], str, str], tuple[Message, ...]] = nothing


DIALECTS = {
    "slack": Dialect(
        text=slack.text,
        payload=slack.payload,
        plain=slack.plain,
        rest=slack_rest.rest,
        plain_rest=slack_rest.plain_rest,
    ),
    "json": Dialect(text=structured.text, payload=structured.payload, plain=structured.plain),
    "terminal": Dialect(text=terminal.text, payload=terminal.payload, plain=terminal.plain),
}
