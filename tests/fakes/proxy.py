"""An HTTP proxy: forwards absolute requests, opens tunnels, records both."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from tests.fakes.endpoint import Received, read_request
from tests.fakes.serving import LOOPBACK, serve_raw


class Proxy:
    """The proxy: read `received`; set `refuses` to a status to refuse everything with it."""

    def __init__(self, *, credentials: str = "") -> None:
        self.received: list[Received] = []
        self.tunnelled: list[bytes] = []  # the first bytes that went through each tunnel
        self.refuses = 0
        self.port = 0
        self._wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials + '@' if credentials else ''}{LOOPBACK}:{self.port}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        request = await read_request(reader)
        if request is None:
            return
        self.received.append(request)
        refused = self._refusal(request)
        if refused:
            writer.write(f"HTTP/1.1 {refused} Refused\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        elif request.method == "CONNECT":
            await self._tunnel(request, reader, writer)
        else:
            await self._forward(request, writer)

    def _refusal(self, request: Received) -> int:
        if self._wanted and request.header("Proxy-Authorization") != self._wanted:
            return 407
        return self.refuses

    async def _tunnel(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = request.target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        first = await reader.read(65536)
        self.tunnelled.append(first)
        back.write(first)
        try:
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        finally:
            back.close()

    async def _forward(self, request: Received, writer: asyncio.StreamWriter) -> None:
        url = URL(request.target, encoded=True)
        there, back = await asyncio.open_connection(url.host, url.port)
        kept = [
            (name, value)
            for name, value in request.headers
            if name.lower() not in {"proxy-authorization", "connection"}
        ]
        lines = [
            f"{request.method} {url.raw_path_qs} HTTP/1.1",
            *(f"{name}: {value}" for name, value in kept),
            "Connection: close",
        ]
        back.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body)
        try:
            await _pipe(there, writer)
        finally:
            back.close()


@asynccontextmanager
async def serve_proxy(*, credentials: str = "") -> AsyncIterator[Proxy]:
    """Serve a proxy on loopback."""
    proxy = Proxy(credentials=credentials)
    async with serve_raw(proxy.connected) as proxy.port:
        yield proxy


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65536):
        writer.write(some)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
