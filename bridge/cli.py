"""The command `alarm-bridge`: which commands there are, and how the process ends."""

import os
import sys
from typing import Annotated

import typer

from bridge import __version__
from bridge.commands import check, render, route, samples, send, serve
from bridge.commands.output import PROBLEM, complain, say

app = typer.Typer(
    name="alarm-bridge",
    no_args_is_help=True,
    epilog="`alarm-bridge --install-completion` makes the shell complete commands, options, samples and states.",
    pretty_exceptions_enable=False,  # a frame's locals may hold a secret
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        say(f"alarm-bridge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Bring Tencent Cloud's alarms to the chat where a team lives."""


app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("route")(route.route)
app.command("render")(render.render)
app.command("send")(send.send)
app.command("samples")(samples.list_samples)


def main() -> None:
    """Run a command; end quietly where nobody reads its output any more, in words where it takes none."""
    try:
        try:
            app(prog_name="alarm-bridge")
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its end
        if not isinstance(error, BrokenPipeError):
            complain(f"alarm-bridge: {error.strerror or error}")
        sys.exit(PROBLEM)
