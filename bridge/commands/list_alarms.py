"""`alarms`: what is open."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from bridge.alarm import State
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile
from bridge.commands.listing import MOST, AsJson, Desk, Limit, desk, say_more, stream_json, table
from bridge.commands.matches import Matches, MatchOption, read_matches
from bridge.commands.output import WRONG_USAGE, fail
from bridge.episode import Phase
from bridge.rendering.words import duration_words
from bridge.store.entries import AlarmEntry
from bridge.story import named_of, names_of

ALL = "all"
PHASES = (*Phase, ALL)


def complete_phase(incomplete: str) -> list[str]:
    """Offer the phases to the shell."""
    return [phase for phase in PHASES if phase.startswith(incomplete)]


def list_alarms(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    phase: Annotated[
        str, typer.Option(metavar="PHASE", autocompletion=complete_phase, help=f"One of {', '.join(PHASES)}.")
    ] = Phase.OPEN.value,
    match: MatchOption = None,
    as_json: AsJson = False,
    limit: Limit = MOST,
) -> None:
    """List the alarms that are open, the newest first."""
    if phase not in PHASES:
        fail(f"--phase {phase}: must be one of {', '.join(PHASES)}", WRONG_USAGE)
    matches = read_matches(match or ())
    with desk(config) as at:
        found = matching(at, at.asking.alarms(None if phase == ALL else Phase(phase)), matches)
        if as_json:
            stream_json(alarm_json(at, entry) for entry in islice(found, limit))
            return
        show(at, list(islice(found, limit)), f"no alarm is {phase}" if phase != ALL else "no alarm is stored")
        if next(found, None) is not None:
            say_more(limit)


def matching(at: Desk, entries: Iterator[AlarmEntry], matches: Matches) -> Iterator[AlarmEntry]:
    """Give those that match."""
    return (entry for entry in entries if _holds(at, entry, matches)) if matches else entries


def _holds(at: Desk, entry: AlarmEntry, matches: Matches) -> bool:
    state = State.REPEAT if entry.repeat_count else State.TRIGGERED
    return matches.hold(entry, state, lambda: (at.asking.body(entry.callback_id), entry.heard_at))


def show(at: Desk, entries: list[AlarmEntry], nothing: str) -> None:
    """Print alarms as a table."""
    now = datetime.now(UTC)
    head = ("ID", f"SINCE ({at.zone.key})", "FOR", "PHASE", "SEVERITY", "SUBJECT", "OBJECT", "POLICY", "TOLD TO")
    table(head, [_row(at, entry, now) for entry in entries], nothing)


def _row(at: Desk, entry: AlarmEntry, now: datetime) -> tuple[str, ...]:
    end = now if entry.phase is Phase.OPEN else entry.recovered_at
    names = names_of(entry, at.asking.body)
    return (
        entry.alarm,
        at.time(entry.started_at),
        duration_words(end - entry.started_at, "en") if end else "",
        entry.phase.value,
        entry.severity,
        names.subject,
        names.object,
        entry.policy_name or entry.policy_id,
        ", ".join(one.channel for one in entry.given) or "nobody",
    )


def alarm_json(at: Desk, entry: AlarmEntry) -> dict[str, Any]:
    """Give an alarm as JSON."""
    values = asdict(entry) | named_of(entry, at.asking.body)
    values["id"] = values.pop("alarm")
    values["episode_id"] = str(entry.id)
    for name in ("started_at", "heard_at", "recovered_at"):
        values[name] = at.iso(values[name])
    values["given"] = [one.channel for one in entry.given]
    del values["callback_id"]
    return values
