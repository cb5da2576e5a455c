"""A webhook whose messages the edge makes and posts, as its worker sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.channels import Channel, HttpSettings
from bridge.edge.link import Known, Line, Link
from bridge.edge.wire import Kind
from bridge.message import Call, Delivery, Verdict
from bridge.patience import Patience
from bridge.post import NotBegun, Tell
from bridge.rendering import ChannelView

MORE_SECONDS = 5.0  # than a call and one that it waits for may take, before it is taken for lost

Links = Callable[[str], Mapping[str, str]]  # those of a route, by its name


class Edges(Protocol):
    """Whichever edge there is."""

    link: Link | None

    def number(self) -> int:
        """Give a number that means nothing else."""
        ...

    async def linked(self) -> Link | None:
        """Wait for an edge; give None where none comes in time."""
        ...


class EdgeWebhook:
    """Posts by itself what the edge cannot write: the plain text, and messages by a template of the user's."""

    def __init__(self, here: Channel, settings: HttpSettings, edges: Edges) -> None:
        """Take the same channel, open in this process."""
        self._here = here
        self._edges = edges
        self._channel = Known(number=edges.number(), kind=Kind.CHANNEL, what=settings)
        self._line: Line | None = None
        self.is_over = False  # its worker begins nothing more
        self._patience = Patience(2 * settings.timeout.total_seconds() + MORE_SECONDS, TimeoutError)

    async def post(self, call: Call) -> Verdict:
        """Make one call and judge the answer."""
        return await self._here.post(call)

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give what `post` would send."""
        return self._here.wire(call)

    async def close(self) -> None:
        """Let go of connections."""
        if self._edges.link is not None:
            self._edges.link.forget(self._channel)
        await self._here.close()

    def teller(self, view: ChannelView, links: Links) -> Tell:
        """Give what makes and posts a message."""
        if self._line is None or self._line.view.what != view:
            known = Known(number=self._edges.number(), kind=Kind.VIEW, what=view)
            self._line = Line(channel=self._channel, view=known, patience=self._patience)
        return Teller(line=self._line, edges=self._edges, links=links, webhook=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Has the edge make and post one channel's messages."""

    line: Line
    edges: Edges
    links: Links
    webhook: EdgeWebhook

    async def __call__(self, delivery: Delivery, limit: int) -> tuple[Verdict, str]:
        """Give the answer, and what was sent; raise NotBegun."""
        link = self.edges.link or await self.edges.linked()
        if link is None or self.webhook.is_over:  # meanwhile
            raise NotBegun
        return await link.post(self.line, delivery, limit, self.links(delivery.route))

    def take_back(self) -> None:
        """Have nothing more begun of what was handed over, or waits for an edge."""
        self.webhook.is_over = True
        if self.edges.link is not None:
            self.edges.link.take_back(self.line)
