"""The bridge's own troubles: what can be wrong with it, and how its parts say so.

A part is given a `Reporter` and says plainly what it sees, as often as it likes: `trouble` where
something is wrong, `over` where it is not. What is said twice is heard once. Nothing here waits,
raises or touches a disk.
"""

from enum import StrEnum
from typing import Protocol


class Trouble(StrEnum):
    """What can be wrong: the `event` of an alarm of kind `bridge`."""

    CHANNEL_BROKEN = "channel_broken"  # it takes nothing until a person mends it
    DEAD_LETTERS = "dead_letters"  # messages that will not be delivered; over an hour after the last
    TEMPLATE_FAILING = "template_failing"  # plain text goes out instead; over an hour after the last
    QUEUE_OLD = "queue_old"  # something has waited for a channel for more than 5 minutes
    STORE_FAILING = "store_failing"  # nothing can be written: told when it is over
    RELOAD_FAILED = "reload_failed"  # the new config or templates are wrong, the old ones stay in force
    DIGESTING = "digesting"  # so much waits for a chat that it is told in digests


class Reporter(Protocol):
    """Who hears of troubles. `about` names the thing: a channel, or what else the trouble has several of."""

    def trouble(self, trouble: Trouble, about: str = "", words: str = "") -> None:
        """Say that something is wrong, and in words what: no secret, one line."""
        ...

    def over(self, trouble: Trouble, about: str = "") -> None:
        """Say that it is not, or not any more: also when a part begins and is at ease."""
        ...
