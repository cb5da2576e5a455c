"""Sockets that are opened for another process."""

import asyncio
import errno
import socket
from types import SimpleNamespace

import pytest

from bridge.web import listening
from bridge.web.listening import bound
from bridge.web.settings import Address

NAMES = [
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
]


def without(monkeypatch, *families):
    """Let this machine have none of these families, and a name have both."""

    def opened(family=socket.AF_INET, *rest):
        if family in families:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return socket.socket(family, *rest)

    async def found(*_args, **_options):
        return NAMES

    monkeypatch.setattr(listening, "socket", SimpleNamespace(**{**vars(socket), "socket": opened}))
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)


async def test_a_name_of_which_one_family_is_missing_is_listened_at_by_the_other(monkeypatch):
    without(monkeypatch, socket.AF_INET6)
    (door,) = await bound(Address(host="localhost", port=0))
    with door:
        assert door.family == socket.AF_INET


async def test_where_none_is_there_it_is_said_in_words(monkeypatch):
    without(monkeypatch, socket.AF_INET6, socket.AF_INET)
    with pytest.raises(OSError, match=r"^cannot listen on localhost:0: Address family not supported by protocol"):
        await bound(Address(host="localhost", port=0))
