"""A platform that takes messages, badly: what it does to each request, it writes down."""

import asyncio
import json
import re
from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import parse_qs

# How a request may fare. The first word is what it means to the platform.
TAKEN = "taken"  # and said so
LIMITED = "limited"  # 429, with a time to wait
UNAVAILABLE = "unavailable"  # not taken, and said so
TAKEN_UNSAID = "taken, unsaid"  # taken, and the connection is lost before the answer
LOST = "lost"  # not taken: the connection is lost when the request is read
SLOW = "slow"  # taken, and answered when nobody waits any more
UNSURE = "unsure"  # taken, and the answer says that the platform does not know
RICH = "rich"  # not taken, as plain text it would be
REFUSED = "refused"  # this message is never taken
BROKEN = "broken"  # nothing is taken until somebody mends it
GONE = "gone"  # the message to update or answer is not there
TEMPLATE = "template"  # it fails: a plain text comes
PAGE = "page"  # a log-in page: not taken
LINKED = "linked"  # no fault: an alarm's message before, whose address was asked for, stands there
LEFT_OUT = "left out"  # no fault either: an answer that tells what a message had no room for
CLEAR = frozenset({TAKEN, LIMITED, UNAVAILABLE, RICH, REFUSED, BROKEN, GONE, PAGE})  # the answer says which it was
KEPT = frozenset({TAKEN, TAKEN_UNSAID, SLOW, UNSURE})

WORDS = re.compile(
    r"sim (?P<state>\w+) value=(?P<value>\S*) event=(?P<event>\d+) delivery=(?P<delivery>\d+) "
    r"channel=(?P<channel>\w+)"
)
BEFORE = re.compile(r" before=\S*/(\d+\.\d+)")
REST = re.compile(r"What the message had no room for, in full(?: \((\d+)/\d+\))?")
BLANKS = re.compile(r"\s+")
MEMBER = re.compile(r" has=(\w+)=(\S+)")
PLAIN = re.compile(r"Value: (?P<value>\d+) %|\"value\": (?P<strange>\d+)")
STATES = {
    "Triggered": "triggered", "Still firing": "repeat", "Recovered": "recovered", "Escalated": "escalated",
    "Expired": "expired", "Closed": "closed", "Replaced": "replaced",
}  # fmt: skip
JSON = {"Content-Type": "application/json; charset=utf-8"}
SPOILT = 23  # a value that it divides spoils the template
SECONDS = 10.0  # a channel's time-out


@dataclass(slots=True, kw_only=True)
class Request:
    """One request, and how it fared."""

    at: float  # by the loop
    wall: float
    channel: str
    step: str  # post, update, reply
    state: str
    mark: str  # which callback it is made of
    event: str  # the bridge's ids; empty in a plain text
    delivery: str
    fared: str
    wait: float = 0.0  # seconds that a 429 asks for
    life: int = 0  # of the bridge
    config: int = 0  # how many were in force before
    members: tuple[tuple[str, str], ...] = ()  # state and mark of what a digest tells of
    ts: str = ""  # of the message that was posted, updated or answered
    before: str = ""  # ts of the message that it says the alarm had before
    part: int = 0  # of what the message had no room for: then it is an answer that tells nothing else
    whole: str = ""  # what such an answer tells, without blanks

    @property
    def ids(self) -> dict[str, str]:
        """Give what the message's metadata names."""
        return {"delivery_id": self.delivery, "event_id": self.event}


@dataclass(slots=True)
class Room:
    """What the channels into one room share, which one app posts to."""

    broken_until: float = 0.0
    limited_until: float = 0.0
    messages: dict[str, str] = field(default_factory=dict)  # ts of what stands there, and the channel that posted it
    latest: int = 0
    chats: "dict[str, Chat]" = field(default_factory=dict)  # by channel, the main one first

    @property
    def main(self) -> str:
        """Give the channel that tells of itself in no other way: a plain text does not name it."""
        return next(iter(self.chats))


