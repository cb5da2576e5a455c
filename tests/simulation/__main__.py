"""Run seeds by hand: `make simulate SEEDS=10000`, or one of them: `python -m tests.simulation --seed 7 [--shrink]`."""

import argparse
import os
import sys
import time

from tests.simulation.making import make
from tests.simulation.seeds import Outcome, trace, try_scenario, try_seeds
from tests.simulation.shrinking import shrink
from tests.simulation.world import run

SHOWN = 20  # promises of a seed
TOLD_EVERY = 100  # seeds


def main() -> int:
    """Do what the command line says; give 1 where a promise was broken or something never met."""
    options = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    options.add_argument("--seeds", type=int, default=200, help="how many")
    options.add_argument("--first", type=int, default=0, help="the first of them")
    options.add_argument("--seed", type=int, help="this one alone, with all that happens in it")
    options.add_argument("--shrink", action="store_true", help="leave out of it what is not needed")
    options.add_argument("--trace", action="store_true", help="print a digest of each instead")
    options.add_argument("--processes", type=int, help="at once; else as many as there are processors")
    given = options.parse_args()
    if given.trace:
        for seed in range(given.first, given.first + given.seeds) if given.seed is None else (given.seed,):
            print(trace(run(make(seed))))
        return 0
    if given.seed is None:
        return many(given.first, given.seeds, given.processes)
    return one(given.seed, is_shrunk=given.shrink)


def many(first: int, seeds: int, processes: int | None) -> int:
    """Run many."""
    begun = time.perf_counter()

    def tell(number: int, one: Outcome) -> None:
        for seed, wrong in one.broken.items():
            print(f"seed {seed}: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""), flush=True)
        if number % TOLD_EVERY == 0 and number < seeds:
            print(f"{number} of {seeds} seeds in {time.perf_counter() - begun:.0f} s", flush=True)

    total = try_seeds(range(first, first + seeds), processes, tell)
    print("\n".join(total.lines()))
    never = total.never()
    print("never met:", ", ".join(never) or "nothing")
    print(f"{seeds} seeds in {time.perf_counter() - begun:.0f} s, {len(total.broken)} broke a promise")
    return 1 if total.broken or never else 0


def one(seed: int, *, is_shrunk: bool) -> int:
    """Run one and show it."""
    scenario = make(seed)
    wrong = try_scenario(scenario).broken.get(seed, [])
    if wrong and is_shrunk:
        scenario = shrink(scenario, wrong[0].partition(":")[0])
        wrong = try_scenario(scenario).broken[seed]
    print(scenario.plan)
    for line in (*scenario.told, *scenario.faults):
        print(line)
    print("\n".join(wrong[:SHOWN]) or "every promise was kept")
    return 1 if wrong else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # so that sets of texts have one order
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
