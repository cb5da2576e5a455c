"""A strict Slack on loopback: Web API and incoming webhooks.

It refuses what Slack's documentation says it refuses: wrong tokens, channel names where ids are
needed, sizes, counts, other people's messages, more than one message a second and channel (bursts
of 3). It keeps what it took.

As a process: `python -m tests.fakes.slack --port 0 [--token T] [--fast]` prints {"port": N}. The Web
API is at /api/, the webhook of #ops at /services/T00000001/B00000001/fakehookfakehookfakehook1.

    GET  /_fake/messages           what stands in the channels, edits included
    GET  /_fake/calls              every call: method, arguments, answer
    POST /_fake/next     [{...}]   one Trouble for each of the next calls
    POST /_fake/delete   {channel, ts}
    POST /_fake/channel  {id, name, is_archived, is_member}
    POST /_fake/tokens   ["xoxb-…"]  the tokens that are right from now on
"""

import argparse
import asyncio
import itertools
import json
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes import slack_rules as rules
from tests.fakes.serving import LOOPBACK, run, serve_app
from tests.fakes.slack_rules import RefusedError

TOKEN = "xoxb-fake-token-of-the-strict-slack"
BOT = "B0000BRIDGE"
OPS = "C00000OPS"
HOOK = "/services/T00000001/B00000001/fakehookfakehookfakehook1"
POSTS_A_SECOND, POST_BURST = 1.0, 3
UPDATES_A_SECOND, UPDATE_BURST = 50 / 60, 50  # tier 3


@dataclass(slots=True, kw_only=True)
class Conversation:
    id: str
    name: str
    is_archived: bool = False
    is_member: bool = True


