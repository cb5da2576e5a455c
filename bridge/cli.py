"""The command `alarm-bridge`: which commands there are, and how the process ends.

Only the command that is run is imported: somebody who asks at three in the morning does not wait for the
parts that serve.
"""

import gc
import os
import sys
from pkgutil import resolve_name
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from bridge import __version__
from bridge.commands.output import PROBLEM, complain, say

COMMANDS = {
    "serve": "bridge.commands.serve:serve",
    "check": "bridge.commands.check:check",
    "route": "bridge.commands.route:route",
    "render": "bridge.commands.render:render",
    "send": "bridge.commands.send:send",
    "samples": "bridge.commands.samples:list_samples",
    "callbacks": "bridge.commands.list_callbacks:list_callbacks",
    "alarms": "bridge.commands.list_alarms:list_alarms",
    "deliveries": "bridge.commands.list_deliveries:list_deliveries",
    "explain": "bridge.commands.explain:explain",
    "replay": "bridge.commands.replay:replay",
    "close": "bridge.commands.close:close",
    "test-channel": "bridge.commands.try_channel:try_channel",
}


def without_types(parameters: list[Any]) -> list[Any]:
    """Let the help show no type beside a flag, which takes nothing, and none of Python's beside an argument."""
    for one in parameters:
        if getattr(one, "is_flag", False):  # `--json <bool>` invites a value
            one.metavar = ""
        if isinstance(one, TyperArgument):  # `<list[str]>` says nothing to whoever asks
            one.display_type_rich = lambda ctx: None  # type: ignore[method-assign]  # noqa: ARG005 - the library's
    return parameters


class OneCommand(TyperCommand):
    """A command whose flags and arguments are shown as such."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give its options and arguments."""
        return without_types(super().get_params(ctx))


class Commands(TyperGroup):
    """The commands by name, each imported when it is wanted."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the options that stand before a command."""
        return without_types(super().get_params(ctx))

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # typer looks for near names among them

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the library's signature
        """Give their names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the library's signature
        """Import one; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        gc.disable()  # what is imported stays: looking through it for cycles took a sixth of the time
        try:
            alone.command(cmd_name, cls=OneCommand)(resolve_name(COMMANDS[cmd_name]))
        finally:
            gc.freeze()
            gc.enable()
        return typer.main.get_command(alone)


app = typer.Typer(
    name="alarm-bridge",
    cls=Commands,
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
