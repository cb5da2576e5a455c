"""The terminal: plain lines. A value stays in its line and cannot act on the terminal."""

from collections.abc import Mapping
from typing import Any

from bridge.rendering.draft import TOKEN, Draft
from bridge.rendering.visible import visible


def text(rendered: str, draft: Draft) -> str:
    """Write a text: values visible, no blanks at the ends of lines, no empty lines around it."""
    full = TOKEN.sub(lambda match: visible(draft.value_of(match[0])), rendered)
    return "\n".join(line.rstrip() for line in full.split("\n")).strip("\n")


def payload(tree: Any, draft: Draft, plain: str) -> Mapping[str, Any]:  # noqa: ARG001 - it takes none
    """Refuse: a terminal takes no JSON."""
    raise ValueError("a terminal takes no JSON")


def plain(said: str, *_: Any) -> str:
    """Write the built-in plain text; nothing is linked and nobody is mentioned here."""
    return said
