"""One config file while it is read: its tree, the environment, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bridge.configuration.environment import fill
from bridge.configuration.problems import ConfigError, KeyPath, Problem, reason, spelt
from bridge.configuration.stand_ins import stand_ins
from bridge.configuration.tree import MapNode, Node, get, position
from bridge.configuration.values import Values, is_null
from bridge.configuration.words import complaints
from bridge.configuration.yaml_tree import parse
from bridge.settings import Record

MAX_FILE = 1024**2  # bytes
R = TypeVar("R", bound=Record)


@dataclass(slots=True, kw_only=True)
class Source:
    """Collects problems while the parts of the tree are turned into records."""

    file: str
    base: Path
    root: MapNode
    needs_secrets: bool = True
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)  # that were read, or would have been
    wrong_paths: set[KeyPath] = field(default_factory=set)

    def wrong(self, path: KeyPath, text: str) -> None:
        """Note a mistake; a path has only its first one."""
        if not any(path[:length] in self.wrong_paths for length in range(1, len(path) + 1)):
            self.wrong_paths.add(path)
            self.problems.append(self.problem(path, text))

    def warn(self, path: KeyPath, text: str) -> None:
        """Note what is allowed but suspicious."""
        self.warnings.append(self.problem(path, text))

    def get(self, *path: str | int) -> Node | None:
        """Give the node at a path; None where there is none, or nothing is given."""
        node = get(self.root, *path)
        return None if node is None or is_null(node) else node

    def line(self, path: KeyPath) -> int:
        """Give the line in which a path's last key stands."""
        return position(self.root, path)[0]

    def record(self, model: type[R], node: Node, path: KeyPath = ()) -> R | None:
        """Make a record of a node; None where it has mistakes, which are noted."""
        values = Values(base=self.base, complain=self.wrong, files=self.files, needs_secrets=self.needs_secrets)
        data = values.build(node, model, path)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for where, text in complaints(error, model, node, path):
                self.wrong(where, text)
            return None

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Say something of the key at a path."""
        line, column = position(self.root, path)
        return Problem(file=self.file, line=line, column=column, path=spelt(path), text=text)


def read(path: Path, environ: Mapping[str, str], *, secrets: bool = True) -> Source:
    """Read a file into a tree with the environment filled in; raise ConfigError where there is no tree."""
    file = str(path)
    root, mistakes = parse(_text(path))
    problems = [
        Problem(file=file, line=each.line, column=each.column, path=spelt(each.path), text=each.text)
        for each in mistakes
    ]
    if not problems and (root is None or is_null(root)):
        problems.append(Problem(file=file, text="is empty; config.example.yaml of the sources shows what it may hold"))
    elif root is not None and not isinstance(root, MapNode):
        text = "must be a mapping of keys to values, such as server: and channels:"
        problems.append(Problem(file=file, line=root.line, column=root.column, text=text))
    if not isinstance(root, MapNode):
        raise ConfigError(problems)
    base = path.absolute().parent
    source = Source(file=file, base=base, root=root, needs_secrets=secrets, problems=problems, files={path})
    source.wrong_paths.update(each.path for each in mistakes if each.path)
    filled = fill(root, environ if secrets else {**environ, **stand_ins(root, environ)}, source.wrong)
    source.root = filled if isinstance(filled, MapNode) else root
    return source


def _text(path: Path) -> str:
    file = str(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError([Problem(file=file, text=f"cannot be read: {reason(error)}")]) from None
    if len(content) > MAX_FILE:
        raise ConfigError([Problem(file=file, text=f"is larger than {MAX_FILE} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigError([Problem(file=file, line=line, column=column, text="is not UTF-8 text")]) from None
