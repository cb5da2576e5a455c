"""Compare the bridge with Alertmanager on the same work: `make bench`, or `python -m benchmarks.compare --help`.

Machines differ and are noisy, so the two run in turn, several times, and what counts is the median of the rounds'
ratios. In each round either program starts with nothing stored and gets:

1. a burst as fast as the answers come ("fresh"); 2. more, until 24,000 alarms are open; 3. a second burst of the
first's size; 4. 200 alarms a second, for some seconds. Then it starts anew, and gets 5. the same 200 a second.

The exit code is 0 where every limit holds, 1 where one does not, and 2 where Alertmanager is not installed.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Sink, Tally, all_arrived, burst, numbered, steady
from benchmarks.programs import Program, Serving, alertmanager, free_port, programs, serving

try:
    import uvloop
except ImportError:
    LOOP = None
else:
    LOOP = uvloop.new_event_loop

OPEN = 24_000  # alarms, in the second half
RATE = 200.0  # a second, in the steady part
Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What must hold of the bridge's figure divided by Alertmanager's, or of the bridge's `alone`."""

    title: str
    figure: str
    least: float | None = None
    most: float | None = None
    alone: bool = False
    unit: str = ""

    @property
    def free(self) -> bool:
        """Say whether the figure is shown only."""
        return self.least is None and self.most is None

    def holds(self, value: float) -> bool:
        """Say whether it does."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        if self.free:
            return "(no limit)"
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


LIMITS = (
    Limit(title="acknowledged/s, fresh", figure="acknowledged_fresh", least=0.45, unit="/s"),
    Limit(title="acknowledged/s, 24,000 open", figure="acknowledged_open", least=0.8, unit="/s"),
    Limit(title="delivered/s one by one, fresh", figure="delivered_fresh", least=0.45, unit="/s"),
    Limit(title="delivered/s one by one, 24,000 open", figure="delivered_open", least=1.0, unit="/s"),
    Limit(title="p99 end to end, 24,000 open", figure="p99_open_ms", most=0.1, unit="ms"),
    Limit(title="p99 end to end at 200/s, 24,000 open", figure="p99_steady_ms", most=0.1, unit="ms"),
    Limit(title="p99 end to end at 200/s, fresh", figure="p99_steady_fresh_ms", unit="ms"),
    Limit(title="memory, 24,000 open", figure="memory_mib", most=0.25, unit="MiB"),
    Limit(title="own rate, 24,000 open / fresh", figure="own_rate", least=0.85, alone=True),
    Limit(title="lost", figure="lost", most=0, alone=True),
    Limit(title="duplicates", figure="duplicates", most=0, alone=True),
)


def main() -> int:
    """Run the rounds, print the table, and give the exit code."""
    options = arguments()
    wanted = [program for name, program in programs().items() if options.only in (None, name)]
    if any(program.name == "alertmanager" for program in wanted) and not alertmanager():
        print(
            "Alertmanager is not installed. On Debian or Ubuntu: apt install prometheus-alertmanager", file=sys.stderr
        )
        print("To measure the bridge by itself: make bench ARGS='--only bridge'", file=sys.stderr)
        return 2
    rounds = [dict(one_round(wanted, number, options)) for number in range(options.rounds)]
    rows = [judged(limit, rounds) for limit in LIMITS]
    print_table(rows, rounds)
    if options.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        options.json.write_text(json.dumps({"machine": machine, "rows": rows, "rounds": rounds}, indent=1) + "\n")
    return 0 if all(row["holds"] is not False for row in rows) else 1


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often either program runs (3)")
    parser.add_argument("--burst", type=int, default=6000, help="alarms in a measured burst (6000)")
    parser.add_argument("--connections", type=int, default=64, help="callers at once in a burst (64)")
    parser.add_argument("--steady", type=float, default=10, help="seconds of the steady part (10)")
    parser.add_argument("--only", choices=list(programs()), help="measure one program, without ratios")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    return parser.parse_args()


def one_round(wanted: list[Program], number: int, options: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Run each program, the other first in every second round."""
    for program in wanted if number % 2 == 0 else wanted[::-1]:
        with tempfile.TemporaryDirectory(prefix="bench-") as place, asyncio.Runner(loop_factory=LOOP) as runner:
            figures = runner.run(measure(program, Path(place), options))
        print(f"round {number + 1}, {program.name}: {shown(figures)}", file=sys.stderr, flush=True)
        yield program.name, figures


