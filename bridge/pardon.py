"""Dead letters that wait again: their refusal turned out to be about the channel.

A restart forgets which refusals came in a row: where they were too few to break the channel, their letters stay dead.
People were told of them, and `replay --dead` sends them again; their rows do not say what each answer was taken for.
"""

from collections.abc import Callable
from functools import partial

import structlog

from bridge.attempt import as_stored, revived
from bridge.clock import Clock
from bridge.condition import Condition
from bridge.lanes import Lanes
from bridge.message import Delivery, DeliveryState
from bridge.settling import Settling
from bridge.store import Result
from bridge.trouble import Reporter, Trouble

log = structlog.get_logger()


class Pardon:
    """Puts one channel's dead letters back among what waits."""

    def __init__(
        self,
        condition: Condition,
        lanes: Lanes,
        settling: Settling,
        clock: Clock,
        reporter: Reporter,
        wake: Callable[[], None],
    ) -> None:
        self._condition, self._lanes, self._settling = condition, lanes, settling
        self._clock, self._reporter, self._wake = clock, reporter, wake
        self._dying: set[int] = set()  # dead letters on their way to the disk: they hold up their alarms
        self._spared: set[int] = set()  # of these: they will wait again, and go on holding them up
        self._behind: dict[str, list[Delivery]] = {}  # by alarm: letters before a younger one that is under way
        self._left: set[int] = set()  # of those, and of those on their way back: they are dead letters still

    def bury(self, letter: Delivery) -> None:
        """Remember a dead letter, before it is stored."""
        self._dying.add(letter.id)
        self._condition.bury(letter)

    def grant(self, broke: Delivery) -> None:
        """Let dead letters wait again if their channel is broken, which the attempt at `broke` may have shown.

        Those that a person put back meanwhile do already. One before a younger delivery of its alarm that is under
        way waits until it is known whether that arrived (`waits_behind`).
        """
        letters = self._condition.pardoned()
        if not letters:
            return
        self._left &= {letter.id for behind in self._behind.values() for letter in behind}  # the others stayed dead
        given = [letter for letter in letters if self._may_wait(letter, broke)]
        waiting = {letter.id for letter in given}
        self._spared |= self._dying & waiting
        self._left |= waiting
        for letter in given:
            self._settling.store(revived(letter, now=self._clock.now()), self._revived)
        for letter in letters:
            if letter.id not in waiting and letter.id not in self._lanes:
                self._behind.setdefault(letter.event.key, []).append(letter)
                self._left.add(letter.id)
        self._say_over(broke.channel)

    def waits_behind(self, younger: Result) -> bool:
        """Let the dead letters wait again that came before one which has not arrived; say whether there are any.

        They are on disk before that one is tried again, so that their alarm is told in order; where it
        has arrived they stay dead letters.
        """
        letters = self._behind.pop(younger.delivery.event.key, ())
        if not letters or younger.state is not DeliveryState.WAITING:
            return False
        *others, last = (revived(letter, now=self._clock.now()) for letter in letters)
        for one in others:
            self._settling.store(one, self._joined)
        self._settling.store(last, partial(self._joined, younger=younger))
        return True

    def _joined(self, result: Result, error: BaseException | None, younger: Result | None = None) -> None:
        """Put a letter before the younger one, and let that go on with the last of them."""
        if error is None:
            if result.delivery.id not in self._lanes:  # else a person put it back meanwhile
                self._lanes.add(as_stored(result), self._clock.now())
                log.warning("a dead letter waits again", channel=result.delivery.channel, delivery=result.delivery.id)
            self._left.discard(result.delivery.id)
            self._say_over(result.delivery.channel)
        if younger is not None:
            self._lanes.hold(as_stored(younger), self._clock.now())
        self._wake()

    def spares(self, delivery: Delivery) -> bool:
        """Say whether a delivery whose end is stored will wait again, as the first of its alarm."""
        self._dying.discard(delivery.id)
        return delivery.id in self._spared

    def forget(self, letter: Delivery) -> None:
        """Leave alone what could not be stored: it will be tried again."""
        self._dying.discard(letter.id)
        self._spared.discard(letter.id)

    def _may_wait(self, letter: Delivery, broke: Delivery) -> bool:
        if letter.id in self._lanes:
            return letter.id in self._dying
        return letter.event.key == broke.event.key or not self._lanes.is_under_way(letter.event.key)

    def _revived(self, result: Result, error: BaseException | None) -> None:
        letter, now = as_stored(result), self._clock.now()
        if letter.id in self._spared:
            self._spared.discard(letter.id)
            if error is None:
                self._lanes.hold(letter, now)
            else:
                self._lanes.done(letter, now)
        elif error is None and letter.id not in self._lanes:
            self._lanes.add(letter, now)
        if error is None:
            log.warning("a dead letter waits again", channel=letter.channel, delivery=letter.id)
            self._left.discard(letter.id)
            self._say_over(letter.channel)
        self._wake()

    def _say_over(self, channel: str) -> None:
        """Say that a channel has no dead letters any more, where that is so on disk."""
        if not self._left:
            self._reporter.over(Trouble.DEAD_LETTERS, channel)
