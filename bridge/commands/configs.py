"""The config on the command line: `-c FILE`, else $ALARM_BRIDGE_CONFIG, else config.yaml here."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bridge.commands.output import PROBLEM, complain
from bridge.config import ConfigError, Loaded, load

DEFAULT_CONFIG = Path("config.yaml")

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="ALARM_BRIDGE_CONFIG",
        readable=False,  # what cannot be read is said as every mistake in a config
        help="The bridge's config.",
    ),
]


def load_config(path: Path, *, secrets: bool = True) -> Loaded:
    """Read the config; end the command with every mistake in it, one a line.

    Commands that make no call need no secrets, and work in a shell without the bridge's environment.
    """
    try:
        return load(path, os.environ, secrets=secrets)
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        hint_at_config(path)
        raise typer.Exit(PROBLEM) from error


def hint_at_config(path: Path) -> None:
    """Say what to do next where the default config is not there."""
    if path == DEFAULT_CONFIG and not path.exists():
        complain(
            "Name one with -c FILE or $ALARM_BRIDGE_CONFIG; config.example.yaml of the sources is one to begin with."
        )


def complete_channel(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the channels of the config to the shell; none where it cannot be read."""
    try:
        config = load(Path(ctx.params.get("config") or DEFAULT_CONFIG), os.environ, secrets=False)
    except ConfigError:
        return []
    return [name for name in config.config.channels if name.startswith(incomplete)]
