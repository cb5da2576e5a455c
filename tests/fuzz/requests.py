"""Requests of all kinds at a real bridge: none is answered with a 5xx, none leaves a traceback, memory stays.

Each request is made from the seed and its number alone, so that one that fails can be made again.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.mutating import mutated_body, random_body
from tests.process.running import Bridge

TOKEN = "token-of-the-fuzzer-0123"
CONNECTIONS = 16
ANSWER_SECONDS = 20.0
MOST_FINDINGS = 100
SAMPLES = Path(__file__).parents[2] / "bridge" / "samples"
METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "G\x00T", "post", "A" * 100)
PATHS = (
    "/",
    "/callback",
    "/callback/",
    f"/callback/{TOKEN}",
    f"/callback?token={TOKEN}",
    f"/callback/{TOKEN}/",
    "/callback/%00%ff%zz",
    "/callback/../healthz",
    "/callback?token=a&token=b&%",
    "//callback",
    "/healthz",
    "/readyz?x",
    "*",
    "http://other/callback",
    "/" + "a" * 9000,
)
HEADERS = (
    "Content-Type: text/plain",
    "Content-Type: application/json; charset=utf-99",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, chunked",
    "Content-Length: -1",
    "Content-Length: 99999999999",
    "Content-Length: 1, 2",
    "Expect: 100-continue",
    "Expect: everything",
    "Authorization: Basic !!!",
    "Authorization: Bearer \xff\xfe",
    "Authorization: Basic dGVuY2VudDp4",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "X: " + "y" * 9000,
    ": empty",
    "no colon",
    " folded",
    "Cookie: a=\x01",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Bytes to be sent. A `well_formed` one is a callback that must be answered with 200."""

    data: bytes
    well_formed: bool
    framed: bool = True  # it ends where it says: else the connection is closed behind it


@dataclass(slots=True)
class Findings:
    """What came of a run."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def log(self, words: str) -> None:
        """Note what is wrong, of much the beginning."""
        if len(self.wrong) < MOST_FINDINGS:
            self.wrong.append(words)


def request_of(seed: str, number: int, bodies: Sequence[bytes]) -> Request:
    """Make the request of a number."""
    random = Random(f"{seed}/{number}")
    kind = random.random()
    body = mutated_body(bodies, random) if kind < 0.85 else random_body(random)
    if kind < 0.93:
        target = random.choice((f"/callback/{TOKEN}", f"/callback?token={TOKEN}"))
        return Request(data=_whole("POST", target, (), body, random), well_formed=len(body) <= 1024**2)
    headers = random.sample(HEADERS, random.choice((0, 0, 1, 3)))
    data = _whole(random.choice(("POST", *METHODS)), random.choice(PATHS), headers, body, random)
    is_cut = random.random() < 0.3
    if is_cut:
        place = random.randrange(len(data))
        data = data[:place] + random.randbytes(random.randrange(6)) + data[place + random.randrange(6) :]
    return Request(data=data, well_formed=False, framed=not (is_cut or headers))


def _whole(method: str, target: str, headers: Sequence[str], body: bytes, random: Random) -> bytes:
    """Write a request, with its length or in chunks."""
    chunked = random.random() < 0.1
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: bridge", length, *headers])
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + (_in_chunks(body, random) if chunked else body)


def _in_chunks(body: bytes, random: Random) -> bytes:
    written = b""
    while body:
        size = random.choice((1, 7, 500, 100_000))
        written += f"{len(body[:size]):x}\r\n".encode() + body[:size] + b"\r\n"
        body = body[size:]
        if len(written) > 50_000:
            return written + f"{len(body):x}\r\n".encode() * bool(body) + body + b"\r\n" * bool(body) + b"0\r\n\r\n"
    return written + b"0\r\n\r\n"


async def send_all(bridge: Bridge, seed: str, numbers: range, findings: Findings) -> None:
    """Send the requests of these numbers over some connections at once."""
    bodies, left = sample_bodies(), iter(numbers)

    async def work() -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number in left:
            request = request_of(seed, number, bodies)
            connection = await _sent(bridge, request, f"seed {seed} request {number}", connection, findings)
        if connection is not None:
            connection[1].close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def _sent(
    bridge: Bridge,
    request: Request,
    name: str,
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None,
    findings: Findings,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Send one request and judge its answer; give the connection back where it may be used again."""
    if connection is None:
        connection = await asyncio.open_connection(*bridge.address)
    reader, writer = connection
    status, body, stays = "", b"", False
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(request.data)
            await writer.drain()
            if not request.framed:
                writer.write_eof()
            status, body, stays = await _answer(reader, has_body=not request.data.startswith(b"HEAD"))
    except TimeoutError:
        status = "silent"
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        status = "closed"
    findings.statuses[status] += 1
    if fault := fault_in(request, status, body):
        findings.log(f"{name}: {fault}")
    if stays and request.well_formed:
        return connection
    writer.close()
    return None


def fault_in(request: Request, status: str, body: bytes) -> str:
    """Say what is wrong with an answer; empty where nothing is."""
    if status.startswith("5"):
        return f"answered {status}: {body[:200]!r}"
    if not request.well_formed:
        return ""
    if status != "200":
        return f"a callback was answered {status}: {body[:200]!r}"
    return "" if body == b"ok" or json.loads(body).get("retCode") == 0 else f"answered {body[:200]!r}"


async def _answer(reader: asyncio.StreamReader, *, has_body: bool) -> tuple[str, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = head.split(" ", 2)[1]
    length = re.search(r"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE)
    body = await reader.readexactly(int(length[1])) if length and has_body else b""
    return status, body, "connection: close" not in head.lower()


def sample_bodies() -> list[bytes]:
    """Give the verbatim bodies."""
    return [path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))]


def resident(pid: int) -> int:
    """Give the memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
