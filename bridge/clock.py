"""Time as the bridge sees it: one object, so that a test can bring its own."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = 2**42  # milliseconds: until 2109 a float of seconds is exact to half a microsecond


class Clock(Protocol):
    """What every part that needs the time is given."""

    def now(self) -> datetime:
        """Give the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Give the wall-clock time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give the time since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def stored(moment: datetime) -> datetime:
    """Give a moment as the store will give it back: in whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def milliseconds(moment: datetime) -> int:
    """Count the milliseconds since 1970, as the store keeps times."""
    span = moment - EPOCH
    return (span.days * 86400 + span.seconds) * 1000 + span.microseconds // 1000


def moment(kept: int) -> datetime:
    """Undo `milliseconds`."""
    if 0 <= kept < EXACT:  # a third of the time
        return datetime.fromtimestamp(kept / 1000, UTC)
    return EPOCH + timedelta(milliseconds=kept)
