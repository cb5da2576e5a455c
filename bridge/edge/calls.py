"""The edge's calls: an event becomes the envelope, is signed and posted, and its answer is judged.

The bridge hands over more calls of a channel than may be under way, so that the next begins in the moment in which one
ends. What follows from an answer is the bridge's to decide: at each that is not as hoped, all that were not begun go
back, and so do those that it had sent before it knew.
"""

import asyncio
import pickle
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from bridge.alarm import Alarm
from bridge.channels import Tools
from bridge.channels.webhook import Webhook
from bridge.edge.packing import pack_verdict, unpack_event
from bridge.edge.wire import Kind, Wire
from bridge.message import Answer, Call, Step, Verdict
from bridge.rendering import ChannelView, RouteView, Telling
from bridge.rendering.envelope import enveloped
from bridge.rereading import alarm_of

Kept = Callable[[int], tuple[bytes, Alarm | None] | None]

log = structlog.get_logger()


class Calls:
    """Makes the calls of the webhooks that it was told of."""

    def __init__(self, wire: Wire, tools: Tools, kept: Kept) -> None:
        """Take `kept`, which gives what a callback said that came in here, as long as it is known."""
        self._wire = wire
        self._tools = tools
        self._kept = kept
        self._lines: dict[int, _Line] = {}
        self._views: dict[int, ChannelView] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def channel(self, number: int, settings: bytes) -> None:
        """Open a channel."""
        webhook = Webhook(pickle.loads(settings), self._tools)  # noqa: S301 - from our own process
        self._lines[number] = _Line(number, webhook)

    def view(self, number: int, view: bytes) -> None:
        """Know a channel as messages show it."""
        self._views[number] = pickle.loads(view)  # noqa: S301 - from our own process

    def forget(self, number: int) -> None:
        """Close a channel that nothing is under way to."""
        if line := self._lines.pop(number, None):
            self._begin(line.webhook.close())

    def post(self, number: int, place: tuple[int, int, int], pace: tuple[int, int], *said: Any) -> None:
        """Make a call once it is its turn."""
        channel, view, origin = place
        line = self._lines[channel]
        line.limit, troubles = pace
        if troubles < line.troubles:  # which the bridge does not know of yet
            self._wire.send(Kind.NOT_BEGUN, number)
            return
        line.waiting.append((number, view, origin, *said))
        if line.under_way < line.limit:
            self._begin(self._carry(line))

    def take_back(self, channel: int) -> None:
        """Begin none of the calls that wait."""
        if line := self._lines.get(channel):
            self._hand_back(line)

    async def _carry(self, line: "_Line") -> None:
        """Make one call after another, as long as there are any."""
        while line.waiting and line.under_way < line.limit:
            line.under_way += 1
            await self._call(line, *line.waiting.popleft())
            line.under_way -= 1

    async def _call(
        self, line: "_Line", number: int, view: int, origin: int, body: bytes | None, said: tuple[Any, ...]
    ) -> None:
        """Make a call about a callback: by its number here, or by its body."""
        kept = self._kept(origin) if body is None else (body, None)
        if kept is None:
            self._wire.send(Kind.UNKNOWN, number)
            return
        try:
            verdict, sent = await self._posted(line.webhook, _told(self._views[view], kept, self._tools.clock(), said))
        except Exception as error:
            log.exception("a delivery failed")
            failed = f"the bridge failed: {type(error).__name__}"
            verdict, sent = Verdict(answer=Answer.REJECTED, said=failed, plain_helps=True), ""
        self._wire.send(Kind.VERDICT, number, line.channel, pack_verdict(verdict), sent)
        if verdict.answer is not Answer.SENT:
            line.troubles += 1
            self._hand_back(line)

    def _hand_back(self, line: "_Line") -> None:
        while line.waiting:
            self._wire.send(Kind.NOT_BEGUN, line.waiting.popleft()[0])

    async def _posted(self, webhook: Webhook, telling: Telling) -> tuple[Verdict, str]:
        message = enveloped(telling)
        assert telling.sent_at is not None
        call = Call(step=Step.POST, message=message, delivery_id=telling.delivery_id, sent_at=telling.sent_at)
        return await webhook.post(call), message.text

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Line:
    """A channel's calls."""

    def __init__(self, channel: int, webhook: Webhook) -> None:
        self.channel = channel
        self.webhook = webhook
        self.waiting: deque[tuple[Any, ...]] = deque()
        self.under_way = 0
        self.limit = 0  # of those under way
        self.troubles = 0  # answers that were not as hoped


def _told(view: ChannelView, kept: tuple[bytes, Alarm | None], now: datetime, said: tuple[Any, ...]) -> Telling:
    links, written, id_, route, instead_of, together, follows = said
    (body, alarm), event = kept, unpack_event(*written)
    return Telling(
        event=event,
        alarm=alarm or alarm_of(body, event, view.language),
        body=body,
        delivery_id=str(id_),
        channel=view,
        route=RouteView(name=route, links=links),
        sent_at=now,
        instead_of=instead_of,
        together=together,
        follows=follows,
    )
