"""What a worker is given: a channel of the config, open, and the store as the lower half sees it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bridge.alarm import State
from bridge.channels import Channel
from bridge.message import Delivery, Digest, Message, Step, Verdict
from bridge.pace import Spacing
from bridge.store import ChannelState, Merged, Merging, Pause, Result, Told, Unsure


class Outbox(Protocol):
    """The store, as a worker sees it."""

    async def waiting(self, channel: str, after: int) -> list[Delivery]:
        """Read a page of the channel's queue."""
        ...

    async def message(self, episode_id: int, channel: str) -> Told | None:
        """Read the newest message of an episode in the channel."""
        ...

    async def gone(self, delivery_id: int) -> str:
        """Say why the message that a delivery was to change or answer is no more; empty where it is."""
        ...

    async def over_unheard(self, episode_id: int, channel: str) -> bool:
        """Say whether an episode is over of which the channel never had the trigger."""
        ...

    async def unsure(self, delivery_id: int, channel: str) -> Unsure | None:
        """Say what is known of the channel, where an attempt at a delivery may have arrived; None where none may."""
        ...

    async def digest(self, event_id: int, urgent_routes: Iterable[str]) -> Digest:
        """Read what a digest tells."""
        ...

    async def answered(self, event_id: int, channel: str) -> Told | None:
        """Read the message that a digest answers."""
        ...

    async def merge(self, merging: Merging) -> Merged:
        """Merge a batch of what waits for a chat."""
        ...

    async def begin(self, delivery_id: int) -> None:
        """Store that a step is about to be made."""
        ...

    def finish(self, result: Result) -> Awaitable[None]:
        """Store how an attempt ended; done when it is on disk."""
        ...

    async def keep(self, state: ChannelState) -> None:
        """Store the channel's pause."""
        ...

    async def keep_pause(self, pause: Pause) -> None:
        """Store the pause of what channels share."""
        ...


class Urgency(Protocol):
    """Says what goes first."""

    routes: tuple[str, ...]  # of which a trigger does

    def __call__(self, route: str, state: State, severity: str, kind: str) -> bool:
        """Say whether an event that goes through a route is urgent."""
        ...


class NotBegun(Exception):
    """A call was handed over and not begun: it is as if it had not been."""


class Tell(Protocol):
    """Renders and posts at once, in the edge; takes more than may be under way, and counts them there."""

    async def __call__(self, delivery: Delivery, limit: int) -> tuple[Verdict, str]:
        """Give the answer, and what was sent; raise NotBegun. At most `limit` are under way from now on."""
        ...

    def take_back(self) -> None:
        """Have nothing more begun of what was handed over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A channel of the config, open, with what its worker must know of it."""

    name: str
    channel: Channel
    render: Callable[[Delivery], Message]
    chat: bool  # pauses as a whole when a message fails
    one_by_one: bool  # one message under way
    idempotent: bool
    rate: float | None  # messages a second
    room: Spacing | None = None  # shared with other channels into the same room
    methods: Mapping[Step, Spacing] = field(default_factory=dict)  # of steps that have a limit of their own
    give_up_after: timedelta
    fallback: str | None
    mark: str  # of the settings
    digest_over: int  # events that may wait for a chat before they become a digest; 0: never
    threads: bool  # it can answer a message
    urgency: Urgency
    tell: Tell | None = None  # None: `render`, then the channel's `post`

    @property
    def counts_there(self) -> bool:
        """Whether those under way are counted in the edge; with a rate they are begun as they are handed over."""
        return self.tell is not None and not self.rate

    def take_back(self) -> None:
        """Have nothing more begun of what was handed over."""
        if self.tell is not None:
            self.tell.take_back()
