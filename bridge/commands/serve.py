"""`serve`: run the bridge."""

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from bridge import serving
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, load_config


class Level(StrEnum):
    """From which level on the log speaks."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def read_level(text: str) -> Level:
    """Read the word behind `--log-level`; raise BadParameter in words."""
    if text not in set(Level):
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(Level)}.")
    return Level(text)


def serve(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    log_level: Annotated[
        Level, typer.Option(metavar="LEVEL", parser=read_level, help="debug, info, warning or error.")
    ] = Level.INFO,
) -> None:
    """Run the bridge until SIGTERM or SIGINT, then finish what is under way (10 s at most)."""
    loaded = load_config(config)
    raise typer.Exit(serving.serve(loaded, environ=os.environ, out=sys.stdout, err=sys.stderr, level=log_level.value))
