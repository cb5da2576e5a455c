"""The bridge's end of one edge, as long as that lives: callbacks come from it, calls go to it."""

import asyncio
import pickle
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from bridge.alarm import Callback
from bridge.clock import moment
from bridge.edge.desk import GENERATION
from bridge.edge.hello import Hello
from bridge.edge.packing import pack_delivery, unpack_reading, unpack_verdict
from bridge.edge.wire import Kind, Wire
from bridge.message import Answer, Delivery, Verdict
from bridge.patience import Patience
from bridge.post import NotBegun
from bridge.record import record
from bridge.web.desk import Taken
from bridge.web.reception import Reception

ENDED, UNSAID = "ended before an answer", "did not say what the answer was"
LOST = Verdict(answer=Answer.RETRY, said=f"the edge, which makes the calls, {ENDED}", after_seconds=0, is_lost=True)
SILENT = Verdict(answer=Answer.RETRY, said=f"the edge, which makes the calls, {UNSAID}", is_lost=True)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Something that an edge is told of once, before it is spoken of by its number."""

    number: int
    kind: int
    what: object


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A channel as it is called now; `patience` is longer than a call may take."""

    channel: Known
    view: Known
    patience: Patience


@record
class Asked:
    """A call that the edge makes; `verdict` is done with its answer, and what was sent."""

    place: tuple[int, int, int]  # channel, view, and the callback's number there
    body: bytes  # of the callback, which is sent where the edge does not have it
    pace: tuple[int, int]  # how many may be under way, and how many troubles of the channel are known
    said: tuple[Any, ...]
    verdict: asyncio.Future[tuple[Verdict, str]]


class Link:
    """What goes to and fro."""

    def __init__(self, generation: int, reception: Reception) -> None:
        loop = asyncio.get_running_loop()
        self.serving: asyncio.Future[None] = loop.create_future()  # it takes callbacks
        self.stopped: asyncio.Future[None] = loop.create_future()  # it takes none any more, and all are answered
        self.lost: asyncio.Future[None] = loop.create_future()
        self.settled: asyncio.Future[None] = loop.create_future()  # it goes by the settings that it was told last
        self.answered: asyncio.Future[None] = loop.create_future()  # it said that it lives
        self._generation = generation
        self._reception = reception
        self._settings = 0  # which it was told last
        self._posts: dict[int, Asked] = {}
        self._last = 0
        self._known: set[int] = set()
        self._troubles: defaultdict[int, int] = defaultdict(int)  # by channel: answers that were not as hoped
        self.wire = Wire(
            {
                Kind.SERVING: partial(_done, self.serving),
                Kind.SETTLED: self._settled,
                Kind.STOPPED: partial(_done, self.stopped),
                Kind.CALLBACK: self._callback,
                Kind.TURNED_AWAY: lambda outcome, fields: reception.turn_away(outcome, **fields),
                Kind.ASKED: self._asked,
                Kind.VERDICT: self._verdict,
                Kind.NOT_BEGUN: self._not_begun,
                Kind.UNKNOWN: self._unknown,
                Kind.PONG: self._pong,
            },
            self._lost,
        )

    def settle(self, hello: Hello) -> None:
        """Have it take callbacks by these settings from now on."""
        self._settings += 1
        self.settled = asyncio.get_running_loop().create_future()
        self.wire.send(Kind.SETTINGS, self._settings, pickle.dumps(hello))

    def ping(self) -> None:
        """Ask whether it lives."""
        self.answered = asyncio.get_running_loop().create_future()
        self.wire.send(Kind.PING)

    async def post(self, line: Line, delivery: Delivery, limit: int, links: Mapping[str, str]) -> tuple[Verdict, str]:
        """Have a call made; give what its answer means, and what was sent. Raise NotBegun where it is handed back."""
        if self.lost.done():  # which who keeps the edge learns in a moment: nobody would answer
            raise NotBegun
        self._tell(line.channel)
        self._tell(line.view)
        self._last += 1
        number, is_kept = self._last, delivery.origin >> GENERATION == self._generation
        asked = Asked(
            place=(line.channel.number, line.view.number, delivery.origin),
            body=delivery.body or b"",
            pace=(limit, self._troubles[line.channel.number]),
            said=(dict(links), *pack_delivery(delivery)),
            verdict=asyncio.get_running_loop().create_future(),
        )
        self._posts[number] = asked
        line.patience.add(asked.verdict)
        self.wire.send(Kind.POST, number, asked.place, asked.pace, None if is_kept else asked.body, asked.said)
        try:
            return await asked.verdict
        except TimeoutError:
            return SILENT, ""
        finally:
            del self._posts[number]

    def take_back(self, line: Line) -> None:
        """Have it begin none of the calls that wait there."""
        self.wire.send(Kind.TAKE_BACK, line.channel.number)

    def forget(self, known: Known) -> None:
        """Have it close a channel."""
        if known.number in self._known:
            self._known.discard(known.number)
            self.wire.send(Kind.FORGET, known.number)

    def _tell(self, known: Known) -> None:
        if known.number not in self._known:
            self._known.add(known.number)
            self.wire.send(known.kind, known.number, pickle.dumps(known.what))

    def _callback(self, number: int, begun: float, at: int, body: bytes, *reading: Any) -> None:
        callback = Callback(body=body, received_at=moment(at), reading=unpack_reading(*reading), origin=number)
        self._reception.receive(callback, begun, partial(self._taken, number))

    def _taken(self, number: int, taken: Taken) -> None:
        self.wire.send(Kind.STORED, number, taken.is_stored, taken.message)

    def _asked(self, number: int) -> None:
        self.wire.send(Kind.READY, number, self._reception.ready)

    def _verdict(self, number: int, channel: int, verdict: tuple[Any, ...], sent: str) -> None:
        asked, answer = self._posts.get(number), unpack_verdict(*verdict)
        if answer.answer is not Answer.SENT:
            self._troubles[channel] += 1
        if asked is not None and not asked.verdict.done():
            asked.verdict.set_result((answer, sent))

    def _not_begun(self, number: int) -> None:
        asked = self._posts.get(number)
        if asked is not None and not asked.verdict.done():
            asked.verdict.set_exception(NotBegun)

    def _unknown(self, number: int) -> None:
        """Say it with the body, since the edge does not have it any more."""
        if asked := self._posts.get(number):
            self.wire.send(Kind.POST, number, asked.place, asked.pace, asked.body, asked.said)

    def _settled(self, number: int) -> None:
        if number == self._settings:
            _done(self.settled)

    def _pong(self) -> None:
        _done(self.answered)

    def _lost(self) -> None:
        for asked in self._posts.values():
            if not asked.verdict.done():
                asked.verdict.set_result((LOST, ""))
        _done(self.lost)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
