"""An HTTP endpoint that records what it is sent and answers, or fails to, as it is told.

As a process: `python -m tests.fakes.endpoint --port 0` prints {"port": N}. Then

    GET    /_fake/requests          what was received
    DELETE /_fake/requests          forget it
    POST   /_fake/next   [{...}]    one Behaviour for each of the next requests
    POST   /_fake/always {...}      the Behaviour for all others
"""

import argparse
import asyncio
import base64
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from typing import Any

from tests.fakes.serving import LOOPBACK, run, serve_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, as it stood on the wire."""

    method: str
    target: str  # byte for byte
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int  # numbers connections: equal numbers mean that one was kept alive

    def header(self, name: str) -> str | None:
        """Give a header by its name, in any case of letters."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What becomes of one request."""

    status: int = 200
    body: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    fails: str = ""  # drop, hang, endless, cut, trickle, garbage: see Endpoint._fail
    delay: float = 0.0  # seconds before the answer
    held: asyncio.Event | None = None  # which the answer waits for


class Endpoint:
    """The endpoint: read `received`, fill `next`, set `always`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.next: deque[Behaviour] = deque()
        self.always = Behaviour()
        self.port = 0
        self.scheme = "http"
        self.most_under_way = 0  # requests at once
        self._under_way = 0
        self._connections = 0

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.port}{path}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is closed."""
        self._connections += 1
        number = self._connections
        while (request := await read_request(reader, number)) is not None:
            if request.target.startswith("/_fake/"):
                writer.write(_answer(self._control(request)))
                continue
            self.received.append(request)
            behaviour = self.next.popleft() if self.next else self.always
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            if behaviour.held is not None:
                await behaviour.held.wait()
            if behaviour.delay:
                await asyncio.sleep(behaviour.delay)
            self._under_way -= 1
            if behaviour.fails:
                await self._fail(behaviour, writer)
                return
            writer.write(_answer(behaviour))
            await writer.drain()

    async def _fail(self, behaviour: Behaviour, writer: asyncio.StreamWriter) -> None:
        """Fail after the request was read."""
        match behaviour.fails:
            case "drop":
                writer.transport.abort()
            case "hang":
                await asyncio.Event().wait()
            case "garbage":
                writer.write(b"\x00\xff this is not HTTP\r\n\r\n")
                await writer.drain()
            case "cut":  # promises more than it sends
                writer.write(_head(behaviour, length=1000) + behaviour.body.encode())
                await writer.drain()
            case "trickle":  # an answer whose body never ends, a little at a time
                writer.write(_head(behaviour, length=None))
                while True:
                    writer.write(b"1\r\n.\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            case "endless":  # and as fast as it is read
                writer.write(_head(behaviour, length=None))
                while True:
                    writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                    await writer.drain()

    def _control(self, request: Received) -> Behaviour:
        match (request.method, request.target):
            case ("GET", "/_fake/requests"):
                return Behaviour(body=json.dumps([_shown(one) for one in self.received]))
            case ("DELETE", "/_fake/requests"):
                self.received.clear()
            case ("POST", "/_fake/next"):
                self.next.extend(Behaviour(**_known(one)) for one in request.json())
            case ("POST", "/_fake/always"):
                self.always = Behaviour(**_known(request.json()))
            case _:
                return Behaviour(status=404, body="no such control")
        return Behaviour(body="{}")


@asynccontextmanager
async def serve_endpoint(*, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    """Serve an endpoint on loopback."""
    endpoint = Endpoint()
    async with serve_raw(endpoint.connected, port=port, tls=tls) as endpoint.port:
        endpoint.scheme = "https" if tls else "http"
        yield endpoint


async def read_request(reader: asyncio.StreamReader, connection: int = 0) -> Received | None:
    """Read one request; None at the end of the connection."""
    head = await _until_blank_line(reader)
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line))
    lower = {name.lower(): value for name, value in headers}
    if lower.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(lower.get("content-length", "0")))
    return Received(method=method, target=target, headers=headers, body=body, connection=connection)


async def _until_blank_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def _answer(behaviour: Behaviour) -> bytes:
    body = behaviour.body.encode()
    return _head(behaviour, length=len(body)) + body


def _head(behaviour: Behaviour, *, length: int | None) -> bytes:
    try:
        phrase = HTTPStatus(behaviour.status).phrase
    except ValueError:
        phrase = "Odd"
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    given = {"Content-Type": "text/plain", **behaviour.headers}
    lines = [f"HTTP/1.1 {behaviour.status} {phrase}", size, *(f"{name}: {value}" for name, value in given.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _known(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(Behaviour)}
    return {name: value for name, value in given.items() if name in names}


def _shown(request: Received) -> dict[str, Any]:
    body = base64.b64encode(request.body).decode()
    return {**asdict(request), "body": request.body.decode("utf-8", "replace"), "body_base64": body}


if __name__ == "__main__":

    @asynccontextmanager
    async def _serving(arguments: argparse.Namespace) -> AsyncIterator[int]:
        async with serve_endpoint(port=arguments.port) as endpoint:
            yield endpoint.port

    run(_serving, argparse.ArgumentParser(description="An HTTP endpoint that records what it is sent."))
