"""How fast a channel may go. Pure: the time is an argument, in seconds that never go back."""

from collections.abc import Hashable, Iterable
from datetime import datetime

BURST = 3  # messages at once before the spacing holds: Slack takes that, and answers 60 at once with 429
FIRST_LIMIT = 4  # requests under way
HIGHEST_LIMIT = 32


class Spacing:
    """Keeps messages apart, but for a short burst: a budget, for one channel or for all that draw on it."""

    def __init__(self, rate: float | None, burst: int = BURST, name: str = "") -> None:
        """Allow `rate` messages a second; None is no limit. `name`: of one whose pauses a restart must not forget."""
        self.name = name
        self._burst = burst
        self._due = 0.0  # when the next message would be due were they spaced evenly
        self._paused_until = 0.0
        self.change(rate)

    def change(self, rate: float | None) -> None:
        """Allow another rate from now on."""
        self._interval = 1 / rate if rate else 0.0
        self._slack = self._interval * (self._burst - 1)

    def wait_seconds(self, now: float) -> float:
        """Give how long the next message has to wait."""
        return max(0.0, self._due - self._slack - now, self._paused_until - now)

    def pause_seconds(self, now: float) -> float:
        """Give how long the platform is still to be left alone, whatever was counted."""
        return max(0.0, self._paused_until - now)

    def pause(self, seconds: float, now: float) -> bool:
        """Send nothing for so long: the platform asks for it. Say whether that is longer than was asked before."""
        is_longer = now + seconds > self._paused_until
        self._paused_until = max(self._paused_until, now + seconds)
        return is_longer

    def take(self, now: float) -> None:
        """Count a message."""
        self._due = max(self._due, now) + self._interval

    def correct(self, calls: int) -> None:
        """Put right what was counted as one: nothing was sent after all, or more."""
        self._due += self._interval * (calls - 1)


class Budgets:
    """One spacing for all that a platform counts together, such as the channels that post into one room."""

    def __init__(self) -> None:
        self._known: dict[str, Spacing] = {}

    def of(self, name: str, rate: float | None, *, paused_until: float = 0.0) -> Spacing:
        """Give the budget of this name, which has this rate from now on; a new one goes on with a pause from before."""
        spacing = self._known.get(name)
        if spacing is None:
            spacing = self._known[name] = Spacing(rate, name=name)
            spacing.pause(paused_until, 0.0)
        spacing.change(rate)
        return spacing


def slowest(rates: Iterable[tuple[Hashable, float | None]]) -> dict[Hashable, float | None]:
    """Give the rate of each budget: the slowest that is asked for it."""
    found: dict[Hashable, float | None] = {}
    for key, rate in rates:
        known = found.get(key)
        found[key] = min(rate, known) if rate and known else rate or known
    return found


def seconds_left(until: datetime, begun: datetime | None, now: datetime) -> float:
    """Say how much is left of a pause from before: never more than its length, should the wall clock be set back."""
    left = (until - now).total_seconds()
    return max(0.0, left if begun is None else min(left, (until - begun).total_seconds()))


class Window:
    """How many requests may be under way: one more after each round that went well, half on trouble."""

    def __init__(self, lowest: int = FIRST_LIMIT, highest: int = HIGHEST_LIMIT) -> None:
        self.limit = lowest
        self._highest = highest
        self._well = 0

    def went_well(self) -> None:
        """Count an answer that was as hoped."""
        self._well += 1
        if self._well >= self.limit:
            self._well = 0
            self.limit = min(self.limit + 1, self._highest)

    def throttled(self) -> None:
        """Note that the platform has too much to do."""
        self._well = 0
        self.limit = max(1, self.limit // 2)
