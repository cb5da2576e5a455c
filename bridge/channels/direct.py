"""Calls to one address, over aiohttp's connections, with nothing made anew that is the same in every call.

A session makes all of a request for every call: its headers, cookies and redirects, a task that writes the body. That
was the largest part of what an alarm cost (75 of 360 µs, measured in 2026). Here the head is written out once, and a
call is one write and one read. The connections, TLS, proxies and the parser are aiohttp's all the same.
"""

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDict
from yarl import URL

from bridge.channels.answers import FAILURES
from bridge.channels.http import beginning
from bridge.record import record


@record
class Reply:
    """What came back. `body` is None where it was cut off."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes | None


class Direct:
    """One address, called again and again. It follows no redirects."""

    def __init__(
        self, session: aiohttp.ClientSession, method: str, address: URL, headers: Mapping[str, str], proxy: URL | None
    ) -> None:
        """Take an open session, for its connections and its own headers; `headers` go out with every call."""
        assert session.connector is not None
        self._connector = session.connector
        self._loop = asyncio.get_running_loop()
        assert session.timeout.total is not None
        self._seconds = session.timeout.total
        self._timeout = aiohttp.ClientTimeout(total=self._seconds, connect=self._seconds)
        named = CIMultiDict(session.headers)
        named.update(headers)
        self._request = aiohttp.ClientRequest(
            method,
            address,
            headers=named,
            skip_auto_headers=session.skip_auto_headers,
            loop=self._loop,
            session=session,
            proxy=proxy,
            proxy_headers=session.headers if proxy else None,
        )
        self._start = ""

    async def call(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Make one call; raise one of FAILURES where no answer came."""
        begun = self._loop.time()
        connection = await self._connector.connect(self._request, [], self._timeout)
        protocol, transport = connection.protocol, connection.transport
        message, answer = None, None
        # At a tenth of the cost of asyncio.timeout: what is read from a connection ends with it.
        deadline = self._loop.call_at(begun + self._seconds, _abort, transport)
        try:
            assert protocol is not None
            message, payload = await self._exchange(protocol, transport, headers, body)
            answer = await beginning(payload)
            connection.release()  # which closes it where more is to come
        except FAILURES as error:
            connection.close()
            if message is None and self._loop.time() >= deadline.when():
                raise TimeoutError from error
            if message is None:
                raise
        except BaseException:
            connection.close()
            raise
        finally:
            deadline.cancel()
        return Reply(status=message.code, reason=message.reason, headers=message.headers, body=answer)

    async def _exchange(
        self,
        protocol: ResponseHandler,
        transport: asyncio.WriteTransport | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[RawResponseMessage, StreamReader]:
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        start = self._start or self._written_out()
        transport.write(f"{start}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer(protocol)

    async def _answer(self, protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
        """Wait for the answer's head, passing over those that announce another (100 to 199)."""
        try:
            message, payload = await protocol.read()
            while message.code < 200:
                message, payload = await protocol.read()
        except HttpProcessingError as error:
            raise aiohttp.ClientResponseError(
                self._request.request_info, (), status=error.code, message=error.message
            ) from error
        return message, payload

    def _written_out(self) -> str:
        """Write the head's beginning, once a connection is there: with a proxy that adds credentials."""
        request = self._request
        whole = request.proxy is not None and not request.is_ssl()
        target = str(request.url.with_user(None)) if whole else request.url.raw_path_qs
        named = [(name, value) for name, value in request.headers.items() if name.lower() != "content-length"]
        lines = "".join([f"{name}: {value}\r\n" for name, value in named])
        self._start = f"{request.method} {target} HTTP/1.1\r\n{lines}"
        return self._start


def _abort(transport: asyncio.WriteTransport | None) -> None:
    if transport is not None:
        transport.abort()
