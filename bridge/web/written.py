"""Answers whose bytes are known at once.

aiohttp's own response makes each header anew and writes them with two objects, which cost 10 of the 30 µs of a request
(measured in 2026).
"""

from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, web

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n"


class Written(web.StreamResponse):
    """Stands for an answer that is on its way already."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: the head is written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body is written."""


WRITTEN = Written()


def answer_json(request: web.BaseRequest, text: str, now_seconds: int) -> web.StreamResponse:
    """Answer 200 with JSON, at once where the connection is as most are; `now_seconds` are since 1970.

    Who does not read its answers is waited for, as aiohttp's response does: they would pile up in memory.
    """
    transport, body = request.transport, text.encode()
    plain = request.version == HttpVersion11 and request.keep_alive
    if not plain or transport is None or transport.is_closing() or transport.get_write_buffer_size():
        return web.Response(body=body, content_type="application/json")
    head = HEAD.format(date=_date(now_seconds), length=len(body))
    transport.write(head.encode() + body)
    return WRITTEN


@lru_cache(1)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
