"""What is other in a new config than in the one in force, in words; and what of it needs a restart. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bridge.config import Config, Loaded, Problem
from bridge.configuration import environment
from bridge.reloading.sight import Sight, is_template

NOT_SET = re.compile(environment.NOT_SET.format(name=r"\w+"))
RESTART = "; a bridge that serves keeps the environment that it began with: restart it"
WORDS = "cannot change while the bridge serves: restart it, or put the old value back"
FIXED: Mapping[tuple[str, ...], Callable[[Config], Any]] = {
    ("server", "listen"): lambda config: config.server.listen,
    ("server", "edge"): lambda config: config.server.edge,
    ("console", "listen"): lambda config: config.console.listen,
    ("store",): lambda config: config.store,
}
OTHERS: Mapping[str, Callable[[Config], Any]] = {
    "routes": lambda config: config.route_settings,
    "default_channels": lambda config: config.default_channels,
    "server.auth": lambda config: config.server.auth,
    "server.callback_path": lambda config: config.server.callback_path,
    "server.max_body": lambda config: config.server.max_body,
    "server.verification_code": lambda config: config.server.verification_code,
    "console.auth": lambda config: config.console.auth,
    "language": lambda config: config.language,
    "timezone": lambda config: config.timezone,
    "retention": lambda config: config.retention,
    "heartbeat": lambda config: config.heartbeat,
}


def is_other(old: Config, new: Config) -> bool:
    """Say whether a config says anything else at all."""
    every = (*FIXED.values(), *OTHERS.values())
    return old.channels != new.channels or any(of(old) != of(new) for of in every)


def refusals(old: Config, new: Loaded) -> list[Problem]:
    """Give a problem for each change that needs a restart."""
    return [new.source.problem(path, WORDS) for path, of in FIXED.items() if of(old) != of(new.config)]


def changes_of(old: Config, new: Config) -> list[str]:
    """Say which keys at the top level, and below the listeners, are other."""
    return [f"{name} changed" for name, of in OTHERS.items() if of(old) != of(new)]


def channel_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Say which channels came, changed or are gone, by the marks of their settings."""
    changed = [f"channel {name} changed" for name, mark in new.items() if old.get(name, mark) != mark]
    added = [f"channel {name} added" for name in new if name not in old]
    return [*added, *changed, *(f"channel {name} removed" for name in old if name not in new)]


def template_changes(before: Sight, now: Sight) -> list[str]:
    """Say whether templates changed since they were seen last."""
    other = any(is_template(name) and before.get(name) != now.get(name) for name in {*before, *now})
    return ["templates changed"] if other else []


def while_running(problem: Problem) -> Problem:
    """Say of a variable that is not set why setting it now, in whatever shell, is of no use."""
    return replace(problem, text=problem.text + RESTART) if NOT_SET.fullmatch(problem.text) else problem
