"""What commands print, and how they end: results on standard output, problems on standard error."""

import json
import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NoReturn, TextIO

import typer

PROBLEM = 1  # exit codes; 0 is fine
WRONG_USAGE = 2
BOLD, DIM, RED, GREEN, YELLOW, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def say(text: str = "") -> None:
    """Print a result. Lines are never wrapped."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a problem. Lines are never wrapped: editors jump to `FILE:LINE:COLUMN`."""
    sys.stderr.write(printable(text) + "\n")


def say_json(value: Any) -> None:
    """Print a value as JSON; what cannot be encoded stands as its escape."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def fail(text: str, code: int = PROBLEM) -> NoReturn:
    """End with words on standard error."""
    complain(text)
    raise typer.Exit(code)


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Colour a text on a terminal; leave it plain elsewhere and where NO_COLOR is set (no-color.org)."""
    stream = stream or sys.stdout
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain else f"{colour}{text}{PLAIN}"


def columns(rows: Iterable[tuple[str, str]], colour: str = BOLD) -> None:
    """Print two columns, the first one aligned."""
    table = list(rows)
    width = max((len(first) for first, _ in table), default=0)
    for first, second in table:
        say(f"{paint(first, colour)}{' ' * (width - len(first))}  {second}".rstrip())


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the words that name the nearest known name, or all of them where none is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are: {', '.join(names)}" if names else "there are none"


def printable(text: str) -> str:
    """Spell lone surrogates as their escapes: no terminal's encoding has them."""
    return text.encode(errors="backslashreplace").decode()
