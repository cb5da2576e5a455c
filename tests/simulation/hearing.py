"""The upper half: whether each callback is on disk that was acknowledged, and was judged as the model judges it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.simulation.evidence import BEGAN_MS, Evidence

EXPIRY = 25 * 3600 * 1000  # ms: 26 hours, counted in steps of an hour at night


def decided(seen: Evidence) -> Iterator[str]:
    """Let the model hear what was stored, and compare what became of it."""
    history, model = seen.history, seen.model
    stored = [(one[0], "callback", one) for one in history.callbacks]
    ends = [(one[0], "event", one) for one in history.events if one[1] in {"expired", "closed", "unrecognised"}]
    marks = {one[0]: seen.told_by(one[2]).mark for one in history.callbacks}
    strange = counted = 0
    for number, what, row in sorted(stored + ends, key=lambda one: one[0]):
        model.plan = seen.plan_at(number)
        if what == "callback":
            told = seen.told_by(row[2])
            if told.status == "?":
                strange += 1
                continue
            outcome = model.hear(told, row[1] - BEGAN_MS)
            if outcome != row[3]:
                yield f"decided: callback {told.mark} is {row[3]}, not {outcome} ({row[4]})"
                return
        elif row[1] == "unrecognised":
            counted += 1 + row[7]
            model.announce(marks[row[8]])
        else:
            yield from _ended(seen, row)
    if strange != counted:
        yield f"announced: {counted} of {strange} bodies that are no alarm"


def _ended(seen: Evidence, row: Any) -> Iterator[str]:
    state = row[1]
    episode = seen.model.end(state, (row[5], row[4]), row[6] - BEGAN_MS, row[3] - BEGAN_MS)
    if episode is None:
        yield f"{state}: {row[4]} was not open"
    elif state == "closed":
        if ("close", row[10]) not in {(what, subject) for what, subject, changed, _ in seen.history.asked if changed}:
            yield f"closed: nobody asked to close {row[4]}"
    elif row[3] - BEGAN_MS - episode.received_at < EXPIRY - seen.moved:
        yield f"expired: {row[4]} too early"


def lost(seen: Evidence) -> Iterator[str]:
    """Each answer of 200 has its callback on disk."""
    rows = Counter(seen.told_by(one[2]).serial for one in seen.history.callbacks)
    for serial, times in Counter(serial for serial, _ in seen.history.acknowledged).items():
        if rows[serial] < times:
            yield f"lost: callback {serial} was acknowledged {times} times and stored {rows[serial]} times"
