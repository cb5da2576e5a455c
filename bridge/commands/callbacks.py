"""CALLBACK on the command line: a file, the name of a built-in sample, or `-` for standard input."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bridge import samples
from bridge.alarm import State
from bridge.commands.output import WRONG_USAGE, fail
from bridge.configuration.problems import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCallback:
    """A callback as it was named."""

    name: str  # the sample's; a file's full path
    body: bytes
    sample: bool = False


def read_callback(text: str) -> NamedCallback:
    """Read a callback; end the command in words where there is none. A file comes before a sample."""
    if text == "-":
        return NamedCallback(name="-", body=sys.stdin.buffer.read())
    path = Path(text)
    if path.is_file() or path.is_fifo():
        return NamedCallback(name=str(path.resolve()), body=_read_file(path))
    if text in samples.names():
        return NamedCallback(name=text, body=samples.body(text), sample=True)
    if path.is_dir():
        fail(f"{text}: is a directory, not a callback", WRONG_USAGE)
    return fail(f"{text}: neither a file nor a built-in sample{_hint(text)}", WRONG_USAGE)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        return fail(f"{path}: cannot be read: {error.strerror}")


def _hint(text: str) -> str:
    hint = did_you_mean(Path(text).name.removesuffix(".json"), samples.names())
    return hint or "; `alarm-bridge samples` lists them"


def complete_callback(incomplete: str) -> list[str]:
    """Offer samples and files to the shell."""
    files = [str(path) + ("/" if path.is_dir() else "") for path in Path().glob(f"{_literal(incomplete)}*")]
    return [name for name in samples.names() if name.startswith(incomplete)] + sorted(files)


def _literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


OneCallback = Annotated[
    str,
    typer.Argument(
        metavar="CALLBACK",
        help="A file, the name of a built-in sample, or - for standard input.",
        autocompletion=complete_callback,
    ),
]


class StateAmong:
    """Turn the word behind `--state` into one of some states, or end the command in words."""

    __name__ = "STATE"

    def __init__(self, *allowed: State) -> None:
        self.allowed = allowed

    def __call__(self, text: str) -> State:
        """Read one state."""
        if text not in self.allowed:
            fail(f"--state {text}: must be one of {', '.join(self.allowed)}", WRONG_USAGE)
        return State(text)

    def complete(self, incomplete: str) -> list[str]:
        """Offer what is taken, and nothing else, to the shell."""
        return [state for state in self.allowed if state.startswith(incomplete)]
