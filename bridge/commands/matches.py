"""`--match FIELD=VALUE`: the fields and the language of routes, asked of what is stored.

What a column holds is read there; for all else the callback's body is read again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from bridge.alarm import State
from bridge.commands.output import WRONG_USAGE, fail
from bridge.configuration.problems import did_you_mean
from bridge.matching import FIELDS, MAPPINGS, MAX_VALUE, Condition, MatchError, compile_condition, reader
from bridge.store.entries import AlarmEntry, CallbackEntry
from bridge.story.hearing import stored_alarm

COLUMNS = ("kind", "policy_id", "policy_name", "object_id")  # of what is stored; beside these, its state
Body = Callable[[], tuple[bytes, datetime]]


def complete_field(incomplete: str) -> list[str]:
    """Offer the names of fields to the shell."""
    names = [f"{name}=" for name in FIELDS] + [f"{name}." for name in MAPPINGS]
    return [name for name in names if name.startswith(incomplete)]


MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=VALUE",
        show_default=False,
        autocompletion=complete_field,
        help="Those whose alarm matches, as in a route: policy_name=prod-*, dimensions.unInstanceId=ins-1. "
        "Given more than once, all must hold.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The conditions of a command; all must hold."""

    of_columns: tuple[Condition, ...]
    of_body: tuple[Condition, ...]

    def hold(self, entry: AlarmEntry | CallbackEntry, state: str, body: Body) -> bool:
        """Say whether an alarm is meant; `body` gives its callback and when it came, where it is needed."""
        columns = {"state": state, **{name: getattr(entry, name) for name in COLUMNS}}
        if not all(condition.holds(columns[condition.field][:MAX_VALUE]) for condition in self.of_columns):
            return False
        if not self.of_body:
            return True
        alarm = stored_alarm(*body(), entry.kind)
        if alarm is None:
            return False
        values = reader(condition.field for condition in self.of_body)(alarm, State.TRIGGERED)
        return all(condition.holds(value) for condition, value in zip(self.of_body, values, strict=True))

    def __bool__(self) -> bool:
        return bool(self.of_columns or self.of_body)


def read_matches(texts: Iterable[str]) -> Matches:
    """Read FIELD=VALUE each; end the command in words where one is none."""
    conditions = [_condition(text) for text in texts]
    return Matches(
        of_columns=tuple(one for one in conditions if one.field in {"state", *COLUMNS}),
        of_body=tuple(one for one in conditions if one.field not in {"state", *COLUMNS}),
    )


def _condition(text: str) -> Condition:
    field, sign, value = text.partition("=")
    if not sign:
        fail(f"--match {text}: must be FIELD=VALUE, such as policy_name=prod-*", WRONG_USAGE)
    try:
        return compile_condition(field, [value])
    except MatchError as error:
        hint = did_you_mean(field, FIELDS) if "field" in str(error) else ""
        fail(f"--match {text}: {error}{hint}", WRONG_USAGE)
