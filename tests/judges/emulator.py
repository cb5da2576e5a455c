"""A Slack that no one here wrote: npm's `emulate`, in a process of its own, on loopback.

It keeps messages, threads, edits and metadata, and refuses tokens without the scope; it does not look at blocks.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession

from tests.judges.judging import NODE, PLACE
from tests.process.running import until

PROGRAM = PLACE / "node_modules" / "emulate" / "dist" / "index.js"
BOT, READER = "xoxb-emulated-bot", "xoxb-emulated-reader"
SEED = {
    "slack": {
        "users": [{"name": "bridge", "real_name": "Alarm Bridge", "email": "bridge@ops.example"}],
        "channels": [{"name": "ops"}],
        "tokens": [
            {"token": BOT, "user": "bridge", "scopes": ["chat:write"]},
            {"token": READER, "user": "bridge", "scopes": ["channels:history", "channels:read"]},
        ],
        "strict_scopes": True,
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """The emulator that runs: where it is, and what stands in its channels."""

    url: str
    http: ClientSession

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def webhook(self) -> str:
        """The incoming webhook into #general that it has from the beginning."""
        return f"{self.url}/services/T000000001/B000000001/X000000001"

    async def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the Web API as somebody who may read."""
        headers = {"Authorization": f"Bearer {READER}"}
        async with self.http.post(f"{self.api_url}{method}", json=arguments, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["ok"], (method, answer)
        return answer

    async def history(self, name: str) -> list[dict[str, Any]]:
        """Give what stands at the top of a channel, the oldest first."""
        messages: list[dict[str, Any]] = (await self.ask("conversations.history", channel=await self._id(name)))[
            "messages"
        ]
        return messages[::-1]

    async def thread(self, name: str, ts: str) -> list[dict[str, Any]]:
        """Give the answers to a message."""
        replies = await self.ask("conversations.replies", channel=await self._id(name), ts=ts)
        return [one for one in replies["messages"] if one["ts"] != ts]

    async def _id(self, name: str) -> str:
        channels = (await self.ask("conversations.list"))["channels"]
        return next(str(one["id"]) for one in channels if one["name"] == name)


@asynccontextmanager
async def emulated(place: Path, http: ClientSession) -> AsyncIterator[Emulator]:
    """Run the emulator while the block lasts."""
    seed = place / "slack-seed.json"
    seed.write_text(json.dumps(SEED))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # it takes no port 0
    process = await asyncio.create_subprocess_exec(
        NODE, PROGRAM, "start", "--service", "slack", "--port", str(port), "--seed", seed,
        cwd=place, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    emulator = Emulator(url=f"http://127.0.0.1:{port}", http=http)
    try:
        await until(lambda: _answers(emulator), "the emulator answers", seconds=30)
        yield emulator
    finally:
        process.terminate()
        await process.wait()


async def _answers(emulator: Emulator) -> bool:
    try:
        return bool(await emulator.ask("auth.test"))
    except ClientError:
        return False
