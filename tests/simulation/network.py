"""Connections without sockets: what one end writes the other reads in the next turn of the loop."""

import asyncio
import contextvars
import socket
from collections.abc import Callable
from typing import Any

from tests.simulation.loop import PROCESS, SimLoop

Address = tuple[str, int]


class Network:
    """Who listens, and who is connected."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._listening: dict[Address, Listening] = {}
        self._wanted: dict[socket.socket, Address] = {}

    def serve(self, factory: Callable[[], Any], host: str, port: int) -> "Listening":
        """Listen; the protocols live in the process that does."""
        listening = Listening(self, factory, (host, port))
        self._listening[(host, port)] = listening
        return listening

    def close(self, listening: "Listening") -> None:
        if self._listening.get(listening.address) is listening:
            del self._listening[listening.address]

    async def knock(self, sock: socket.socket, address: Address) -> None:
        """See whether somebody listens there."""
        await asyncio.sleep(0)
        self._find(address)
        self._wanted[sock] = address

    async def connect(self, factory: Callable[[], Any], sock: socket.socket) -> tuple[Any, Any]:
        """Connect a socket that was knocked with."""
        address = self._wanted.pop(sock)
        sock.close()
        return self.join(factory(), address)

    def join(self, protocol: Any, address: Address) -> tuple["End", Any]:
        """Connect a protocol with whoever listens."""
        listening = self._find(address)
        near, far = End(self._loop, address), End(self._loop, ("10.0.0.1", 40000))
        near.peer, far.peer = far, near
        near.opened(protocol, contextvars.copy_context())
        listening.context.run(far.opened, listening.factory(), listening.context)
        return near, protocol

    def _find(self, address: Address) -> "Listening":
        listening = self._listening.get(address)
        if listening is None or (listening.process and listening.process.is_dead):
            raise ConnectionRefusedError(111, f"Connection refused by {address}")
        return listening


class Listening:
    """A listener, as asyncio's servers look."""

    def __init__(self, network: Network, factory: Callable[[], Any], address: Address) -> None:
        self.factory, self.address = factory, address
        self.context = contextvars.copy_context()
        self.process = PROCESS.get(None)
        self._network = network

    @property
    def sockets(self) -> list["Listening"]:
        return [self]

    def getsockname(self) -> Address:
        return self.address

    def close(self) -> None:
        self._network.close(self)

    async def wait_closed(self) -> None:
        pass


class End(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, loop: SimLoop, address: Address) -> None:
        super().__init__({"peername": address, "sockname": ("127.0.0.1", 1), "socket": None})
        self.peer: End
        self._loop = loop
        self._protocol: Any = None
        self._closing = self._lost = False
        self._paused: list[bytes] | None = None

    def opened(self, protocol: Any, context: contextvars.Context) -> None:
        self._protocol, self._context = protocol, context.copy()
        self._process = PROCESS.get(None)
        if self._process is not None:
            self._process.ends[self] = None
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        if not self._closing and not (self._process and self._process.is_dead):
            self._soon(self.peer, "_read", bytes(data))

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        """Say goodbye: what was written arrives before."""
        if self._closing:
            return
        self._closing = True
        self._soon(self.peer, "_left")
        self._soon(self, "_end", None)

    def abort(self, error: Exception | None = None) -> None:
        """Break the connection at both ends."""
        if not self._closing:
            self._closing = True
            self._soon(self.peer, "_end", ConnectionResetError(104, "Connection reset by peer"))
        self._soon(self, "_end", error)

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._paused = [] if self._paused is None else self._paused

    def resume_reading(self) -> None:
        waiting, self._paused = self._paused or [], None
        for data in waiting:
            self._soon(self, "_read", data)

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def _soon(self, end: "End", name: str, *values: Any) -> None:
        self._loop.call_soon(getattr(end, name), *values, context=getattr(end, "_context", None))

    def _read(self, data: bytes) -> None:
        if self._paused is not None:
            self._paused.append(data)
        elif not self._lost:
            self._protocol.data_received(data)

    def _left(self) -> None:
        if not self._lost:
            self._protocol.eof_received()
            self._closing = True
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        self._closing = True
        if not self._lost:
            self._lost = True
            if self._process is not None:
                self._process.ends.pop(self, None)
            self._protocol.connection_lost(error)
