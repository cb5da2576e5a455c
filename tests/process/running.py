"""How tests run the bridge: as processes of its own, which are watched until a condition holds and always ended.

Nothing here waits for a fixed time: every wait is for a condition, and has a limit after which the test fails with
what was said until then.
"""

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession

ROOT = Path(__file__).parents[2]
SECONDS = 10.0  # for what takes well under one
READY_SECONDS = 30.0  # for a process to serve: others may have the processors
LINE = 8 * 1024 * 1024  # bytes of a line of output, at most
TELLING = 30  # lines of output that a failure shows

C = TypeVar("C", bound="Command")


async def until(holds: Callable[[], Any], what: str, *, seconds: float = SECONDS) -> Any:
    """Wait until a condition holds, which may be a coroutine's; give what it gave."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        value = holds()
        value = await value if inspect.isawaitable(value) else value
        if value:
            return value
        assert loop.time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.01)


def edges(pid: int) -> list[int]:
    """Give the process ids of a bridge's edges: it has no other children, but those that check a config."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # it ends just now
        return []


def environment(home: Path, **more: str) -> dict[str, str]:
    """Give an environment that holds nothing of the user's."""
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    return {**given, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), **more}


def write_config(place: Path, content: Mapping[str, Any] | str, name: str = "config.yaml") -> Path:
    """Write a config: YAML as it stands, or a mapping, to which listeners on free ports and a store are added."""
    path = place / name
    if isinstance(content, str):
        path.write_text(content)
        return path
    base = {
        "server": {"listen": "127.0.0.1:0", "auth": "off"},
        "console": {"listen": "127.0.0.1:0"},
        "store": "sqlite:///alarm-bridge.db",
        "default_channels": [*content.get("channels", {})],
    }
    path.write_text(json.dumps(base | dict(content), indent=1))
    return path


@dataclass(slots=True, kw_only=True)
class Command:
    """A command of the bridge that runs: what it has said until now."""

    process: asyncio.subprocess.Process
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """Everything on both outputs."""
        return "\n".join([*self.out, *self.err])

    async def ended(self, *, seconds: float = SECONDS) -> int:
        """Wait for its end and give the exit code."""
        try:
            async with asyncio.timeout(seconds):
                code = await self.process.wait()
                await asyncio.gather(*self.readers)
        except TimeoutError:
            raise AssertionError(f"it did not end within {seconds:g} s: {self.latest}") from None
        return code

    async def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        if self.process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
        await self.ended()

    @property
    def latest(self) -> str:
        """The last of what it said, for the words of a failure."""
        return "\n".join([*self.out[-TELLING:], *self.err[-TELLING:]])


@dataclass(slots=True, kw_only=True)
class Bridge(Command):
    """`alarm-bridge serve`: where it listens, and what it logs."""

    http: ClientSession
    serving: Mapping[str, Any] = field(default_factory=dict)  # the line that says so

    @property
    def url(self) -> str:
        """Where callbacks go."""
        return f"http://{self.serving['callbacks']}/callback"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the public listener."""
        host, _, port = self.serving["callbacks"].rpartition(":")
        return host, int(port)

    def logged(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Give the log lines of an event that have these fields."""
        lines = [json.loads(line) for line in self.err if f'"event":"{event}"' in line]
        return [line for line in lines if all(line.get(name) == value for name, value in fields.items())]

    async def log(self, event: str, *, seconds: float = SECONDS, **fields: Any) -> dict[str, Any]:
        """Wait for such a line and give the first one."""

        def found() -> list[dict[str, Any]]:
            return self.logged(event, **fields)

        try:
            first: dict[str, Any] = (await until(found, f"{event} {fields}", seconds=seconds))[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.latest}") from None
        return first

    async def post(self, body: bytes, **options: Any) -> tuple[int, str]:
        """Post a callback; give the answer's status and text."""
        async with self.http.post(self.url, data=body, **options) as response:
            return response.status, await response.text()

    async def accept(self, *bodies: bytes) -> None:
        """Post callbacks, one after the other, all of which must be taken."""
        for body in bodies:
            status, text = await self.post(body)
            assert (status, json.loads(text)["retCode"]) == (200, 0), text

    async def get(self, path: str, *, console: bool = False) -> tuple[int, str]:
        """Ask one of the listeners."""
        where = self.serving["console" if console else "callbacks"]
        async with self.http.get(f"http://{where}{path}") as response:
            return response.status, await response.text()

    async def health(self) -> dict[str, Any]:
        """Ask the console how the bridge is."""
        health: dict[str, Any] = json.loads((await self.get("/health", console=True))[1])
        return health

    async def idle(self, *, seconds: float = SECONDS) -> None:
        """Wait until nothing waits for any channel."""

        async def is_idle() -> bool:
            return not any(one["waiting"] for one in (await self.health())["channels"].values())

        try:
            await until(is_idle, "every queue is empty", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.latest}") from None

    async def terminate(self, *, seconds: float = SECONDS) -> int:
        """End it with SIGTERM and give the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.ended(seconds=seconds)


class Runner:
    """Starts commands in one directory, and ends them all."""

    def __init__(self, place: Path, http: ClientSession) -> None:
        self.place = place
        self.http = http
        self._commands: list[Command] = []

    async def serve(
        self,
        config: Mapping[str, Any] | str | Path,
        *options: str,
        before: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> Bridge:
        """Serve and wait until it says that it does. `before`: what starts the command, such as `unshare`."""
        bridge = await self.start(config, *options, before=before, environ=environ)
        await until(lambda: bridge.logged("serving") or bridge.process.returncode, "it serves", seconds=READY_SECONDS)
        lines = bridge.logged("serving")
        assert lines, f"it does not serve: {bridge.latest}"
        bridge.serving = lines[0]
        return bridge

    async def start(
        self,
        config: Mapping[str, Any] | str | Path,
        *options: str,
        before: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> Bridge:
        """Start `serve` without waiting for it."""
        path = config if isinstance(config, Path) else write_config(self.place, config)
        process = await self._start("serve", "-c", str(path), *options, before=before, environ=environ)
        return self._watch(Bridge(process=process, http=self.http))

    async def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, seconds: float = READY_SECONDS
    ) -> tuple[int, str, str]:
        """Run a command to its end; give exit code, standard output and standard error."""
        command = self._watch(Command(process=await self._start(*arguments, environ=environ)))
        code = await command.ended(seconds=seconds)
        return code, "".join(f"{line}\n" for line in command.out), "".join(f"{line}\n" for line in command.err)

    async def begin(self, *arguments: str) -> Command:
        """Run a command without waiting for its end."""
        return self._watch(Command(process=await self._start(*arguments)))

    async def end(self) -> None:
        """Kill what still runs; no command may have shown a traceback."""
        for command in self._commands:
            await command.kill()
        for command in self._commands:
            assert "Traceback" not in command.said, command.said

    async def _start(
        self, *arguments: str, before: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *before,
            sys.executable,
            "-m",
            "bridge",
            *arguments,
            cwd=self.place,
            env=environment(self.place, **(environ or {})),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE,
            start_new_session=True,
        )

    def _watch(self, command: C) -> C:
        """Keep reading what it says, so that it never waits for a reader."""
        self._commands.append(command)
        assert command.process.stdout is not None
        assert command.process.stderr is not None
        command.readers += [
            asyncio.ensure_future(_read(command.process.stdout, command.out)),
            asyncio.ensure_future(_read(command.process.stderr, command.err)),
        ]
        return command


async def _read(stream: asyncio.StreamReader, into: list[str]) -> None:
    while line := await stream.readline():
        into.append(line.decode("utf-8", "replace").rstrip("\n"))
