"""YAML 1.2 as a tree that keeps the line, the column and the source text of everything.

Made from the parser's events and not from ruamel's own loader, so that a scalar stays as it is
written (007, 1.0, yes), an alias cannot grow without bound, and a mistake knows its path.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bridge.configuration.problems import KeyPath

MAX_DEPTH = 32
MAX_SIZE = 50_000  # scalars, lists and mappings, each alias counted as what it stands for
SIGNS = "!*&{@%`"  # YAML's own, at a value's beginning
CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
QUOTE_IT = 'begins with "{}", which is a sign of YAML\'s own: put the value in quotes'


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with the YAML, and where."""

    line: int
    column: int
    path: KeyPath
    text: str


class Unreadable(Exception):  # noqa: N818 - it is not an error of ours
    """The rest of the file cannot be understood."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(mistake.text)


def parse(text: str) -> tuple[Node | None, list[Mistake]]:
    """Parse a document; None where it is empty or cannot be understood, and then with the reason."""
    builder = _Builder(text)
    try:
        return builder.document(), builder.mistakes
    except Unreadable as error:
        return None, [*builder.mistakes, error.mistake]


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


class _Builder:
    """Builds the tree from the parser's events; what it cannot go on after is Unreadable."""

    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self._text = text
        self._lines = text.splitlines()
        self._anchors: dict[str, Node] = {}
        self._path: KeyPath = ()
        self._value_at = (-1, -1)  # line and column, from 0, of the value begun last
        self._events = self._read()

    def document(self) -> Node | None:
        """Build the one document."""
        root = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    self._stop(event, "a second document begins here; one file is one document")
                root = self._node(next(self._events))
        return root

    def _read(self) -> Iterator[Any]:
        self._refuse_control_characters()
        try:
            yield from YAML(typ="safe", pure=True).parse(self._text)
        except YAMLError as error:
            raise Unreadable(self._syntax(error)) from None

    def _refuse_control_characters(self) -> None:
        found = CONTROL.search(self._text)
        if found:
            line = self._text.count("\n", 0, found.start()) + 1
            column = found.start() - self._text.rfind("\n", 0, found.start())
            raise Unreadable(Mistake(line=line, column=column, path=(), text="a control character, which YAML forbids"))

    def _node(self, event: Any) -> Node:
        if len(self._path) > MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} deep")
        self._value_at = (event.start_mark.line, event.start_mark.column)
        node = self._made(event)
        if node.size > MAX_SIZE:
            self._stop(event, f"holds more than {MAX_SIZE} values, aliases counted as what they stand for")
        if event.anchor and not isinstance(event, AliasEvent):
            self._anchors[event.anchor] = node
        return node

    def _made(self, event: Any) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.ctag is not None and str(event.ctag):
            self._wrong(event, QUOTE_IT.format("!"))
        if isinstance(event, MappingStartEvent):
            return self._mapping(event)
        if isinstance(event, SequenceStartEvent):
            return self._list(event)
        return Scalar(**_at(event), text=event.value, plain=event.style in {None, ""} and event.ctag is None)

    def _alias(self, event: Any) -> Node:
        target = self._anchors.get(event.anchor)
        if target is None:
            self._wrong(event, QUOTE_IT.format("*"))
            return Scalar(**_at(event), text="", plain=False, sign="*")
        return replace(target, line=event.start_mark.line + 1, column=event.start_mark.column + 1, sign="*")

    def _list(self, start: Any) -> Node:
        above, size = self._path, 1
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            self._path = (*above, len(items))
            items.append(self._node(event))
            size += items[-1].size
        self._path = above
        return ListNode(**_at(start), items=tuple(items), size=size)

    def _mapping(self, start: Any) -> Node:
        above, size = self._path, 1
        entries: dict[str, Entry] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event)
            self._path = (*above, key)
            if key in entries:
                self._wrong(event, f"is given twice; the first is in line {entries[key].line}")
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            node = self._node(next(self._events))
            entries.setdefault(key, Entry(line=line, column=column, node=node))
            size += node.size
        self._path = above
        return MapNode(**_at(start), entries=entries, size=size)

    def _key(self, event: Any) -> str:
        if not isinstance(event, ScalarEvent):
            self._stop(event, "a key must be a text" + (": put it in quotes" if self._sign_at(event) else ""))
        return str(event.value)

    def _sign_at(self, event: Any) -> bool:
        return self._character(event.start_mark.line, event.start_mark.column) in SIGNS

    def _syntax(self, error: YAMLError) -> Mistake:
        """Put a mistake of syntax into words, with the path that was being read."""
        marks = [getattr(error, name, None) for name in ("context_mark", "problem_mark")]
        at = [self._value_at, *((mark.line, mark.column) for mark in marks if mark)]
        line, column = at[-1] if len(at) > 1 else self._value_at
        problem = str(getattr(error, "problem", None) or "it cannot be read")
        for sign_line, sign_column in at:
            sign = self._character(sign_line, sign_column)
            if sign and sign in SIGNS and sign_line >= line - 1:
                text = QUOTE_IT.format(sign)
                return Mistake(line=sign_line + 1, column=sign_column + 1, path=self._path, text=text)
        if self._character(line, column) == "\t":
            problem = "a tab; YAML is indented with blanks"
        return Mistake(line=line + 1, column=column + 1, path=self._path, text=f"is not YAML: {problem}")

    def _character(self, line: int, column: int) -> str:
        return self._lines[line][column : column + 1] if 0 <= line < len(self._lines) else ""

    def _wrong(self, event: Any, text: str) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self.mistakes.append(Mistake(line=line, column=column, path=self._path, text=text))

    def _stop(self, event: Any, text: str) -> None:
        self._wrong(event, text)
        raise Unreadable(self.mistakes.pop())


def _at(event: Any) -> dict[str, Any]:
    return {"line": event.start_mark.line + 1, "column": event.start_mark.column + 1, "sign": _sign(event)}


def _sign(event: Any) -> str:
    if getattr(event, "ctag", None) is not None and str(event.ctag):
        return "!"
    return "{" if isinstance(event, MappingStartEvent) and event.flow_style else ""
