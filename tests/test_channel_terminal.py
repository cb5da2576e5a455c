"""The channel `terminal`: what is printed, and what happens when nobody reads it."""

import asyncio
import contextlib
import io
import os

import pytest

from bridge.alarm import State
from bridge.message import Answer
from tests.fakes.channels import a_call, a_channel, a_message, some_tools

TEXT = "TRIGGERED serious: CPU utilization\n95 % > 90 %"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Failing(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


async def printed(out: io.StringIO, *, environ=None, state=State.TRIGGERED, text=TEXT) -> str:
    async with a_channel("terminal", tools=some_tools(out=out, environ=environ)) as channel:
        verdict = await channel.post(a_call(a_message(text), state=state))
    assert (verdict.answer, verdict.said) == (Answer.SENT, "printed")
    return out.getvalue()


async def test_a_message_is_printed_as_it_is_and_followed_by_an_empty_line():
    assert await printed(io.StringIO()) == f"{TEXT}\n\n"


async def test_blank_lines_around_a_message_are_not_printed():
    assert await printed(io.StringIO(), text=f"\n{TEXT}\n\n\n") == f"{TEXT}\n\n"


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        (State.TRIGGERED, 31),
        (State.ESCALATED, 31),
        (State.REPEAT, 33),
        (State.UNRECOGNISED, 33),
        (State.RECOVERED, 32),
        (State.EXPIRED, 90),
        (State.CLOSED, 90),
        (State.REPLACED, 90),
    ],
)
async def test_on_a_terminal_the_first_line_has_the_colour_of_the_state(state, colour):
    shown = await printed(Terminal(), state=state)
    assert shown == f"\x1b[{colour}mTRIGGERED serious: CPU utilization\x1b[0m\n95 % > 90 %\n\n"


@pytest.mark.parametrize(
    ("environ", "coloured"), [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "xterm"}, True)]
)
async def test_no_color_switches_colours_off(environ, coloured):
    assert ("\x1b" in await printed(Terminal(), environ=environ)) is coloured


async def test_a_state_without_a_colour_is_printed_plain():
    assert await printed(Terminal(), state=None) == f"{TEXT}\n\n"
    assert await printed(Terminal(), state=State.DIGEST) == f"{TEXT}\n\n"


@pytest.mark.parametrize(
    ("error", "answer", "said"),
    [
        (BrokenPipeError(), Answer.BROKEN, "the output is closed"),
        (ValueError("I/O operation on closed file"), Answer.BROKEN, "the output is closed"),
        (OSError(28, "No space left on device"), Answer.RETRY, "the output takes nothing: No space left on device"),
    ],
)
async def test_an_output_that_fails_is_a_verdict(error, answer, said):
    async with a_channel("terminal", tools=some_tools(out=Failing(error))) as channel:
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (answer, said)


async def test_a_closed_output_is_a_verdict():
    out = io.StringIO()
    out.close()
    async with a_channel("terminal", tools=some_tools(out=out)) as channel:
        assert (await channel.post(a_call())).answer is Answer.BROKEN


async def test_a_letter_that_the_output_cannot_spell_is_spelt_out():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    async with a_channel("terminal", tools=some_tools(out=out)) as channel:
        assert (await channel.post(a_call(a_message("已触发 \ud800")))).answer is Answer.SENT
    assert out.buffer.getvalue() == b"\\u5df2\\u89e6\\u53d1 \\ud800\n\n"


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe()
    out = os.fdopen(write_end, "w", encoding="utf-8")
    yield read_end, out
    with contextlib.suppress(BrokenPipeError):
        out.close()
    os.close(read_end)


async def test_a_reader_who_has_stopped_reading_does_not_hold_the_loop(pipe):
    _, out = pipe
    async with a_channel("terminal", tools=some_tools(out=out), timeout="100ms") as channel:
        message = a_message("警" * 100_000)
        turns = asyncio.ensure_future(count_turns())
        verdict = await channel.post(a_call(message))
        turns.cancel()
    assert (verdict.answer, verdict.said, verdict.throttled) == (Answer.RETRY, "nobody reads the output", True)
    assert await turns > 3


async def count_turns() -> int:
    turns = 0
    try:
        while True:
            await asyncio.sleep(0.01)
            turns += 1
    except asyncio.CancelledError:
        return turns


async def test_a_long_message_arrives_whole_at_a_slow_reader(pipe):
    read_end, out = pipe
    text = "警" * 60_000
    reading = asyncio.ensure_future(asyncio.to_thread(read_all, read_end, len(text.encode()) + 2))
    async with a_channel("terminal", tools=some_tools(out=out)) as channel:
        assert (await channel.post(a_call(a_message(text)))).answer is Answer.SENT
    assert await reading == f"{text}\n\n"


def read_all(descriptor: int, count: int) -> str:
    read = b""
    while len(read) < count:
        read += os.read(descriptor, 4096)
    return read.decode()


async def test_a_pipe_that_nobody_holds_any_more_is_a_verdict(pipe):
    read_end, out = pipe
    os.dup2(os.open(os.devnull, os.O_RDONLY), read_end)
    async with a_channel("terminal", tools=some_tools(out=out)) as channel:
        assert (await channel.post(a_call())).answer is Answer.BROKEN


async def test_what_goes_over_the_wire_is_the_text():
    async with a_channel("terminal") as channel:
        assert channel.wire(a_call(a_message(TEXT))) == {"text": TEXT}
