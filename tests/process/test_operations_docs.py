"""docs/operations.md: the commands of a day with a real bridge print what stands beside them.

Ids, times and spans differ from run to run and are not compared. WRITE_EXPECTED=1 writes the outputs anew, to be read
before they are kept.
"""

import asyncio
import os
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from bridge.cli import app
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import until
from tests.process.telling import callback

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
EXAMPLE = re.compile(r"```sh\n(alarm-bridge .*?)```\n\n```text\n(.*?)```", re.DOTALL)
ID = re.compile(r"\b(\d{19}|test-\d+|[0-9a-hjkmnp-tv-z]*\d[0-9a-hjkmnp-tv-z]*)\b")
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\d+ (d|h|min|s)( \d+ (h|min|s))?\b"), "SPAN"),
    (re.compile(r"\b\d{19}\b"), "ID"),
    (re.compile(r"\b[0-9a-hjkmnp-tv-z]{6}\b"), "SHORT"),  # words of six letters as well, on both sides alike
    (re.compile(r"\S+@\S+"), "WHO"),
    (re.compile(r" +"), " "),
)


def config(endpoint):
    return {
        "channels": {"tickets": {"type": "webhook", "url": endpoint.url()}, "here": {"type": "terminal"}},
        "routes": [
            {"name": "bridge", "match": {"kind": "bridge"}, "channels": ["here"]},
            {"name": "quiet", "match": {"object_id": "ins-00000003"}, "channels": []},
        ],
        "default_channels": ["tickets"],
    }


async def a_day(bridge, endpoint):
    """One alarm is told, re-sent and not told again; one is refused; one is for nobody; a body is no alarm."""
    await bridge.accept(callback(1), callback(1))
    await bridge.idle()
    endpoint.next.append(Behaviour(status=400, body="no such queue"))
    await bridge.accept(callback(2))
    await bridge.log("attempt", becomes="dead")
    await bridge.log("an alarm of the bridge's own")
    await bridge.accept(callback(3), b'{"hello": "world"}')
    await bridge.idle()


def run(words, place):
    """Run a command line of the page; give all that it prints."""
    name, *arguments = shlex.split(words)[1:]
    result = CliRunner().invoke(app, [name, "-c", str(place / "config.yaml"), *arguments])
    return result.stdout + result.stderr


def compared(text):
    """Give a text without what differs from run to run."""
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return "\n".join(line.strip() for line in text.splitlines())


def renamed(words, names):
    """Give a command line with the ids of this run."""
    return " ".join(names.get(word, word) for word in words.split(" "))


async def test_each_command_prints_what_stands_beside_it(runner):
    page = PAGE.read_text()
    names: dict[str, str] = {}
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))
        await a_day(bridge, endpoint)
        for commands, printed in EXAMPLE.findall(page):
            lines = [renamed(line, names) for line in commands.splitlines()]
            said = "".join([await asyncio.to_thread(run, line, runner.place) for line in lines])
            said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9000", said).replace(
                str(runner.place), "/var/lib/alarm-bridge"
            )
            if os.environ.get("WRITE_EXPECTED"):
                page = page.replace(f"```text\n{printed}```", f"```text\n{said}```", 1)
                PAGE.write_text(page)
            else:
                assert compared(said) == compared(printed), f"{commands}\n{said}"
                names |= dict(zip(ID.findall(printed), ID.findall(said), strict=False))
        await until(lambda: len(endpoint.received) >= 5, "what was sent again arrives")


def test_the_page_has_its_commands():
    asked = [line.split()[1] for commands, _ in EXAMPLE.findall(PAGE.read_text()) for line in commands.splitlines()]
    assert asked == ["callbacks", "explain", "alarms", "deliveries", "deliveries", "replay", "close", "test-channel"]
