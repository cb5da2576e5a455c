"""A parsed file whose every part knows where it stands. Lines and columns count from 1."""

from dataclasses import dataclass, field

from bridge.configuration.problems import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything in the file. Line and column count from 1."""

    line: int
    column: int
    size: int = 1
    sign: str = ""  # YAML's own sign at its beginning: "!" a tag, "*" an alias, "{" a mapping in braces


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Node):
    """A text as it is written. Plain: without quotes."""

    text: str
    plain: bool
    variables: tuple[str, ...] = ()  # of the environment, that its text came from


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode(Node):
    """A list."""

    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key, where it stands, and its value."""

    line: int
    column: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode(Node):
    """A mapping; keys are texts as written."""

    entries: dict[str, Entry] = field(default_factory=dict)


def position(root: Node, path: KeyPath) -> tuple[int, int]:
    """Give line and column of a path's last key that exists."""
    node, place = root, (root.line, root.column)
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            entry = node.entries[str(part)]
            node, place = entry.node, (entry.line, entry.column)
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = (node.line, node.column)
        else:
            break
    return place


def get(node: Node | None, *path: str | int) -> Node | None:
    """Give the node at a path; None where there is none."""
    for part in path:
        if isinstance(node, MapNode):
            entry = node.entries.get(str(part))
            node = entry.node if entry else None
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            return None
    return node
