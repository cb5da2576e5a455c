"""A real bridge for the requests: three kinds of channels, whose other ends take everything."""

import json
import time
from pathlib import Path

from aiohttp import ClientSession, web

from tests.fakes.serving import serve_app
from tests.fuzz.requests import TOKEN, Findings, resident, send_all
from tests.process.running import Bridge, Runner, edges

MOST_GROWTH = 0.1  # of memory, after the first tenth
STEPS = 10
IDLE_SECONDS = 300.0


async def fuzz_requests(seed: str, count: int, folder: Path, *, most_growth: float = MOST_GROWTH) -> list[str]:
    """Send so many, print figures, and give what is wrong."""
    begun, findings, memory = time.monotonic(), Findings(), []
    async with ClientSession() as http, serve_app(_takes_all()) as port:
        runner = Runner(folder, http)
        bridge = await runner.serve(_config(port))
        try:
            for step in range(STEPS):
                await send_all(bridge, seed, range(step * count // STEPS, (step + 1) * count // STEPS), findings)
                await bridge.idle(seconds=IDLE_SECONDS)
                print(f"  {(step + 1) * count // STEPS} requests, {time.monotonic() - begun:.0f} s", flush=True)
                memory.append(sum(map(resident, (bridge.pid, *edges(bridge.pid)))))
                _judge_log(bridge, findings)
            code = await bridge.terminate(seconds=30)
        finally:
            await runner.end()
    growth = max(memory) / memory[0] - 1
    statuses = ", ".join(f"{status} {number}" for status, number in sorted(findings.statuses.items()))
    print(f"{count} requests in {time.monotonic() - begun:.0f} s: {statuses}")
    print(f"memory {[round(each / 1024) for each in memory]} MiB, {growth:+.1%} after the first tenth", flush=True)
    grew = [f"seed {seed}: memory grew by {growth:.1%} with requests"] if growth > most_growth else []
    return [*findings.wrong, *grew, *([f"it ended with {code}"] if code else [])]


def _config(port: int) -> dict[str, object]:
    """Give a config in which every kind of channel is told of everything, in both languages."""
    own = {"rate": "off", "on_repeat": ["post"]}
    slack = {"type": "slack", "token": "xoxb-fuzz", "channel": "C1", "api_url": f"http://127.0.0.1:{port}/api/", **own}
    return {
        "server": {"listen": "127.0.0.1:0", "auth": {"tokens": [TOKEN]}},
        "channels": {
            "slack": slack,
            "zh": {**slack, "language": "zh", "channel": "C2", "timezone": "UTC"},
            "hook": {"type": "webhook", "url": f"http://127.0.0.1:{port}/hook"},
            "here": {"type": "terminal"},
        },
        "routes": [
            {"match": {"policy_name": "~.*[0-9].*"}, "channels": ["slack", "hook"], "links": {"runbook": "http://a/"}},
            {"match": {"dimensions.unInstanceId": "!ins-1*"}, "channels": ["zh", "here"], "continue": True},
        ],
        "default_channels": ["slack", "zh", "hook", "here"],
    }


def _takes_all() -> web.Application:
    """Take every message, as Slack or any other endpoint does."""
    numbers = iter(range(1, 10**9))

    async def take(request: web.Request) -> web.Response:
        await request.read()
        said = {"ok": True, "channel": request.path[-2:], "ts": f"{next(numbers)}.000100"}
        return web.json_response(said)

    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{rest:.*}", take)
    return app


def _judge_log(bridge: Bridge, findings: Findings) -> None:
    """Look for tracebacks and errors in what was logged, and forget it: it is much."""
    for line in bridge.err:
        fields = json.loads(line)
        if fields["level"] in {"error", "critical"} or "exception" in fields:
            findings.log(f"logged: {line[:2000]}")
    bridge.err.clear()
    bridge.out.clear()
