"""Time as the bridge sees it: one object, so that a test can bring its own."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def milliseconds(moment: datetime) -> int:
    """Count the milliseconds since 1970, as the store keeps times."""
    span = moment - EPOCH
    return (span.days * 86400 + span.seconds) * 1000 + span.microseconds // 1000


def moment(stored: int) -> datetime:
    """Undo `milliseconds`."""
    return datetime.fromtimestamp(stored / 1000, UTC)
