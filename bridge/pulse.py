"""Whether a worker works, for whoever watches the bridge from outside."""

from bridge.clock import Clock

STUCK_SECONDS = 120.0  # a worker's loop turns every 30 s at least
STUCK_ATTEMPT_SECONDS = 900.0  # much more than any call takes


class Pulse:
    """When a worker's loop last turned, and when one of its attempts last began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turned_at = self._moved_at = clock.monotonic()

    def turned(self) -> None:
        """Note a turn of the loop."""
        self._turned_at = self._clock.monotonic()

    def moved(self) -> None:
        """Note the beginning of an attempt."""
        self._moved_at = self._clock.monotonic()

    def stuck(self, *, turns: bool, is_busy: bool) -> str:
        """Say in what it is stuck; empty where it is not. `turns`: the loop should; `is_busy`: calls are under way."""
        turned, moved = (self._clock.monotonic() - at for at in (self._turned_at, self._moved_at))
        if turns and turned > STUCK_SECONDS:
            return f"the worker has not turned for {round(turned)} s"
        if is_busy and moved > STUCK_ATTEMPT_SECONDS:
            return f"a call has been under way for {round(moved)} s"
        return ""
