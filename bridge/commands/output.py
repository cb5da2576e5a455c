"""What commands print, and how they end: results on standard output, problems on standard error."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn, TextIO
from unicodedata import category

import typer

PROBLEM = 1  # exit codes; 0 is fine
WRONG_USAGE = 2
BOLD, DIM, RED, GREEN, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"


def say(text: str = "", end: str = "\n") -> None:
    """Print a result. Lines are never wrapped."""
    sys.stdout.write(_encodable(text, sys.stdout) + end)
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a problem. Lines are never wrapped: editors jump to `FILE:LINE:COLUMN`."""
    sys.stderr.write(_encodable(text, sys.stderr) + "\n")


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    say(spell_json(value))


def spell_json(value: Any) -> str:
    """Spell a value as JSON to be read; what a terminal would act upon stands as its escape."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return "\n".join(_visible(line) for line in lines)


def visible(text: str) -> str:
    """Spell a received text on one line; what a terminal would act upon stands as its escape."""
    return _visible(" ".join(text.split()))


def aligned(text: str) -> str:
    """Spell a text on one line as `visible` does, but keep its blanks: they align it."""
    return _visible(text)


def fail(text: str, code: int = PROBLEM) -> NoReturn:
    """End with words on standard error."""
    complain(text)
    raise typer.Exit(code)


def paint(text: str, colour: str) -> str:
    """Colour a text on a terminal; leave it plain elsewhere and where NO_COLOR is set (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if plain else f"{colour}{text}{PLAIN}"


def columns(rows: Iterable[tuple[str, str]]) -> None:
    """Print two columns, the first one aligned."""
    table = list(rows)
    width = max((len(first) for first, _ in table), default=0)
    for first, second in table:
        say(f"{paint(first, BOLD)}{' ' * (width - len(first))}  {second}".rstrip())


def _visible(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(letter if _is_plain(letter) else json.dumps(letter)[1:-1] for letter in line)


def _is_plain(letter: str) -> bool:
    return letter.isprintable() or category(letter) == "Zs"  # blanks of all widths


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
