"""`callbacks`: what came in, and what was decided."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from bridge.alarm import OUTCOMES
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile
from bridge.commands.listing import (
    MOST,
    AsJson,
    Desk,
    Limit,
    desk,
    read_span,
    say_more,
    stream,
    stream_json,
)
from bridge.commands.matches import Matches, MatchOption, read_matches
from bridge.commands.output import WRONG_USAGE, fail
from bridge.configuration.problems import did_you_mean
from bridge.store.entries import CallbackEntry
from bridge.story import named_of, names_of

WIDTHS = (19, 12, 6, 32)  # times, the longest outcome, short ids, names with instance ids


def complete_outcome(incomplete: str) -> list[str]:
    """Offer the outcomes to the shell."""
    return [outcome for outcome in OUTCOMES if outcome.startswith(incomplete)]


def list_callbacks(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    outcome: Annotated[
        str,
        typer.Option(
            metavar="O", show_default=False, autocompletion=complete_outcome, help=f"One of {', '.join(OUTCOMES)}."
        ),
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="SPAN", show_default=False, help='No older than this: "10m", "1h", "7d".')
    ] = "",
    match: MatchOption = None,
    as_json: AsJson = False,
    limit: Limit = MOST,
) -> None:
    """List what came in and what was decided, the newest first, those that nobody was told of included.

    The ID is the alarm's; where there is no alarm, the callback's own.
    """
    if outcome and outcome not in OUTCOMES:
        hint = did_you_mean(outcome, OUTCOMES) or f": must be one of {', '.join(OUTCOMES)}"
        fail(f"--outcome {outcome}{hint}", WRONG_USAGE)
    span, matches = read_span(since) if since else None, read_matches(match or ())
    with desk(config) as at:
        began = datetime.now(UTC) - span if span is not None else None
        found = _matching(at, at.asking.callbacks(since=began, outcome=outcome), matches)
        if as_json:
            stream_json(_as_json(at, entry) for entry in islice(found, limit))
            return
        head = (f"RECEIVED ({at.zone.key})", "OUTCOME", "ID", "OBJECT", "WHY")
        rows = (_row(at, entry) for entry in islice(found, limit))
        stream(head, WIDTHS, rows, "no such callback is stored")
        if next(found, None) is not None:
            say_more(limit)


def _matching(at: Desk, entries: Iterator[CallbackEntry], matches: Matches) -> Iterator[CallbackEntry]:
    if not matches:
        return entries
    return (entry for entry in entries if entry.episode_id and _holds(at, entry, matches))


def _holds(at: Desk, entry: CallbackEntry, matches: Matches) -> bool:
    return matches.hold(entry, entry.outcome, lambda: (at.asking.body(entry.id), entry.received_at))


def _row(at: Desk, entry: CallbackEntry) -> tuple[str, ...]:
    name, names = entry.alarm or str(entry.id), names_of(entry, at.asking.body)
    return (at.time(entry.received_at), entry.outcome, name, names.object or names.subject, entry.reason)


def _as_json(at: Desk, entry: CallbackEntry) -> dict[str, Any]:
    values = asdict(entry) | named_of(entry, at.asking.body)
    values |= {"id": str(entry.id), "received_at": at.iso(entry.received_at)}
    values["alarm"] = entry.alarm or None
    del values["episode_id"]
    return values
