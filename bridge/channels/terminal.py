"""The terminal: prints messages where `serve` runs."""

import asyncio
import io
import select
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from bridge.alarm import State
from bridge.channels.kind import Kind, Tools
from bridge.message import Answer, Call, Step, Verdict
from bridge.settings import ChannelSettings

CHUNK = 1024  # letters, of four bytes at most: what a pipe with room takes at once (PIPE_BUF, pipe(7))
LOOK_AGAIN = 0.05  # seconds between two looks whether there is room

RED, GREEN, YELLOW, GREY = "31", "32", "33", "90"
COLOURS = {
    State.TRIGGERED: RED,
    State.ESCALATED: RED,
    State.REPEAT: YELLOW,
    State.UNRECOGNISED: YELLOW,
    State.RECOVERED: GREEN,
    State.EXPIRED: GREY,
    State.CLOSED: GREY,
    State.REPLACED: GREY,
}


class TerminalSettings(ChannelSettings):
    """A channel of type `terminal`."""

    type: Literal["terminal"] = "terminal"


class Terminal:
    """Prints, without letting a reader who has stopped reading hold the loop."""

    def __init__(self, settings: TerminalSettings, tools: Tools) -> None:
        self._out = tools.out
        self._timeout_seconds = settings.timeout.total_seconds()
        self._has_colours = _is_terminal(tools) and not tools.environ.get("NO_COLOR")

    async def post(self, call: Call) -> Verdict:
        """Print the message and an empty line."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._print(self._coloured(call))
        except TimeoutError:
            return Verdict(answer=Answer.RETRY, said="nobody reads the output", throttled=True)
        except (BrokenPipeError, ValueError):
            return Verdict(answer=Answer.BROKEN, said="the output is closed")
        except OSError as error:
            return Verdict(answer=Answer.RETRY, said=f"the output takes nothing: {error.strerror}")
        return Verdict(answer=Answer.SENT, said="printed")

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give the text."""
        return {"text": call.message.text}

    async def close(self) -> None:
        """Leave the output open: it is not the channel's."""

    def _coloured(self, call: Call) -> str:
        first, newline, rest = call.message.text.strip("\n").partition("\n")
        colour = COLOURS.get(call.state) if self._has_colours and call.state else None
        return f"\x1b[{colour}m{first}\x1b[0m{newline}{rest}\n\n" if colour else f"{first}{newline}{rest}\n\n"

    async def _print(self, text: str) -> None:
        """Write piece by piece, each when there is room for it, and in a thread all the same."""
        encoding = self._out.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        poll = _poll_of(self._out)
        for start in range(0, len(text), CHUNK):
            while poll is not None and not poll.poll(0):  # noqa: ASYNC110 - the system sets no asyncio.Event
                await asyncio.sleep(LOOK_AGAIN)
            await asyncio.to_thread(self._write, text[start : start + CHUNK])

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _is_terminal(tools: Tools) -> bool:
    try:
        return tools.out.isatty()
    except ValueError:  # it is closed
        return False


def _poll_of(out: TextIO) -> "select.poll | None":
    """Watch the output for room; None where it is no file of the system's and never blocks."""
    try:
        descriptor = out.fileno()
    except io.UnsupportedOperation:
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll


KIND = Kind(
    settings=TerminalSettings,
    open=Terminal,
    steps=frozenset({Step.POST}),
    formats=("txt",),
    dialect="terminal",
    chat=False,
    idempotent=True,
    one_by_one=True,
)