@dataclass(slots=True, kw_only=True)
class Posted:
    """A message as it stands now. `edits` are the contents that it had before."""

    channel: str
    ts: str
    author: str
    content: dict[str, Any]
    thread_ts: str | None = None
    broadcast: bool = False
    edits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str(self.content.get("text", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    method: str
    arguments: dict[str, Any]
    answer: str  # ok, or the code, or what the fake was told to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong with one call: an error's code, an answer that is not Slack's, or a failure; by itself nothing.

    With `takes`, the message is taken all the same: only the answer is lost or wrong.
    """

    error: str = ""
    status: int = 0
    body: str = ""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    fails: str = ""  # drop, hang
    takes: bool = False


Refusal = Callable[[str, str, Mapping[str, Any]], str]  # token or webhook's path, method, arguments → code, or none


class Bucket:
    """Tokens that come back with time."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._tokens, self._at = float(burst), clock()

    def wait_seconds(self) -> float:
        """Take a token: 0; or say how long until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1 - 1e-9:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second


class FakeSlack:
    """The workspace: read `messages` and `calls`, fill `next`, change `channels` and `tokens`."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, token: str = TOKEN, paced: bool = True) -> None:
        self.messages: list[Posted] = []
        self.calls: list[Call] = []
        self.next: deque[Trouble] = deque()
        self.refuses: Refusal = lambda _caller, _method, _arguments: ""
        self.channels = {OPS: Conversation(id=OPS, name="ops"), "C00000DBA": Conversation(id="C00000DBA", name="dba")}
        self.hooks = {HOOK: OPS}
        self.tokens = {token}
        self.scopes = ["chat:write"]
        self.port = 0
        self.epoch = 1_700_000_000  # of the messages' ts
        self._clock, self._paced = clock, paced
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._numbers = itertools.count(1)

    @property
    def api_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/api/"

    @property
    def hook_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}{HOOK}"

    @property
    def top_level(self) -> list[Posted]:
        return [message for message in self.messages if message.thread_ts is None]

    def replies(self, ts: str) -> list[Posted]:
        return [message for message in self.messages if message.thread_ts == ts]

    def find(self, channel: str, ts: str) -> Posted | None:
        return next((one for one in self.messages if (one.channel, one.ts) == (channel, ts)), None)

    def delete(self, channel: str, ts: str) -> None:
        self.messages = [one for one in self.messages if (one.channel, one.ts) != (channel, ts)]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_post("/services/{rest:.*}", self._hook)
        app.router.add_route("*", "/_fake/{what}", self._control)
        return app

    # -- the Web API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method, arguments = request.match_info["method"], await _arguments(request)
        answer = await self._answer(request, method, arguments, lambda: self._do(request, method, arguments), _said)
        if isinstance(answer, web.Response):
            answer.headers["X-OAuth-Scopes"] = ",".join(self.scopes)
        return answer

    def _do(self, request: web.Request, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._check_token(request)
        match method:
            case "chat.postMessage":
                return self._post(arguments)
            case "chat.update":
                return self._update(arguments)
            case "auth.test":
                return {
                    "url": "https://example.slack.com/",
                    "team": "Example",
                    "team_id": "T00000001",
                    "user": "alarm-bridge",
                    "user_id": "U0000BRIDGE",
                    "bot_id": BOT,
                }
            case "conversations.info":
                if "channels:read" not in self.scopes:
                    raise RefusedError("missing_scope")
                found = self.channels[str(arguments.get("channel"))]
                return {"channel": {"id": found.id, "name": found.name, "is_member": found.is_member}}
            case _:
                return self._read(method, arguments)

    def _check_token(self, request: web.Request) -> None:
        header = request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            raise RefusedError("not_authed")
        if header.removeprefix("Bearer ") not in self.tokens:
            raise RefusedError("invalid_auth")

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.check_arguments(arguments, rules.POST_ARGUMENTS)
        channel = self._channel(arguments.get("channel"), by_name=True)
        thread_ts = arguments.get("thread_ts")
        if thread_ts is not None:
            self._check_thread(channel.id, thread_ts)
        elif arguments.get("reply_broadcast"):
            raise RefusedError("invalid_arguments", "reply_broadcast without thread_ts")
        rules.check_content(arguments, is_update=False)
        self._pace("post", channel.id, POSTS_A_SECOND, POST_BURST)
        posted = self._keep(
            channel.id, arguments, thread_ts=thread_ts, broadcast=bool(arguments.get("reply_broadcast"))
        )
        return {"channel": channel.id, "ts": posted.ts, "message": {"ts": posted.ts, "bot_id": BOT, **posted.content}}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.check_arguments(arguments, rules.UPDATE_ARGUMENTS)
        channel = self._channel(arguments.get("channel"), by_name=False)
        message = self.find(channel.id, str(arguments.get("ts")))
        if message is None:
            raise RefusedError("message_not_found")
        if message.author != BOT:
            raise RefusedError("cant_update_message")
        rules.check_content(arguments, is_update=True)
        self._pace("update", channel.id, UPDATES_A_SECOND, UPDATE_BURST)
        message.edits.append(message.content)
        message.content = _kept(message.content, arguments) | _content(arguments)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.content}

    def _read(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "chat.getPermalink":
                return self._permalink(arguments)
            case "conversations.history":
                return self._history(arguments)
            case "conversations.replies":
                return self._history(arguments, str(arguments.get("ts")))
            case _:
                raise RefusedError("unknown_method")

    def _history(self, arguments: dict[str, Any], parent: str = "") -> dict[str, Any]:
        """Give a page of what stands in a channel, the newest first, or in a thread, the oldest first."""
        if "channels:history" not in self.scopes:
            raise ScopeError("channels:history", self.scopes)
        rules.check_arguments(arguments, rules.HISTORY_ARGUMENTS | ({"ts"} if parent else set()))
        channel = self._channel(arguments.get("channel"), by_name=False)
        if parent and self.find(channel.id, parent) is None:
            raise RefusedError("thread_not_found")
        shown = [one for one in self.messages if one.channel == channel.id and self._is_in(one, parent)]
        later = [one for one in shown if float(one.ts) > float(arguments.get("oldest", 0))]
        if not parent:
            later.reverse()
        start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit", 100))
        page, more = later[start : start + limit], start + limit < len(later)
        is_whole = arguments.get("include_all_metadata") in {"true", "1", True}
        return {
            "messages": [_as_read(one, is_whole=is_whole) for one in page],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }

    def _permalink(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.check_arguments(arguments, {"channel", "message_ts"})
        channel = self._channel(arguments.get("channel"), by_name=False)
        if (message := self.find(channel.id, str(arguments.get("message_ts")))) is None:
            raise RefusedError("message_not_found")
        place = f"https://example.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": place}

    def _is_in(self, message: Posted, parent: str) -> bool:
        if parent:
            return parent in {message.ts, message.thread_ts}
        return message.thread_ts is None or message.broadcast

    def _channel(self, wanted: Any, *, by_name: bool) -> Conversation:
        found = self.channels.get(str(wanted))
        if found is None and by_name:
            found = next((one for one in self.channels.values() if one.name == str(wanted).removeprefix("#")), None)
        if found is None:
            raise RefusedError("channel_not_found")
        if found.is_archived:
            raise RefusedError("is_archived")
        if not found.is_member:
            raise RefusedError("not_in_channel")
        return found

    def _check_thread(self, channel: str, thread_ts: Any) -> None:
        parent = self.find(channel, str(thread_ts)) if isinstance(thread_ts, str) else None
        if parent is None:
            raise RefusedError("thread_not_found")
        if parent.thread_ts is not None:
            raise RefusedError("cannot_reply_to_message")

    def _pace(self, sort: str, channel: str, per_second: float, burst: int) -> None:
        if not self._paced:
            return
        bucket = self._buckets.setdefault((sort, channel), Bucket(per_second, burst, self._clock))
        wait = bucket.wait_seconds()
        if wait:
            raise LimitedError(math.ceil(wait))

    def _keep(
        self, channel: str, arguments: dict[str, Any], *, thread_ts: str | None = None, broadcast: bool = False
    ) -> Posted:
        ts = f"{self.epoch}.{next(self._numbers):06d}"
        posted = Posted(
            channel=channel, ts=ts, author=BOT, content=_content(arguments), thread_ts=thread_ts, broadcast=broadcast
        )
        self.messages.append(posted)
        return posted

    # -- incoming webhooks

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        arguments = await _arguments(request)
        return await self._answer(request, "webhook", arguments, lambda: self._do_hook(request, arguments), _plainly)

    def _do_hook(self, request: web.Request, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self.hooks.get(request.path)
        if channel is None:
            raise RefusedError("no_service")
        if self.channels[channel].is_archived:
            raise RefusedError("channel_is_archived")
        if not arguments:
            raise RefusedError("invalid_payload")
        rules.check_content(arguments, is_update=False)
        self._pace("post", channel, POSTS_A_SECOND, POST_BURST)
        self._keep(channel, arguments)
        return {}

    # -- answering, and failing to

    async def _answer(
        self,
        request: web.Request,
        method: str,
        arguments: dict[str, Any],
        do: Callable[[], dict[str, Any]],
        say: Callable[[dict[str, Any] | RefusedError], web.Response],
    ) -> web.StreamResponse:
        trouble = self.next.popleft() if self.next else None
        trouble = None if trouble == Trouble() else trouble
        caller = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.path
        if code := self.refuses(caller, method, arguments):
            trouble = Trouble(error=code)
        if trouble and not trouble.takes:
            self.calls.append(
                Call(method=method, arguments=arguments, answer=trouble.error or trouble.fails or str(trouble.status))
            )
            return await _troubled(request, trouble, say)
        try:
            done: dict[str, Any] | RefusedError = do()
        except RefusedError as refused:
            done = refused
        self.calls.append(Call(method=method, arguments=arguments, answer=getattr(done, "code", "ok")))
        return await _troubled(request, trouble, say) if trouble else say(done)

    async def _control(self, request: web.Request) -> web.Response:
        match (request.method, request.match_info["what"]):
            case ("GET", "messages"):
                return web.json_response([asdict(message) for message in self.messages])
            case ("GET", "calls"):
                return web.json_response([asdict(call) for call in self.calls])
            case ("POST", "next"):
                self.next.extend(Trouble(**one) for one in await request.json())
            case ("POST", "delete"):
                self.delete(**await request.json())
            case ("POST", "channel"):
                changed = Conversation(**await request.json())
                self.channels[changed.id] = changed
            case ("POST", "tokens"):
                self.tokens = set(await request.json())
            case _:
                return web.json_response({}, status=404)
        return web.json_response({})


class ScopeError(RefusedError):
    """The token may not do that."""

    def __init__(self, needed: str, provided: list[str]) -> None:
        super().__init__("missing_scope")
        self.needed, self.provided = needed, ",".join(provided)


def _as_read(message: Posted, *, is_whole: bool) -> dict[str, Any]:
    """Give a message as it is read back: its metadata only to who asks for it."""
    content = {name: value for name, value in message.content.items() if name != "metadata" or is_whole}
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    return {"type": "message", "ts": message.ts, "bot_id": BOT, **thread, **content}


class LimitedError(RefusedError):
    """Too fast."""

    def __init__(self, seconds: int) -> None:
        super().__init__("ratelimited")
        self.seconds = seconds


def _said(done: dict[str, Any] | RefusedError) -> web.Response:
    """Answer as the Web API does: 200 even when it refuses, but for 429."""
    if isinstance(done, LimitedError):
        return web.json_response(
            {"ok": False, "error": done.code}, status=429, headers={"Retry-After": str(done.seconds)}
        )
    if isinstance(done, ScopeError):
        return web.json_response({"ok": False, "error": done.code, "needed": done.needed, "provided": done.provided})
    if isinstance(done, RefusedError):
        added = {"response_metadata": {"messages": list(done.messages)}} if done.messages else {}
        return web.json_response({"ok": False, "error": done.code, **added})
    return web.json_response({"ok": True, **done})


HOOK_STATUS = {
    "no_service": 404,
    "channel_is_archived": 410,
    "action_prohibited": 403,
    "channel_not_found": 404,
    "rollup_error": 500,
}


def _plainly(done: dict[str, Any] | RefusedError) -> web.Response:
    """Answer as an incoming webhook does: one word of plain text, and a status that means something."""
    if isinstance(done, LimitedError):
        return web.Response(text="rate_limited", status=429, headers={"Retry-After": str(done.seconds)})
    if isinstance(done, RefusedError):
        return web.Response(text=done.code, status=HOOK_STATUS.get(done.code, 400))
    return web.Response(text="ok")


async def _troubled(
    request: web.Request, trouble: Trouble, say: Callable[[dict[str, Any] | RefusedError], web.Response]
) -> web.StreamResponse:
    if trouble.fails == "hang":
        await asyncio.Event().wait()
    if trouble.fails == "drop" and request.transport is not None:
        request.transport.abort()
        return web.Response()
    if trouble.error:
        response = say(RefusedError(trouble.error))
        if trouble.status:
            response.set_status(trouble.status)
        response.headers.update(trouble.headers)
        return response
    headers = {"Content-Type": trouble.content_type, **trouble.headers}
    return web.Response(status=trouble.status or 200, body=trouble.body.encode(), headers=headers)


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Read a call's arguments: JSON or a form."""
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        read = json.loads(await request.text())
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a message shows."""
    content = {
        name: arguments[name]
        for name in ("text", "blocks", "attachments", "metadata", "username")
        if arguments.get(name)
    }
    if "text" in content:
        content["text"] = content["text"][: rules.MAX_POSTED_TEXT]
    return content


def _kept(content: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a message stays where an update does not name it.

    So Slack's pages had it of blocks and attachments for years, and so it was seen to do (slackapi/python-slack-sdk#523,
    slack-go/slack#1214); later ones say that a text alone takes them away, and of metadata still that it stays.
    """
    return {
        name: content[name]
        for name in ("blocks", "attachments", "metadata")
        if name in content.keys() - arguments.keys()
    }


@asynccontextmanager
async def serve_slack(
    *, clock: Callable[[], float] = time.monotonic, port: int = 0, token: str = TOKEN, paced: bool = True
) -> AsyncIterator[FakeSlack]:
    """Serve a workspace on loopback."""
    slack = FakeSlack(clock=clock, token=token, paced=paced)
    async with serve_app(slack.app(), port=port) as slack.port:
        yield slack


if __name__ == "__main__":

    @asynccontextmanager
    async def _serving(arguments: argparse.Namespace) -> AsyncIterator[int]:
        async with serve_slack(port=arguments.port, token=arguments.token, paced=not arguments.fast) as slack:
            yield slack.port

    parser = argparse.ArgumentParser(description="A strict Slack on loopback.")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--fast", action="store_true", help="without rate limits")
    run(_serving, parser)
