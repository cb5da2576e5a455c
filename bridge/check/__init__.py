"""All that can be known without serving: the config, and every template with every sample in every state.

1. The config is read; each of its mistakes is a problem, and so is a store that cannot be where it puts it.
2. Each channel, with each route that leads to it, renders every built-in sample in every state, with
   strict undefined; so does each set of the user's own templates, in use or not.
3. What was rendered is held against the platform's limits.

A mistake is told once, whatever the number of samples that show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.check.files import doubtful_files, misnamed
from bridge.check.place import check_place
from bridge.check.templates import render_all
from bridge.check.uses import uses_of, uses_of_sets
from bridge.config import Config, ConfigError, Problem, load
from bridge.configuration.problems import in_order

__all__ = ["Report", "check", "check_templates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is wrong, and what is suspicious, both in the files' order, each once."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check(path: Path, environ: Mapping[str, str]) -> Report:
    """Check a config and its templates; whatever is wrong is in the report."""
    placed = check_place(path, environ)
    try:
        loaded = load(path, environ)
    except ConfigError as error:
        below = list(render_all(error.templates, uses_of_sets(error.templates), path.parent))
        doubts = (*error.warnings, *misnamed(error.templates, path.parent))
        return Report(problems=tuple(in_order([*error.problems, *placed, *below])), warnings=tuple(in_order(doubts)))
    found = check_templates(loaded.config)
    return Report(
        problems=tuple(in_order([*placed, *found.problems])),
        warnings=tuple(in_order([*loaded.warnings, *found.warnings])),
    )


def check_templates(config: Config) -> Report:
    """Check the templates of a config that is right: those in use, and the user's own."""
    uses = [*uses_of(config), *uses_of_sets(config.templates)]
    problems = render_all(config.templates, uses, config.file.parent)
    return Report(problems=tuple(in_order(problems)), warnings=tuple(doubtful_files(config)))
