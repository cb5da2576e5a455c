"""A store in which something happened, and the commands that ask about it, each run as `alarm-bridge` runs it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bridge.cli import app
from tests.fakes.spine import Spine, a_body, a_spine, rows
from tests.fakes.virtual import run

CONFIG = """
server: {auth: off}
channels:
  here: {type: terminal}
  ops: {type: terminal}
routes:
  - {name: quiet, match: {object_id: ins-quiet}, channels: []}
  - {name: databases, match: {product: cdb}, channels: [ops]}
default_channels: [here]
"""


def of(instance: str, **changes: Any) -> bytes:
    """Make a callback of an instance's own alarm."""
    return a_body(object={"dimensions": {"unInstanceId": instance}}, **{"sessionId": f"session-{instance}", **changes})


def over(instance: str, **changes: Any) -> bytes:
    """Make the callback of its end."""
    ending = {"alarmStatus": "0", "durationTime": 600, "recoverTime": "2021-05-11 20:41:00"}
    return of(instance, **{"sessionId": f"over-{instance}", **ending, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A directory with a config and a store."""

    place: Path

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        """Run a command."""
        return CliRunner().invoke(
            app, [arguments[0], "-c", str(self.place / "config.yaml"), *arguments[1:]], input=stdin
        )

    def json(self, *arguments: str) -> Any:
        """Run a command with --json and give what it says."""
        result = self(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        return json.loads(result.stdout)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Read the database as another program would."""
        return rows(self.place / "alarm-bridge.db", query, *values)


def asked(
    place: Path, happens: Callable[[Spine], Awaitable[None]], *, config: str = CONFIG, workers: bool = True
) -> Asked:
    """Let something happen in a bridge that is stopped then."""

    async def serve(clock: Any) -> None:
        async with a_spine(place, config, clock, workers=workers) as spine:
            await happens(spine)

    run(serve)
    return Asked(place=place)
