"""Values from the environment: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`.

They are replaced inside texts that are parsed already, so that a value cannot change the structure.
Keys stay as they are.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bridge.configuration.problems import KeyPath
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar

NOT_SET = "the environment variable {name} is not set"
REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")

Complain = Callable[[KeyPath, str], None]


def fill(node: Node, environ: Mapping[str, str], complain: Complain, path: KeyPath = ()) -> Node:
    """Give the tree with every reference replaced; what cannot be is complained of."""
    if isinstance(node, MapNode):
        entries = {
            key: replace(entry, node=fill(entry.node, environ, complain, (*path, key)))
            for key, entry in node.entries.items()
        }
        return replace(node, entries=entries)
    if isinstance(node, ListNode):
        items = [fill(item, environ, complain, (*path, place)) for place, item in enumerate(node.items)]
        return replace(node, items=tuple(items))
    if isinstance(node, Scalar) and "${" in node.text:
        return _filled(node, environ, lambda text: complain(path, text))
    return node


def _filled(node: Scalar, environ: Mapping[str, str], wrong: Callable[[str], None]) -> Scalar:
    names: list[str] = []

    def value_of(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if found[0] == "$${":
            return "${"
        if name is None:
            wrong("holds ${ without a name in braces behind it; write $${ for the text itself")
            return ""
        if "${" in (default or ""):
            wrong("holds a ${…} inside another one's default, which is not filled: name one variable alone")
            return ""
        names.append(name)
        value = environ.get(name)
        if value is None and default is None:
            wrong(NOT_SET.format(name=name))
        return value or default or ""

    return replace(node, text=REFERENCE.sub(value_of, node.text), plain=False, variables=tuple(names))
