"""`make mutants`: changes the code in small ways and sees whether the tests notice. Names of modules choose some."""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.mutants.running import COPY, Failed, run_part
from tests.mutants.survivors import Mutant, Survivor, explained, tally
from tests.mutants.table import PARTS, Part

EXPLAINED = Path(__file__).parent / "explained.txt"


def main() -> int:
    """Show the mutants to the tests; give 1 where one lives that is not explained."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("modules", nargs="*", help="such as retry or store/lower; unless given: all of the table")
    given = parser.parse_args()
    modules = {module for part in PARTS for module in part.modules}
    if unknown := set(given.modules) - modules:
        parser.error(f"nothing is called {', '.join(sorted(unknown))}: there are {', '.join(sorted(modules))}")
    parts = [part for part in PARTS if not given.modules or set(given.modules) & set(part.modules)]
    began, total, living = time.monotonic(), 0, list[Survivor]()
    try:
        for part in parts:
            count, found = _tried(part, given.workers, began)
            total, living = total + count, living + found
    except Failed as error:
        print(error)
        return 1
    known = {mutant for one in explained(EXPLAINED.read_text()) for mutant in one.mutants}
    _print_needless(known, {file for part in parts for file in part.files}, living)
    new = [one for one in living if one.mutant not in known]
    _print_new(new)
    print(f"{total:,} mutants, {total - len(living):,} killed, {len(living) - len(new)} explained, {len(new)} not")
    return 1 if new or not total else 0


def _tried(part: Part, workers: int, began: float) -> tuple[int, list[Survivor]]:
    name = ", ".join(part.modules)

    def tell(how_far: str) -> None:
        print(f"{(time.monotonic() - began) / 60:5.1f} min  {name}: {how_far}", flush=True)

    tell("made and shown to mypy first")
    before = _processor_minutes()
    run_part(part, workers, tell)
    total, living = tally(COPY, part.files)
    tell(f"{total} mutants, {len(living)} live, {_processor_minutes() - before:.1f} min of processor time")
    return total, living


def _processor_minutes() -> float:
    """Give the time that all that was started and is over has worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def _print_needless(known: Iterable[Mutant], files: set[str], living: Iterable[Survivor]) -> None:
    alive = {one.mutant for one in living}
    for mutant in known:
        if mutant.file in files and mutant not in alive:
            print(f"explained, but killed by now: {mutant.file} {mutant.function}\n{mutant}")


def _print_new(new: Iterable[Survivor]) -> None:
    for (file, function), group in groupby(new, key=lambda one: (one.mutant.file, one.mutant.function)):
        print(f"\n{file} {function}")
        for one in group:
            print(f"  {file}:{one.line} {one.why}\n{one.mutant}")


if __name__ == "__main__":
    sys.exit(main())
