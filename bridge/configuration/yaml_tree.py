"""YAML 1.2 as a tree that keeps the line, the column and the source text of everything.

Made from the parser's events and not from ruamel's own loader, so that a scalar stays as it is
written (007, 1.0, yes), an alias cannot grow without bound, and a mistake knows its path.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from bridge.configuration.tree import Entry, ListNode, MapNode, Node, Scalar

MAX_DEPTH = 32
MAX_SIZE = 50_000  # scalars, lists and mappings, each alias counted as what it stands for
SIGNS = "!*&{@%`"  # YAML's own, at a value's beginning
CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAMES = {  # what the parser calls things: what people do
    "found unexpected end of stream": "the quotes are not closed",
    "'<stream end>'": "the end of the file",
    "<block end>": "the next key",
    "'<scalar>'": "a text",
    "mapping values are not allowed here": "a colon where none may be; is the indentation right?",
}
COMMENT = 'is not YAML: "#" begins a comment, which hides the bracket behind it: put a text with # in quotes'
COMMENTS = re.compile(r"""(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|'[^']*'|#.*)""")  # and quotes, to be skipped
QUOTE_IT = 'begins with "{}", which is a sign of YAML\'s own: put the value in quotes'


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with the YAML, and where."""

    line: int
    column: int
    path: KeyPath
    text: str


class Unreadable(Exception):
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


class _Builder:
    """Builds the tree from the parser's events; what it cannot go on after is Unreadable."""

    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self._text = text
        self._lines = text.splitlines()
        self._anchors: dict[str, Node] = {}
        self._path: KeyPath = ()
        self._begun: dict[tuple[int, int], KeyPath] = {}  # line and column, from 0, of each value
        self._value_at = (-1, -1)  # of the last one
        self._flow: tuple[int, int] | None = None  # where the outermost braces or brackets begin that are open
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
            self._path = self._path[:1]
            self._stop(event, f"is nested more than {MAX_DEPTH} deep")
        at = (event.start_mark.line, event.start_mark.column)
        self._begun[at], self._value_at = self._path, at
        flow, self._flow = self._flow, self._flow or (at if getattr(event, "flow_style", False) else None)
        node = self._made(event)
        self._value_at, self._flow = at, flow
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
            return Scalar(**{**_at(event), "sign": "*"}, text="", plain=False)
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
        return self._character((event.start_mark.line, event.start_mark.column)) in SIGNS

    def _syntax(self, error: YAMLError) -> Mistake:
        """Put a mistake of syntax into words, with the path that was being read."""
        marks = [getattr(error, name, None) for name in ("context_mark", "problem_mark")]
        at = [self._value_at, *((mark.line, mark.column) for mark in marks if mark)]
        problem = str(getattr(error, "problem", None) or "it cannot be read")
        where = at[-2] if marks[0] and "stream" in problem else at[-1]
        hidden = self._hidden_bracket(at[-1][0])
        if hidden:
            path = self._path[:-1] if self._path and isinstance(self._path[-1], int) else self._path
            return Mistake(line=hidden[0] + 1, column=hidden[1] + 1, path=path, text=COMMENT)
        signs = [each for each in at if self._character(each) in SIGNS and each[0] >= at[-1][0] - 1]
        text = f"is not YAML: {self._in_words(problem, where)}"
        if signs:
            where, sign = signs[0], self._character(signs[0])
            text = f"{text}; {self._brace(where)} must be in quotes" if sign == "{" else QUOTE_IT.format(sign)
        path = self._begun.get(where, self._path)
        return Mistake(line=where[0] + 1, column=where[1] + 1, path=path, text=text)

    def _brace(self, where: tuple[int, int]) -> str:
        """Name the text in which a brace stands."""
        is_variable = self._character((where[0], where[1] - 1)) == "$"
        return "in brackets and braces a text with ${…}" if is_variable else "a text that begins with {"

    def _hidden_bracket(self, last: int) -> tuple[int, int] | None:
        """Find the comment in open braces or brackets that hides where they end."""
        first, column = self._flow or (last + 1, 0)
        for number, line in enumerate(self._lines[first : last + 1], first):
            for found in COMMENTS.finditer(line, column if number == first else 0):
                if found[0].startswith("#") and re.search(r"[]}]", found[0]):
                    return number, found.start()
        return None

    def _in_words(self, problem: str, where: tuple[int, int]) -> str:
        if self._character(where) == "\t":
            return "a tab; YAML is indented with blanks"
        for name, words in NAMES.items():
            problem = problem.replace(name, words)
        return problem

    def _character(self, where: tuple[int, int]) -> str:
        """Give the sign at a line and column from 0; a line's end is a newline."""
        line, column = where
        return self._lines[line][column : column + 1] or "\n" if 0 <= line < len(self._lines) else "\n"

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
