"""`close`: end alarms whose recovery will never come."""

import sys
from typing import Annotated

import typer

from bridge.commands.asking_for import ask_for, unique
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile
from bridge.commands.list_alarms import matching, show
from bridge.commands.listing import Desk, desk
from bridge.commands.matches import MatchOption, read_matches
from bridge.commands.output import WRONG_USAGE, fail, say
from bridge.episode import number_of
from bridge.store.asking import ALARMS, Asking
from bridge.store.entries import AlarmEntry, alarm_entry
from bridge.store.requests import What, Wish, why_not_close
from bridge.store.schema import episodes

UNKNOWN = "no alarm has this short id; `alarm-bridge alarms` shows those that are open"


def close(
    *,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Short ids, as messages show them.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    match: MatchOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Close alarms whose recovery will never come: the channels that were given them are told.

    On a terminal it asks first, unless --yes is given. `alarm-bridge serve`
    does the work; where none runs, the next one.
    """
    if bool(ids) is bool(match):
        fail("give the short ids of alarms, or --match FIELD=VALUE", WRONG_USAGE)
    matches = read_matches(match or ())
    with desk(config) as at:
        found: dict[str, AlarmEntry | str]
        found = _named(at.asking, ids) if ids else {one.alarm: one for one in matching(at, at.asking.alarms(), matches)}
        alarms = {name: one for name, one in found.items() if isinstance(one, AlarmEntry)}
        if match and not alarms:
            say("no open alarm matches")
            return
        if alarms:
            _confirm(at, list(alarms.values()), yes=yes)
    wishes = {name: Wish(what=What.CLOSE, subject=one.id) for name, one in alarms.items()}
    ask_for(at.config.store, wishes, {name: why for name, why in found.items() if isinstance(why, str)})


def _named(asking: Asking, ids: list[str]) -> dict[str, AlarmEntry | str]:
    return {name: _alarm(asking, name) for name in unique(ids)}


def _alarm(asking: Asking, name: str) -> AlarmEntry | str:
    """Find an alarm by its short id, or say why it cannot be closed."""
    number = number_of(name)
    row = asking.connection.execute(ALARMS.where(episodes.c.number == number)).first() if number else None
    if row is None:
        return UNKNOWN
    entry = alarm_entry(row)
    return why_not_close(entry.phase) or entry


def _confirm(at: Desk, alarms: list[AlarmEntry], *, yes: bool) -> None:
    """Show what is meant and ask, where a person sits there."""
    if yes or not is_terminal():
        return
    show(at, alarms, "")
    if not typer.confirm(f"Close {len(alarms):,} alarm{'' if len(alarms) == 1 else 's'}?", err=True):
        fail("nothing was closed")


def is_terminal() -> bool:
    """Say whether a person can be asked, also where what is printed goes into a pipe."""
    return sys.stdin.isatty() and sys.stderr.isatty()
