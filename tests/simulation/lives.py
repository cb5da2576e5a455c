"""Lives of alarms as Tencent tells them, in time and out of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from tests.simulation.scenario import Told

POLICIES = ("p0", "p1", "p2", "p3", "p4")
LATE = (600, 3000)  # seconds
STEP = 300


@dataclass(slots=True)
class Teller:
    """Tells lives; every callback that it makes is new, but for its copies."""

    random: Random
    span: int  # seconds in which lives begin
    counted: Counter[str] = field(default_factory=Counter)
    _serials: Iterator[int] = field(default_factory=lambda: count(1000))

    def all(self, least: int) -> list[Told]:
        """Tell lives until there are callbacks enough."""
        told: list[Told] = []
        number = 0
        while sum(1 + len(one.copies) for one in told) < least:
            life = self.random.choice(LIVES)
            policy, watched = self.random.choice(POLICIES), f"ins-{number:04d}"
            told += [
                self._disturbed(replace(one, policy=policy, watched=watched))
                for one in life(self, self.random.randrange(self.span))
            ]
            number += 1
        return told

    def say(self, moment: int, **fields: object) -> Told:
        """Make a callback that speaks of a moment and comes soon after it."""
        serial = next(self._serials)
        given = {"session": f"s{serial}", "at": moment + self.random.uniform(1, 90), **fields}
        return Told(serial=serial, **given)  # type: ignore[arg-type]  # each field is checked by its maker

    def _disturbed(self, told: Told) -> Told:
        """Do to a callback what networks and nine bindings do."""
        dice = self.random.random()
        if dice < 0.12:
            self.counted["nine bindings"] += 1
            return replace(told, copies=tuple(self.random.uniform(0, 2) for _ in range(self.random.randint(1, 8))))
        if dice < 0.2:
            self.counted["sent again later"] += 1
            return replace(told, copies=(self.random.uniform(5, 4000),))
        if dice < 0.28:
            self.counted["late"] += 1
            return replace(told, at=told.at + self.random.uniform(*LATE))
        if dice < 0.36:
            self.counted["hung up on"] += 1
            return replace(told, impatient=True)
        return told


def ordinary(teller: Teller, began: int) -> list[Told]:
    times = teller.random.randint(0, 4)
    steps = [STEP * (one + 1) for one in range(times)]
    life = [teller.say(began + lasted, began=began, lasted=lasted) for lasted in (0, *steps)]
    return [*life, over(teller, began, STEP * (times + 1))]


def over(teller: Teller, began: int | None, lasted: int, *, since: int | None = None) -> Told:
    moment = (began if began is not None else since or 0) + lasted
    return teller.say(moment, began=began, lasted=None if began is None else lasted, ended=moment, status="0")


def escalation(teller: Teller, began: int) -> list[Told]:
    levels = ("Remind", "Warn", "Remind", "Serious")
    life = [teller.say(began + STEP * n, began=began, lasted=STEP * n, level=level) for n, level in enumerate(levels)]
    return [*life, over(teller, began, STEP * 4)]


def still(teller: Teller, began: int) -> list[Told]:
    """A sender whose duration never moves."""
    life = [teller.say(began + moment, began=began, lasted=0) for moment in (0, 150, 400, 800)]
    return [*life, over(teller, began, 900)]


def replaced(teller: Teller, began: int) -> list[Told]:
    """A second episode begins without an end of the first; sometimes the first is heard of again."""
    second = began + 900
    life = [teller.say(began, began=began), teller.say(second, began=second)]
    if teller.random.random() < 0.5:
        life.append(teller.say(second + 300, began=began, lasted=second + 300 - began))
    if teller.random.random() < 0.5:
        life.append(teller.say(second + 200, began=began, lasted=0))
    if teller.random.random() < 0.5:
        life.append(replace(over(teller, began, 1000), at=second + 700.0))
    return [*life, over(teller, second, 1200)]


def again(teller: Teller, began: int) -> list[Told]:
    life = [teller.say(began, began=began), over(teller, began, 300)]
    life.append(teller.say(began + 700, began=began, lasted=700))
    life.append(teller.say(began + 800, began=began, lasted=200))
    return [*life, over(teller, began, 1100)]


def unheard(teller: Teller, began: int) -> list[Told]:
    """A recovery, then others, of what nobody heard of."""
    life = [over(teller, began, 600)]
    life.append(replace(over(teller, began + 100, 300), at=began + 800.0))
    life.append(replace(over(teller, None, 650, since=began), at=began + 900.0))
    return life


def without_beginning(teller: Teller, began: int) -> list[Told]:
    """Callbacks that do not say when their episode began."""
    first = teller.say(began, began=None, lasted=None)
    later = [teller.say(began + moment, began=None, lasted=None) for moment in (100, 600)]
    return [first, *later, over(teller, None, 900, since=began)]


def of_another(teller: Teller, began: int) -> list[Told]:
    """A recovery that names another first occurrence."""
    return [teller.say(began, began=began), over(teller, began + 1, 600)]


def stateless(teller: Teller, began: int) -> list[Told]:
    first = teller.say(began, began=began, status="-", kind="event")
    other = teller.say(began + 60, began=began, status="-", kind="event")
    return [first, other, teller.say(began + 400, began=began + 390, status="-", kind="event")]


def out_of_order(teller: Teller, began: int) -> list[Told]:
    """A later episode is heard of first."""
    second = began + 900
    return [
        teller.say(second, began=second),
        replace(teller.say(second + 500, began=began, lasted=1400), at=second + 600.0),
        replace(teller.say(second, began=began - 300, lasted=0), at=second + 700.0),
        over(teller, second, 1500),
    ]


def forgotten(teller: Teller, began: int) -> list[Told]:
    """An alarm whose end nobody tells."""
    return [teller.say(began, began=began, kind=teller.random.choice(("metric", "event")))]


def strange(teller: Teller, began: int) -> list[Told]:
    return [teller.say(began + moment, status="?") for moment in (0, 5, 10)]


LIVES: tuple[Callable[[Teller, int], list[Told]], ...] = (
    ordinary, ordinary, ordinary, escalation, still, replaced, replaced, again, unheard, without_beginning,
    of_another, stateless, out_of_order, forgotten, strange,
)  # fmt: skip
