"""Many seeds, as many at once as there are processors: what they met, and which of them broke a promise."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from multiprocessing import get_context

from tests.simulation import chat
from tests.simulation.judging import judge
from tests.simulation.making import CHANNEL_FAULTS, OTHER_FAULTS, make
from tests.simulation.scenario import Scenario
from tests.simulation.store import folder
from tests.simulation.table import ROWS
from tests.simulation.world import History, run

DISTURBANCES = ("nine bindings", "sent again later", "late", "hung up on")
VERDICTS = ("sent", "retry", "rejected", "broken", "ambiguous", "gone")
MET = (chat.GONE, chat.TEMPLATE, "given up", chat.LINKED, chat.LEFT_OUT)
FAULTS = tuple(sorted({*CHANNEL_FAULTS, *OTHER_FAULTS, *DISTURBANCES, *MET}))


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a seed, or of many."""

    broken: dict[int, list[str]] = field(default_factory=dict)  # seed → the promises that it broke
    rows: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        self.broken |= other.broken
        self.rows += other.rows
        self.verdicts += other.verdicts
        self.faults += other.faults

    def never(self) -> list[str]:
        """Name what was never met, and should have been."""
        return [
            f"{what}: {name}"
            for what, names, met in (
                ("row", ROWS, self.rows),
                ("verdict", VERDICTS, self.verdicts),
                ("fault", FAULTS, self.faults),
            )
            for name in names
            if not met[name]
        ]

    def lines(self) -> Iterator[str]:
        """Say how often each was met."""
        for what, met in (("rows", self.rows), ("verdicts", self.verdicts), ("faults", self.faults)):
            yield f"{what}:"
            yield from (f"  {times:8} {name}" for name, times in met.most_common())


def try_seed(seed: int) -> Outcome:
    """Run a seed."""
    return try_scenario(make(seed))


def try_scenario(scenario: Scenario) -> Outcome:
    """Run a scenario and judge it."""
    history = run(scenario)
    wrong, seen = judge(history)
    return Outcome(
        broken={scenario.seed: wrong} if wrong else {},
        rows=seen.model.rows,
        verdicts=Counter(answer for _, _, answer in history.attempts),
        faults=history.met + Counter(scenario.notes),
    )


def try_seeds(
    seeds: Iterable[int],
    processes: int | None = None,
    tell: Callable[[int, Outcome], None] = lambda _number, _one: None,
) -> Outcome:
    """Run many seeds; `tell` hears of each as it ends, and how many have."""
    total = Outcome()
    with ProcessPoolExecutor(processes or os.cpu_count(), mp_context=get_context("forkserver")) as pool:
        for number, outcome in enumerate(pool.map(try_seed, seeds, chunksize=4), 1):
            total.add(outcome)
            tell(number, outcome)
    return total


def trace(history: History) -> str:
    """Give a digest of all that was seen of a run: equal for equal runs."""
    seen = [*history.requests, *history.acknowledged, *history.callbacks, *history.events, *history.deliveries]
    text = repr([*seen, *history.attempts, history.kills]).replace(str(folder()), "")  # a template that fails names it
    return blake2b(text.encode(), digest_size=16).hexdigest()
