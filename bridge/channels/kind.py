"""What a kind of channel is, what its channels are given, and what they can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TextIO, runtime_checkable

import aiohttp

from bridge.channels.http import HttpSettings
from bridge.message import Call, Receipt, Step, Verdict
from bridge.settings import ChannelSettings


class Channel(Protocol):
    """One channel of the config: takes calls, gives verdicts."""

    async def post(self, call: Call) -> Verdict:
        """Make one call and judge the answer; raise nothing but CancelledError."""
        ...

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give what `post` would send, without credentials and without sending it."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of looking for a message whose answer never came."""

    said: str  # what was found, or why nothing was
    is_found: bool = False
    receipt: Receipt | None = None
    event_id: str = ""  # of which it tells: it may be older news than what the call would tell by now
    is_open: bool = False  # looking failed for a reason that passes: it is to be looked for again
    after_seconds: float | None = None  # how long the platform asks to wait with that


@runtime_checkable
class Searched(Protocol):
    """A channel in which a message can be looked for by its delivery's id."""

    async def find(self, call: Call, since: datetime, beside: Receipt | None) -> Finding:
        """Look for what a call posted, if it did; raise nothing but CancelledError.

        `beside` is the newest message that is known in the channel.
        """
        ...


@runtime_checkable
class Linked(Protocol):
    """A channel whose messages have an address."""

    async def link(self, receipt: Receipt) -> str:
        """Give the address of a message, empty where it has none; raise nothing but CancelledError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a channel is given of the world.

    `session` opens a client session that the channel closes; it is called inside the loop, at the
    first post. `out` is where `terminal` prints.
    """

    session: Callable[[HttpSettings], aiohttp.ClientSession]
    clock: Callable[[], datetime]
    out: TextIO
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a platform says of who posts there; `problem`: why it does not, and no message would be taken."""

    lines: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of channel, as `type:` in the config names it."""

    settings: type[ChannelSettings]
    open: Callable[[Any, Tools], Channel]  # by its settings record; opens no connection yet
    steps: frozenset[Step]
    formats: tuple[str, ...]  # of templates, the preferred one first
    dialect: str
    sets: tuple[str, ...] = ()  # of templates that it takes where the set of its own name lacks one
    chat: bool  # people read it: paced, and waiting events may be merged
    idempotent: bool  # the same call twice does no harm: the receiver has a key to know it by
    one_by_one: bool = False  # one message under way at a time