class Chat:
    """One platform as one channel meets it: a Slack, a webhook of Slack's, or any other."""

    def __init__(self, name: str, kind: str, world: Any, room: Room) -> None:
        self.name, self.kind, self.room = name, kind, room
        self.next: deque[Any] = deque()  # faults that meet one request each
        self._world = world
        room.chats[name] = self

    def protocol(self) -> "Line":
        return Line(self)

    async def answer(self, line: "Line", target: str, headers: dict[str, str], body: bytes) -> None:
        """Decide how a request fares, write it down, and say what there is to say."""
        if target.endswith("auth.test"):  # asks, and posts nothing
            is_broken = self._world.times()[0] < self.room.broken_until
            line.write(200, JSON, json.dumps({"ok": False, "error": "invalid_auth"} if is_broken else {"ok": True}))
            return
        if target.endswith("getPermalink"):
            line.write(200, JSON, json.dumps(self._permalink(parse_qs(body.decode()))))
            return
        if "conversations." in target:
            line.write(200, JSON, json.dumps(self._standing()))
            return
        request = self._read(target, headers, json.loads(body))
        await self.room.chats[request.channel].take(request, line)

    async def take(self, request: Request, line: "Line") -> None:
        """Let a request fare as it is to."""
        await asyncio.sleep(self._world.latency())
        request.fared, request.wait = self._fate(request)
        if request.fared in KEPT:
            self._keep(request)
        self._world.requested(request)
        if request.fared == SLOW:
            await asyncio.sleep(SECONDS + 1)
        await asyncio.sleep(self._world.latency())
        if request.fared in {LOST, TAKEN_UNSAID}:
            line.hang_up()
        else:
            line.write(*self._words(request))

    def _permalink(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        """Give the address of a message that stands there."""
        if self._world.times()[0] < self.room.broken_until:
            return {"ok": False, "error": "invalid_auth"}
        ts = asked["message_ts"][0]
        if ts not in self.room.messages:
            return {"ok": False, "error": "message_not_found"}
        self._world.met(LINKED)
        return {"ok": True, "permalink": f"https://sim.slack.com/archives/C1/{ts}"}

    def _standing(self) -> dict[str, Any]:
        """Give what stands there, to a token that may read it: that of every other run."""
        if self._world.scenario.seed % 2:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        mine = [one for one in self._world.history.requests if one.channel in self.room.chats and one.fared in KEPT]
        messages = [
            {"ts": one.ts, "metadata": {"event_type": "alarm_bridge", "event_payload": one.ids}}
            for one in mine
            if one.ts in self.room.messages and one.step != "update"
        ]
        return {"ok": True, "messages": messages[::-1]}

    def _read(self, target: str, headers: dict[str, str], said: dict[str, Any]) -> Request:
        step, members, channel = "post", (), self.room.main
        more: dict[str, Any] = {}
        if self.kind == "webhook":
            found = {"state": said["state"], "event": said["event_id"], "delivery": headers["webhook-id"]}
            value = said["alarm"]["value"] or said["callback"].get("value") or own_mark(said["callback"])
        else:
            found, value = self._found(said)
            channel = found.pop("channel", channel)
            if not found["event"] and value.isdecimal() and int(value) % SPOILT == 0:
                self._world.met(TEMPLATE)
            members = tuple(MEMBER.findall(said["text"]))
            step = "update" if target.endswith("chat.update") else "reply" if "thread_ts" in said else "post"
            more = _more(said) if step == "reply" else {}
            if more:
                self._world.met(LEFT_OUT)
            if linked := BEFORE.search(said["text"]):
                more["before"] = linked[1]
        now, wall = self._world.times()
        return Request(
            at=now, wall=wall, channel=channel, step=step, mark=str(value), members=members, fared="", life=self._world.life,
            config=len(self._world.history.configs),
            ts=said.get("ts") or said.get("thread_ts") or "", **found, **more,
        )  # fmt: skip

    def _found(self, said: dict[str, Any]) -> tuple[dict[str, str], str]:
        """Read off what a message tells; a part of what another had no room for says so in its metadata alone."""
        if not REST.match(said["text"]) or "thread_ts" not in said:
            return _found(said["text"])
        channel = self.room.messages.get(said["thread_ts"], self.room.main)
        found = {"state": "rest", "event": "", "delivery": "", "value": "?", "channel": channel}
        ids = said.get("metadata", {}).get("event_payload", {})
        found |= {name: one for name, one in ids.items() if name in found}  # a plain text's are the bridge's own
        return found, found.pop("value")

    def _fate(self, request: Request) -> tuple[str, float]:
        now = self._world.times()[0]
        if now < self.room.broken_until:
            return BROKEN, 0.0
        if now < self.room.limited_until:
            return LIMITED, float(ceil(self.room.limited_until - now))
        fate, wait = TAKEN, 0.0
        if self.next:
            fault = self.next.popleft()
            fate, wait = fault.kind, fault.seconds
            self._world.met(fate)
        if fate == LIMITED:
            self.room.limited_until = now + wait
        is_second = self.name != self.room.main  # a plain text does not say of which channel it is
        if fate == RICH and (is_second or not request.event or ":" in request.mark or request.state == "digest"):
            fate = TAKEN  # the bridge's own say no value in plain text
        if fate == REFUSED:
            request.event = request.event or "plain"
        if fate in KEPT and request.ts and request.ts not in self.room.messages:
            fate = GONE
            self._world.met(GONE)
        return fate, wait

    def _keep(self, request: Request) -> None:
        if request.step == "post":
            self.room.latest += 1
            request.ts = f"1700000000.{self.room.latest:06d}"
            self.room.messages[request.ts] = request.channel

    def vanish(self) -> None:
        """Let somebody delete all messages."""
        self.room.messages.clear()

    def _words(self, request: Request) -> tuple[int, dict[str, str], str]:
        if self.kind == "webhook":
            return _machine(request)
        code = {
            TAKEN: "", SLOW: "", LIMITED: "ratelimited", UNAVAILABLE: "service_unavailable", UNSURE: "fatal_error",
            RICH: "invalid_blocks", REFUSED: "invalid_form_data", BROKEN: "invalid_auth", GONE: "message_not_found",
        }.get(request.fared, "")  # fmt: skip
        if request.fared == PAGE:
            return 200, {"Content-Type": "text/html"}, "<html>please log in</html>"
        status, headers = 200, JSON
        if request.fared == LIMITED:
            status, headers = 429, headers | {"Retry-After": str(int(request.wait))}
        if self.kind == "slack_webhook":
            words = {"invalid_auth": "invalid_token", "service_unavailable": "rollup_error"}.get(code, code) or "ok"
            return (status if code in {"", "ratelimited"} else 500 if code == "fatal_error" else 400), headers, words
        said = {"ok": False, "error": code} if code else {"ok": True, "channel": "C1", "ts": request.ts or "1.1"}
        return status, headers, json.dumps(said)


def _found(text: str) -> tuple[dict[str, str], str]:
    if match := WORDS.search(text):
        found = match.groupdict()
        return found, found.pop("value")
    first = text.split(" · ", maxsplit=1)[0].splitlines()[0].partition(" ")[2]  # behind a sign
    value = PLAIN.search(text)
    return {"state": STATES.get(first, "unrecognised"), "event": "", "delivery": ""}, value[1] or value[
        2
    ] if value else "?"


def _more(said: dict[str, Any]) -> dict[str, Any]:
    """Read off what part it is of what a message had no room for; a message of one part does not number it."""
    found = REST.match(said["text"])
    if found is None:
        return {}
    sections = [one["text"]["text"] for one in said.get("blocks", ()) if one["type"] == "section"]
    return {"part": int(found[1] or 1), "whole": BLANKS.sub("", "".join(sections) or said["text"][found.end() :])}


def own_mark(body: Any) -> str:
    """Name what the bridge says of itself."""
    said = body["alarm-bridge"]
    return ":".join((said["trouble"], said["about"], said["status"], said["at"]))


def _machine(request: Request) -> tuple[int, dict[str, str], str]:
    status = {
        TAKEN: 200, SLOW: 200, LIMITED: 429, UNAVAILABLE: 503, UNSURE: 500,
        RICH: 400, REFUSED: 400, BROKEN: 401, GONE: 200, PAGE: 503,
    }[request.fared]  # fmt: skip
    headers = {"Retry-After": str(int(request.wait))} if request.fared == LIMITED else {}
    return status, headers, "ok" if status == 200 else request.fared


class Line(asyncio.Protocol):
    """HTTP, as little of it as aiohttp's client needs."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", 0))
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        asyncio.ensure_future(self._chat.answer(self, first.split()[1], headers, rest[:size]))  # noqa: RUF006 - the loop holds it

    def write(self, status: int, headers: dict[str, str], body: str) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body.encode())}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._transport.write("\r\n".join([*lines, "", body]).encode())

    def hang_up(self) -> None:
        self._transport.close()
