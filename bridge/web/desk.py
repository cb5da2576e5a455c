"""What the public listener asks for: the desk behind it, in this process or another one."""

from typing import Protocol

from bridge.alarm import Callback
from bridge.record import record


@record
class Taken:
    """What became of a callback; `message` says what was wrong with a body that was kept all the same."""

    is_stored: bool
    message: str = ""


class Desk(Protocol):
    """Takes what the listener let in."""

    async def take(self, callback: Callback, begun: float) -> Taken:
        """Store a callback; `begun` is when its first byte was read. Raise TimeoutError where nobody says so."""
        ...

    def turn_away(self, outcome: str, **fields: str | None) -> None:
        """Count and log a callback that was not let in."""
        ...

    async def is_ready(self) -> bool:
        """Say whether callbacks can be taken."""
        ...
