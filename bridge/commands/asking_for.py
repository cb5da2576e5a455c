"""How a command has `serve` do something: it writes requests, waits for the answers, and says them.

Without a running bridge the requests wait in the store, and the next `serve` carries them out. A
command that is interrupted leaves its requests: what was asked for is done.
"""

import getpass
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer
from sqlalchemy.exc import DatabaseError

from bridge.commands.output import PROBLEM, complain, fail, say
from bridge.store.happened import RequestEntry
from bridge.store.lock import is_served
from bridge.store.requests import Requests, Wish, open_requests

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 30.0  # for a bridge that runs: it looks every second


def ask_for(path: Path, wishes: Mapping[str, Wish], refused: Mapping[str, str]) -> None:
    """Ask for what is wished, each under the name that its person gave it, and say what became of it.

    `refused` says why what else was named is not asked for. Ends the command with 1 where anything
    changed nothing.
    """
    for name, why in refused.items():
        complain(f"{name}: {why}")
    try:
        changed = _asked(path, wishes) if wishes else True
    except DatabaseError as error:
        if "readonly" in str(error.orig) or "unable to open" in str(error.orig):
            fail(f"{path} may not be written by this user: ask as the user that serves")
        fail(f"{path} cannot be written: {error.orig}")
    if refused or not changed:
        raise typer.Exit(PROBLEM)


def _asked(path: Path, wishes: Mapping[str, Wish]) -> bool:
    requests = open_requests(path)
    try:
        ids = requests.ask(wishes.values(), who=_who(), now=datetime.now(UTC))
        names = dict(zip(ids, wishes, strict=True))
        return _waited(requests, path, names)
    finally:
        requests.close()


def _waited(requests: Requests, path: Path, names: Mapping[int, str]) -> bool:
    """Say each answer as it comes; give whether all of them changed something."""
    left, well = dict(names), True
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while left:
            served = is_served(path)  # before the look at the answers: a bridge that stops may give the last one
            for entry in requests.answers(list(left)):
                if entry.done_at is not None:
                    well = _say(left.pop(entry.id), entry) and well
                    deadline = time.monotonic() + PATIENCE_SECONDS
            if left and not served:
                say(f"{_counted(left)}: no bridge serves {path} now; the next `alarm-bridge serve` does it.")
                return well
            if left and time.monotonic() > deadline:
                complain(f"{_counted(left)}: the bridge has not answered; it is done as soon as it can be")
                return False
            if left:
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        complain(f"\n{_counted(left)}: not waited for any more; it is done all the same")
        return False
    return well


def _say(name: str, entry: RequestEntry) -> bool:
    text = f"{name}: {entry.answer}"
    if entry.changed:
        say(text)
    else:
        complain(text)
    return entry.changed


def _counted(left: Mapping[int, str]) -> str:
    names = list(left.values())
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
    return f"{shown} {'waits' if len(names) == 1 else 'wait'}"


def _who() -> str:
    """Name who asks: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def unique(names: Sequence[str]) -> list[str]:
    """Give what was named, each once."""
    return list(dict.fromkeys(name.strip() for name in names))
