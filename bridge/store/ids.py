"""Ids: 63-bit integers, ordered in time, given by the only writer inside its transaction."""

from random import Random

from sqlalchemy import Connection

from bridge.clock import Clock, milliseconds
from bridge.store import statements
from bridge.store.facts import last_number, receiving_seconds

BITS = 20  # a million ids a millisecond
SHORTEST, LARGEST = 13, 2**63 - 1  # digits, since ids of the store have 16 or more; and what SQLite counts to


def read_id(text: str) -> int:
    """Read an id as a person gives it; 0 where it can be none."""
    if not text.isdecimal() or not SHORTEST <= len(text) <= len(str(LARGEST)):
        return 0
    return int(text) if int(text) <= LARGEST else 0


class IdSequence:
    """Gives ids and the episodes' numbers, each higher than all that the store holds."""

    def __init__(self, clock: Clock, *, salt: int, last: int, number: int, receiving_seconds: int) -> None:
        self._clock = clock
        self._salt = salt  # two bridges that deliver to one endpoint must not give one id in one millisecond
        self._last = last
        self.last_number = number
        self.receiving_seconds = receiving_seconds
        self.fresh: set[int] = set()  # ids of episodes that this transaction makes

    @classmethod
    def after(cls, connection: Connection, clock: Clock, random: Random) -> "IdSequence":
        """Go on where the store ends, also where the clock went back meanwhile."""
        last = max(connection.execute(highest).scalar() or 0 for highest in statements.highest_id.values())
        # what was deleted had numbers, too: a short id in an old message must never mean another alarm
        number = max(connection.execute(statements.highest_number).scalar() or 0, last_number(connection))
        salt = random.getrandbits(BITS - 1)
        return cls(clock, salt=salt, last=last, number=number, receiving_seconds=receiving_seconds(connection))

    def begin(self) -> None:
        """Come up to the present, as a transaction begins; it gives ids by counting on."""
        self._last = max(self._last, self.at(milliseconds(self._clock.now())) + self._salt)
        self.fresh.clear()

    def next(self) -> int:
        """Give an id: higher than all before."""
        self._last += 1
        return self._last

    def number(self) -> int:
        """Give the next episode's number."""
        self.last_number += 1
        return self.last_number

    def episode(self) -> int:
        """Give an id for a new episode."""
        fresh = self.next()
        self.fresh.add(fresh)
        return fresh

    @staticmethod
    def at(milliseconds_: int) -> int:
        """Give the lowest id of a moment."""
        return milliseconds_ << BITS
