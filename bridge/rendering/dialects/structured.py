"""JSON for machines, and the plain text of a generic webhook: a value stands whole."""

import math
from collections.abc import Mapping
from typing import Any

from bridge.rendering.draft import TOKEN, Draft
from bridge.rendering.visible import whole


def text(rendered: str, draft: Draft) -> str:
    """Write a text as it is."""
    return whole(draft.expanded(rendered)).strip("\n")


def payload(tree: Any, draft: Draft, plain: str) -> Mapping[str, Any]:  # noqa: ARG001 - nothing falls back to it
    """Write a JSON object; raise ValueError where the tree is none."""
    if not isinstance(tree, dict):
        raise ValueError("the JSON is no object")  # noqa: TRY004 - a template's mistake, told in words
    written: Mapping[str, Any] = _written(tree, draft)
    return written


def _written(node: Any, draft: Draft) -> Any:
    if isinstance(node, str):
        return string(node, draft)
    if isinstance(node, dict):
        return {string(key, draft): _written(item, draft) for key, item in node.items()}
    if isinstance(node, list):
        return [_written(item, draft) for item in node]
    return number(node)


def string(text: str, draft: Draft) -> str:
    """Write a string of a JSON tree."""
    return whole(draft.expanded(text)).strip() if TOKEN.search(text) else text


def number(node: Any) -> Any:
    """Keep numbers that every reader can read; others become text."""
    if isinstance(node, float) and not math.isfinite(node):
        return str(node)
    is_large = isinstance(node, int) and not -(2**63) <= node < 2**64
    return str(node) if is_large else node


def plain(said: str, *_: Any) -> str:
    """Write the built-in plain text; nothing is linked and nobody is mentioned here."""
    return said
