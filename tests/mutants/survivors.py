"""What survived, and what of that is explained."""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

NAME = re.compile(r"x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<name>\w+?)__mutmut_(?P<which>\d+|orig)$")
LIVES = {0: "survived", 5: "no test reaches it", 33: "no test reaches it", None: "was not tried"}  # by exit code

Functions = Mapping[str, tuple[int, list[str]]]  # name → its first line's number, its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A change of one function; what it is known by does not move when lines do."""

    file: str
    function: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        lines = [*(f"- {line}" for line in self.before or ("",)), *(f"+ {line}" for line in self.after or ("",))]
        return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A mutant that lives, where it is, and why."""

    mutant: Mutant
    line: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Mutants of one function that may live, and the reason."""

    reason: str
    mutants: tuple[Mutant, ...]


def tally(folder: Path, files: Iterable[str]) -> tuple[int, list[Survivor]]:
    """Read what mutmut left: how many mutants there were, and those that live, in the order of their lines."""
    total, living = 0, list[Survivor]()
    for file in files:
        mutated = folder / "mutants" / file
        results = mutated.with_name(f"{mutated.name}.meta")
        codes = json.loads(results.read_text())["exit_code_by_key"] if results.exists() else {}
        total += len(codes)
        as_it_is, as_changed = functions((folder / file).read_text()), functions(mutated.read_text())
        for key, code in codes.items():
            if code in LIVES:
                living.append(_survivor(file, key.rpartition(".")[2], as_it_is, as_changed, LIVES[code]))
    return total, sorted(living, key=lambda one: (one.mutant.file, one.line, str(one.mutant)))


def explained(text: str) -> Iterator[Explained]:
    """Read the explanations: a heading with file and function, the reason, and then mutants as they are printed."""
    for block in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", text).strip()):
        heading, *lines = block.splitlines()
        file, function = heading.split()
        reason = " ".join(line.strip() for line in lines if line[:1] not in "+-")
        changes = [line for line in lines if line[:1] in "+-"]
        yield Explained(reason=reason, mutants=tuple(_mutants(file, function, changes)))


def functions(source: str) -> Functions:
    """Find the functions and methods of a module, methods as `Class.name`."""
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inside:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{node.name}.{one.name}" if isinstance(node, ast.ClassDef) else one.name
                found[name] = one.lineno, [line.strip() for line in lines[one.lineno - 1 : one.end_lineno]]
    return found


def _mutants(file: str, function: str, changes: Iterable[str]) -> Iterator[Mutant]:
    before: list[str] = []
    after: list[str] = []
    for change in [*changes, "-"]:
        if change.startswith("-") and after:
            yield Mutant(file=file, function=function, before=_said(before), after=_said(after))
            before, after = [], []
        (before if change.startswith("-") else after).append(change[1:].strip())


def _said(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, lines))


def _survivor(file: str, key: str, as_it_is: Functions, as_changed: Functions, why: str) -> Survivor:
    found = NAME.fullmatch(key)
    assert found is not None, key
    owner = f"{found['owner']}." if found["owner"] else ""
    first, old = as_it_is[f"{owner}{found['name']}"]
    _, (heading, *rest) = as_changed[f"{owner}{key}"]
    new = [heading.replace(f"{key}(", f"{found['name']}("), *rest]
    changes = [part for part in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if part[0] != "equal"]
    start, end = changes[0], changes[-1]
    mutant = Mutant(
        file=file,
        function=f"{owner}{found['name']}",
        before=_said(old[start[1] : end[2]]),
        after=_said(new[start[3] : end[4]]),
    )
    return Survivor(mutant=mutant, line=first + start[1], why=why)
