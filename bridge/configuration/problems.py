"""Mistakes, each with file, line, path and words. Words never repeat a value: it may be a secret."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

Part = str | int
KeyPath = tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake or doubt. Lines and columns count from 1; 0 is unknown."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    text: str

    def __str__(self) -> str:
        where = [str(number) for number in (self.line, self.column) if number]
        parts = [":".join([self.file, *where]), *([self.path] if self.path else []), self.text]
        return re.sub(r"[\s\x85\u2028\u2029]*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*", " ", ": ".join(parts))


class ConfigError(Exception):
    """The config has mistakes: `problems`, in the file's order.

    `templates` is the user's directory, where known; `files` are those that were read, or would have been.
    """

    def __init__(
        self,
        problems: Iterable[Problem],
        *,
        warnings: Iterable[Problem] = (),
        templates: Path | None = None,
        files: Iterable[Path] = (),
    ) -> None:
        self.problems = tuple(in_order(problems))
        self.warnings = tuple(in_order(warnings))
        self.templates = templates
        self.files = frozenset(files)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort by file and line, each mistake once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))


def spelt(path: KeyPath) -> str:
    """Write a path as people do: channels.ops.on_repeat[0]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the known name that is nearest to a misspelt one; empty where none is near."""
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the nearest other name there is, as the end of a sentence; empty where none is near."""
    near = nearest(name, known)
    return f'; did you mean "{near}"?' if near and near != name else ""


def reason(error: OSError) -> str:
    """Say in words why a file cannot be read, without Python's own punctuation."""
    return (error.strerror or type(error).__name__).lower()


def beside(base: Path, text: str) -> Path:
    """Take a path as relative to the config file's directory; `~` of nobody who is known here stays as it is."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError:
        return base / text


def is_folder(path: Path) -> bool:
    """Say whether a folder is there; a name that none can have is no reason to raise."""
    try:
        return path.is_dir()
    except OSError:
        return False
