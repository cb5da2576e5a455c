"""What the listing commands share: the store opened for reading, times, tables, JSON."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.exc import DatabaseError

from bridge.commands.configs import load_config
from bridge.commands.output import DIM, WRONG_USAGE, fail, paint, say, say_json, spell_json, visible
from bridge.config import Config
from bridge.rendering.words import iso, width
from bridge.settings import seconds
from bridge.store import StoreError
from bridge.store.asking import Asking, ask

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=10**9, help="Print so many at most.")]
MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a question is answered: the config, the store, and the clocks that people read."""

    config: Config
    asking: Asking

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the config."""
        return self.config.timezone

    def time(self, moment: datetime) -> str:
        """Say a time on the config's clocks, without its zone: a table's head names it."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def iso(self, moment: datetime | None) -> str | None:
        """Write a time with its zone."""
        return None if moment is None else iso(moment, self.zone)


@contextmanager
def desk(path: Path) -> Iterator[Desk]:
    """Read the config and open its store; end the command in words where that cannot be."""
    config = load_config(path, secrets=False).config
    try:
        asking = ask(config.store)
        try:
            yield Desk(config=config, asking=asking)
        finally:
            asking.connection.close()
    except StoreError as error:
        fail(str(error))
    except DatabaseError as error:
        fail(f"the store cannot be read: {error.orig}")


def read_span(text: str) -> timedelta:
    """Read "1h" or "30d"; end the command in words."""
    try:
        return timedelta(seconds=seconds(text))
    except ValueError as error:
        fail(f"--since {text}: {error}", WRONG_USAGE)


def stream(head: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows as they are found, in columns of such widths or the head's; the last one takes what it needs."""
    empty = True
    widths = [max(columns, width(title)) for columns, title in zip([*widths, 0], head, strict=True)][:-1]
    for row in rows:
        if empty:
            say(paint(_line(head, widths), DIM))
        empty = False
        say(_line(row, widths))
    if empty:
        say(nothing)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows in columns as wide as what stands in them."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(head, *cells, strict=True)]
    stream(head, widths[:-1], cells, nothing)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Join cells; one that is too long pushes what follows, and blanks after it give way."""
    text, end = "", 0
    for cell, columns in zip(cells, [*widths, 0], strict=True):
        text += visible(cell)
        end += columns
        text += " " * max(end - width(text), 0) + "  "
        end += 2
    return text.rstrip()


def stream_json(items: Iterable[Any]) -> None:
    """Print a JSON list as its items are found."""
    first = True
    for item in items:
        say(("[\n  " if first else ",\n  ") + "\n  ".join(spell_json(item).split("\n")), end="")
        first = False
    say("[]" if first else "\n]")


def say_more(limit: int) -> None:
    """Say that a list goes on."""
    say(paint(f"… and more: these are the newest {limit}; --limit N shows N", DIM))


__all__ = [
    "MOST",
    "AsJson",
    "Desk",
    "Limit",
    "desk",
    "read_span",
    "say_json",
    "say_more",
    "stream",
    "stream_json",
    "table",
]