async def measure(program: Program, place: Path, options: argparse.Namespace) -> Figures:
    """Give one round's figures of one program."""
    tally, sink = Tally(), free_port()
    current = [tally]
    server = await asyncio.get_running_loop().create_server(lambda: Sink(lambda: current[0]), "127.0.0.1", sink)
    numbers = itertools.count(1)
    with contextlib.closing(server):
        with serving(program, place / "first", sink) as running:
            fresh = await run_burst(running, current, numbers, options.burst, options)
            more = await run_burst(running, current, numbers, OPEN - options.burst, options)
            loaded = await run_burst(running, current, numbers, options.burst, options)
            memory = running.memory_bytes()
            evenly = await run_steady(running, current, numbers, options)
        with serving(program, place / "second", sink) as running:
            evenly_fresh = await run_steady(running, current, numbers, options)
    tallies = (fresh, more, loaded, evenly, evenly_fresh)
    return {
        "acknowledged_fresh": per_second(fresh, fresh.acknowledged),
        "acknowledged_open": per_second(loaded, loaded.acknowledged),
        "delivered_fresh": per_second(fresh, fresh.arrived),
        "delivered_open": per_second(loaded, loaded.arrived),
        "p99_fresh_ms": p99_ms(fresh),
        "p99_open_ms": p99_ms(loaded),
        "p99_steady_ms": p99_ms(evenly),
        "p99_steady_fresh_ms": p99_ms(evenly_fresh),
        "memory_mib": memory / 2**20,
        "own_rate": per_second(loaded, loaded.acknowledged) / per_second(fresh, fresh.acknowledged),
        "refused": sum(tally.refused for tally in tallies),
        "lost": sum(len(tally.acknowledged.keys() - tally.arrived.keys()) for tally in tallies),
        "duplicates": sum(tally.duplicates for tally in tallies),
    }


async def run_burst(
    running: Serving, current: list[Tally], numbers: Iterator[int], count: int, options: argparse.Namespace
) -> Tally:
    """Post so many alarms as fast as the answers come, and wait for their messages."""
    current[0] = tally = Tally()
    await burst(running.port, numbered(numbers, count, running.request), tally, connections=options.connections)
    await all_arrived(tally)
    return tally


async def run_steady(
    running: Serving, current: list[Tally], numbers: Iterator[int], options: argparse.Namespace
) -> Tally:
    """Post 200 alarms a second, and wait for their messages."""
    current[0] = tally = Tally()
    requests = numbered(numbers, int(RATE * options.steady), running.request)
    await steady(running.port, requests, tally, rate=RATE, connections=options.connections)
    await all_arrived(tally)
    return tally


def per_second(tally: Tally, done: dict[int, float]) -> float:
    """Count what was done a second, from the first post to the last of it."""
    if not done:
        return 0.0
    return len(done) / (max(done.values()) - min(tally.posted.values()))


def p99_ms(tally: Tally) -> float:
    """Give the time that 99 in 100 messages took at most, in milliseconds."""
    took = sorted(at - tally.posted[number] for number, at in tally.arrived.items() if number in tally.posted)
    return 1000.0 * took[int(0.99 * (len(took) - 1))] if took else float("inf")


def judged(limit: Limit, rounds: list[dict[str, Figures]]) -> dict[str, object]:
    """Make a row of the table: medians, what is compared with the limit, and whether it holds."""
    medians = {name: statistics.median(figures[name][limit.figure] for figures in rounds) for name in rounds[0]}
    value = compared(limit, rounds)
    holds = None if value is None or limit.free else limit.holds(value)
    return {"title": limit.title, "unit": limit.unit, **medians, "value": value, "limit": str(limit), "holds": holds}


def compared(limit: Limit, rounds: list[dict[str, Figures]]) -> float | None:
    """Give the median of the rounds' ratios, or the bridge's own: of what must never be, the worst round's."""
    if limit.alone and "bridge" in rounds[0]:
        own = [row["bridge"][limit.figure] for row in rounds]
        return max(own) if limit.most == 0 else statistics.median(own)
    if limit.alone or len(rounds[0]) < 2:
        return None
    figure = limit.figure
    return statistics.median(row["bridge"][figure] / (row["alertmanager"][figure] or float("nan")) for row in rounds)


def print_table(rows: list[dict[str, object]], rounds: list[dict[str, Figures]]) -> None:
    """Print the table as Markdown, which `docs/performance.md` shows."""
    names = [name for name in ("bridge", "alertmanager") if name in rounds[0]]
    print("| | " + " | ".join(names) + " | ratio | must be | |")
    print("| --- |" + " ---: |" * (len(names) + 2) + " --- |")
    for row in rows:
        cells = [f"{number(row[name])} {row['unit']}".strip() for name in names]
        verdict = {True: "holds", False: "**missed**", None: ""}[row["holds"]]  # type: ignore[index]
        print(f"| {row['title']} | {' | '.join(cells)} | {number(row['value'])} | {row['limit']} | {verdict} |")


def number(value: object) -> str:
    """Write a number shortly."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def shown(figures: Figures) -> str:
    """Write a round's figures in a line."""
    return ", ".join(f"{name} {number(value)}" for name, value in figures.items())


if __name__ == "__main__":
    sys.exit(main())
