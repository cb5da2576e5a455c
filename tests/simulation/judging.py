"""Whether a run kept the promises: each that it broke, in a sentence that begins with its name.

`hearing` is about the upper half, `telling` with its `excuses` and `threads` about the lower, `manners` about how platforms were treated.
"""

from collections.abc import Iterator
from typing import Any

from tests.simulation import hearing, manners, telling, threads
from tests.simulation.chat import BROKEN
from tests.simulation.evidence import Evidence


def judge(history: Any) -> tuple[list[str], Evidence]:
    """Give all that is wrong with a run."""
    seen = Evidence(history)
    wrong = list(hearing.decided(seen))
    seen.index()
    for check in (
        _ended_well,
        hearing.lost,
        telling.room,
        telling.told,
        telling.endings,
        _known,
        telling.order,
        threads.rests,
        threads.links,
        manners.pace,
        manners.waits,
        manners.shared,
    ):
        wrong += check(seen)
    return wrong, seen


def _ended_well(seen: Evidence) -> Iterator[str]:
    history = seen.history
    for failure in history.failures:
        yield f"failed: {failure}"
    if not history.settled:
        left = [one for one in history.deliveries if one[4] in {"waiting", "begun"}]
        yield f"settles: {len(left)} deliveries are still work at the end, first {left[:1]}, open {history.open}"


def _known(seen: Evidence) -> Iterator[str]:
    """People hear of dead letters and of broken channels."""
    history = seen.history
    said = {(told.policy, told.watched) for told in seen.said.values() if told.own and told.status == "1"}
    own = {one[0] for one in history.events if one[9] == "bridge"}  # no circles: those end in the log
    for name in {one[2] for one in history.deliveries if one[4] == "dead" and one[1] not in own}:
        if ("dead_letters", name) not in said:
            yield f"known: {name} has dead letters of which nobody was told"
    for name in {one.channel for one in history.requests if one.fared == BROKEN}:
        if ("channel_broken", name) not in said:
            yield f"known: {name} was broken, and nobody was told"
