"""The public listener: takes callbacks, and answers in the words that Tencent expects.

A handler is: who is it, what does it say, store it, answer. Nothing here waits for a chat. Tencent
gives up after 5 s and sends again up to three times (callback documents, 2019-2025), so every answer
comes before that, and a body is never refused for what it says.
"""

import asyncio
import json

from aiohttp import web

from bridge import sources
from bridge.alarm import Callback, ReadingKind
from bridge.clock import Clock, stored
from bridge.patience import WAIT_SECONDS
from bridge.web.credentials import Credentials
from bridge.web.desk import Desk, Taken
from bridge.web.settings import ServerSettings
from bridge.web.written import answer_json

BODY_SECONDS = 4.0  # for the whole body: half a body would stay open for ever
ANSWER_SECONDS = 4.5  # for body and store together
PROBES = frozenset({"/healthz", "/readyz"})


class CallbackListener:
    """What the public listener needs to take a callback."""

    def __init__(self, settings: ServerSettings, desk: Desk, clock: Clock) -> None:
        """Take the desk that stores what is let in."""
        self._credentials = Credentials(settings.auth)
        self.renew(settings)
        self._desk = desk
        self._clock = clock

    def renew(self, settings: ServerSettings) -> None:
        """Take callbacks by other settings from the next request on."""
        self.max_body = settings.max_body
        bare = settings.callback_path.rstrip("/")
        self._paths = (bare or "/", f"{bare}/")
        self._credentials.change(settings.auth)
        self._code = settings.verification_code.reveal() if settings.verification_code else ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request by its path and method."""
        path, method = request.path, request.method
        token = None if path in PROBES else self._token_behind(path)  # PROBES first: below "/" they would be tokens
        if path not in PROBES and token is None:
            raise web.HTTPNotFound
        if method == "POST" and token is not None:
            return await self._take(request, token)
        if method not in {"GET", "HEAD"}:
            raise web.HTTPMethodNotAllowed(method, ["GET", "HEAD"] if token is None else ["GET", "HEAD", "POST"])
        return await self._ready() if token is None else self._greet(request, token)

    def _token_behind(self, path: str) -> str | None:
        """Give what stands behind the callback's path, empty where nothing does; None where it is another path."""
        if path in self._paths:
            return ""
        token = path.removeprefix(self._paths[1]).removesuffix("/")  # which no token holds
        return None if not path.startswith(self._paths[1]) or not token or "/" in token else token

    async def _take(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        """Answer a callback once it is on disk."""
        begun = self._clock.monotonic()
        if not self._may_come_in(request, token):
            return self._unauthorized(request)
        try:
            body = await self._body(request)
        except TimeoutError:
            return self._failed(408, "the body did not arrive in time")
        except web.HTTPRequestEntityTooLarge:
            return self._failed(413, f"the body is larger than {self.max_body} bytes")
        except web.RequestPayloadError:
            request.content.feed_eof()  # else aiohttp stumbles over it again, with a traceback
            return self._failed(400, "the body is not encoded as its headers say")
        except ConnectionError:
            return self._failed(400, "the connection was lost within the body")
        return await self._taken(request, body, begun)

    def _greet(self, request: web.BaseRequest, token: str) -> web.Response:
        """Answer the check that Tencent's console makes when the URL is saved."""
        return web.Response(text="ok") if self._may_come_in(request, token) else self._unauthorized(request)

    async def _ready(self) -> web.Response:
        """Say whether callbacks can be taken; why not is told on the console listener alone."""
        if await self._desk.is_ready():
            return web.Response(text="ok")
        return web.Response(status=503, text="unavailable")

    async def _body(self, request: web.BaseRequest) -> bytes:
        if (size := request.content_length or 0) > self.max_body:
            raise web.HTTPRequestEntityTooLarge(self.max_body, size)
        if request.content.is_eof():  # it came with the headers: nothing to wait for
            body = request.content.read_nowait()
            if len(body) > self.max_body:
                raise web.HTTPRequestEntityTooLarge(self.max_body, len(body))
            return body
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()

    async def _taken(self, request: web.BaseRequest, body: bytes, begun: float) -> web.StreamResponse:
        received_at = stored(self._clock.now())
        reading = sources.read(body, received_at)
        try:
            taken = await self._handed_in(Callback(body=body, received_at=received_at, reading=reading), begun)
        except TimeoutError as error:
            self._desk.turn_away("failed", reason=str(error) or "body and store together took too long")
            taken = Taken(is_stored=False)
        if not taken.is_stored:
            return _answer(503, reading.session_id, 1, "the store cannot take it now: send it again")
        if self._code and reading.kind is ReadingKind.VERIFICATION and b'"msg"' in body:
            return web.Response(text=self._code)
        content = _content(reading.session_id, 0, taken.message)
        return answer_json(request, content, int(received_at.timestamp()))

    async def _handed_in(self, callback: Callback, begun: float) -> Taken:
        """Have it stored, in the time that a slow body left; raise TimeoutError."""
        left = begun + ANSWER_SECONDS - self._clock.monotonic()
        if left > WAIT_SECONDS:  # the store's own limit comes first
            return await self._desk.take(callback, begun)
        async with asyncio.timeout(left):
            return await self._desk.take(callback, begun)

    def _may_come_in(self, request: web.BaseRequest, token: str) -> bool:
        if self._credentials.everybody:
            return True
        tokens = [*(request.query.getall("token", ()) if request.query_string else ()), *([token] if token else ())]
        return self._credentials.allow(tokens, request.headers.get("Authorization", ""))

    def _unauthorized(self, request: web.BaseRequest) -> web.Response:
        self._desk.turn_away("unauthorized", peer=request.remote)
        response = web.Response(status=401, text="wrong or missing credentials")
        response.headers["WWW-Authenticate"] = 'Basic realm="alarm-bridge"'
        response.force_close()
        return response

    def _failed(self, status: int, reason: str) -> web.Response:
        self._desk.turn_away("failed", reason=reason)
        response = _answer(status, "", 1, reason)
        response.force_close()
        return response


def _answer(status: int, session_id: str, code: int, message: str) -> web.Response:
    content = _content(session_id, code, message)
    return web.Response(status=status, body=content.encode(), content_type="application/json")


def _content(session_id: str, code: int, message: str) -> str:
    """Make the answer in Tencent's form (callback documents, 2017 and 2019)."""
    more = f', "message": {json.dumps(message)}' if message else ""
    return f'{{"sessionId": {json.dumps(session_id)}, "retCode": {code}{more}}}'
