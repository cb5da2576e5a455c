"""Whether a chat that is down is felt by the channels beside it: `python -m benchmarks.neighbours`.

A bridge with a chat and an endpoint gets 200 alarms a second, 5,000 in all, which go to both. How long it takes until
the endpoint has them is measured twice in each round, in a bridge of its own: while the chat takes its messages, and
while its port refuses. What counts is the median of the rounds' ratios; the order changes from round to round.

The exit code is 0 where the limit holds and nothing was lost, and 1 otherwise.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
from asyncio import Server
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.compare import LOOP, RATE, p99_ms
from benchmarks.load import Sink, Tally, all_arrived, numbered, steady
from benchmarks.programs import Program, free_port, programs, serve, serving

ALARMS = 5000
CONNECTIONS = 16
MOST = 1.2  # times what it was
CONFIG = """\
server:
  listen: 127.0.0.1:{port}
  auth: {{tokens: ["${{BENCH_TOKEN}}"]}}
console: {{listen: "off"}}
store: sqlite:///bench.db
channels:
  sink: {{type: webhook, url: "http://127.0.0.1:{sink}/hook"}}
  chat: {{type: slack_webhook, url: "http://127.0.0.1:{chat}/hook"}}
default_channels: [sink, chat]
"""


def main() -> int:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--alarms", type=int, default=ALARMS, help=f"alarms in each ({ALARMS:,})")
    options = parser.parse_args()
    rounds = [one_round(number, options.alarms) for number in range(options.rounds)]
    well, down = (statistics.median(row[state] for row in rounds) for state in (True, False))
    ratio = statistics.median(row[False] / row[True] for row in rounds)
    holds = ratio <= MOST
    print("| p99 of the endpoint beside it | chat takes | chat is down | ratio | must be | |")
    print("| --- | ---: | ---: | ---: | --- | --- |")
    verdict = "holds" if holds else "**missed**"
    print(f"| at {RATE:.0f} alarms a second | {well:.3g} ms | {down:.3g} ms | {ratio:.3g} | <= {MOST} | {verdict} |")
    return 0 if holds else 1


def one_round(number: int, alarms: int) -> dict[bool, float]:
    """Measure both, the one with the chat down first in every second round."""
    took = {}
    for takes in (True, False) if number % 2 == 0 else (False, True):
        with tempfile.TemporaryDirectory(prefix="bench-") as place, asyncio.Runner(loop_factory=LOOP) as runner:
            took[takes] = runner.run(measure(Path(place), alarms, takes=takes))
        state = "takes" if takes else "is down"
        print(f"round {number + 1}, the chat {state}: {took[takes]:.3g} ms", file=sys.stderr, flush=True)
    return took


async def measure(place: Path, alarms: int, *, takes: bool) -> float:
    """Give the p99 of the endpoint beside a chat, in milliseconds."""
    tally, told, sink, chat = Tally(), Tally(), free_port(), free_port()

    def command(at: Path, port: int, sink: int) -> list[str]:
        return serve(at, CONFIG.format(port=port, sink=sink, chat=chat))

    program = Program(name="bridge", command=command, ready="/readyz", request=programs()["bridge"].request)
    with ExitStack() as stack:
        stack.enter_context(closing(await listen(sink, tally)))
        if takes:
            stack.enter_context(closing(await listen(chat, told)))
        running = stack.enter_context(serving(program, place / "bridge", sink))
        requests = numbered(itertools.count(1), alarms, running.request)
        await steady(running.port, requests, tally, rate=RATE, connections=CONNECTIONS)
        await all_arrived(tally)
    if len(tally.arrived) < alarms or (takes and not told.arrived):
        raise SystemExit(f"{len(tally.arrived)} of {alarms} alarms reached the endpoint, {len(told.arrived)} the chat")
    return p99_ms(tally)


async def listen(port: int, tally: Tally) -> Server:
    """Take messages at a port."""
    return await asyncio.get_running_loop().create_server(lambda: Sink(lambda: tally), "127.0.0.1", port)


if __name__ == "__main__":
    sys.exit(main())
