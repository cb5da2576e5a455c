"""The edge's desk: what it keeps of the callbacks that came in."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from bridge import sources
from bridge.alarm import Callback
from bridge.edge.desk import MOST_BYTES, MOST_KEPT, WireDesk

NOW = datetime(2026, 11, 27, 8, 0, 0, tzinfo=UTC)


class Wire:
    """Says nothing to anybody."""

    def __init__(self):
        self.numbers = []

    def send(self, _kind, number, *_rest):
        self.numbers.append(number)


async def kept(*bodies):
    """Give what is kept of these."""
    wire = Wire()
    desk = WireDesk(cast("Any", wire), 1)
    taking = []
    for body in bodies:
        callback = Callback(body=body, received_at=NOW, reading=sources.read(body, NOW))
        taking.append(asyncio.create_task(desk.take(callback, 0.0)))
    await asyncio.sleep(0)
    for number in wire.numbers:
        desk.stored(number, True, "")
    await asyncio.gather(*taking)
    return [desk.kept(number) for number in wire.numbers]


async def test_a_large_callback_is_not_kept_since_a_thousand_would_be_a_gibibyte():
    small, large = b"x" * MOST_BYTES, b"x" * (MOST_BYTES + 1)
    assert await kept(small, large) == [(small, None), None]


async def test_the_newest_are_kept():
    found = await kept(*(b"%d" % number for number in range(MOST_KEPT + 2)))
    assert [found.index(one) for one in found if one is not None] == list(range(2, MOST_KEPT + 2))
    assert len([one for one in found if one is None]) == 2
