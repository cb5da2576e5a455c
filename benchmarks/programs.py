"""The two programs that are compared, each run as its users run it, and what they are told."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 30.0
STOP_SECONDS = 20.0
ALERTMANAGERS = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and its own

ALERTMANAGER_CONFIG = """\
route:
  receiver: sink
  group_by: ["..."]        # each alert by itself, as the bridge does it
  group_wait: 0s           # at once
  group_interval: 1s
  repeat_interval: 24h
receivers:
  - name: sink
    webhook_configs:
      - url: http://127.0.0.1:{sink}/hook
"""

BRIDGE_CONFIG = """\
server:
  listen: 127.0.0.1:{port}
  auth: {{tokens: ["${{BENCH_TOKEN}}"]}}
console: {{listen: 127.0.0.1:{console}}}
store: sqlite:///bench.db
channels:
  sink: {{type: webhook, url: "http://127.0.0.1:{sink}/hook"}}
routes:
{routes}
default_channels: [sink]
"""
ROUTE = '  - {{name: team-{number}, match: {{product: cdb, policy_name: "team-{number}-*"}}, channels: []}}'
ROUTES = 10  # none matches, so all are read


@dataclass(frozen=True, kw_only=True)
class Program:
    """How to start a program, when it is ready, and how to tell it of an alarm."""

    name: str
    command: Callable[[Path, int, int], list[str]]  # directory, port, the sink's port
    ready: str
    request: Callable[[str, str], bytes]  # token, the object's name


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A program that runs."""

    port: int
    pid: int
    request: Callable[[str], bytes]

    def memory_bytes(self) -> int:
        """Give the memory of all its processes, what they share counted once (`Pss` of Linux, proc(5))."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in family(self.pid)]
        return sum(1024 * int(text.partition("\nPss:")[2].split()[0]) for text in rollups)


def family(pid: int) -> list[int]:
    """Give a process and all that it started, and they."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


def programs() -> dict[str, Program]:
    """Give both, the bridge first."""
    bridge = Program(name="bridge", command=_bridge, ready="/readyz", request=_callback)
    other = Program(name="alertmanager", command=_alertmanager, ready="/-/ready", request=_alert)
    return {program.name: program for program in (bridge, other)}


def alertmanager() -> str | None:
    """Give the path of Alertmanager, if it is installed."""
    return next((path for path in map(shutil.which, ALERTMANAGERS) if path), None)


@contextmanager
def serving(program: Program, place: Path, sink: int) -> Iterator[Serving]:
    """Run a program in a new directory until the end of the block; its log goes to a file there."""
    place.mkdir(parents=True)
    port, token = free_port(), secrets.token_urlsafe(24)
    environ = {**os.environ, "BENCH_TOKEN": token, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    command = program.command(place, port, sink)
    with (place / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}{program.ready}", place / "log")
        yield Serving(port=port, pid=process.pid, request=lambda name: program.request(token, name))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Give a port that nobody has just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(int(READY_SECONDS / 0.1)):
        try:
            with urlopen(url, timeout=1):  # noqa: S310 - loopback
                return
        except (URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)  # nothing else goes on yet
    raise SystemExit(f"{process.args!r} did not become ready:\n{log.read_text()[-2000:]}")


def serve(place: Path, text: str) -> list[str]:
    """Give the command that serves a config with this text."""
    config = place / "bench.yaml"
    config.write_text(text)
    return [sys.executable, "-m", "bridge", "serve", "-c", str(config)]


def _bridge(place: Path, port: int, sink: int) -> list[str]:
    routes = "\n".join(ROUTE.format(number=number) for number in range(ROUTES))
    return serve(place, BRIDGE_CONFIG.format(port=port, console=free_port(), sink=sink, routes=routes))


def _alertmanager(place: Path, port: int, sink: int) -> list[str]:
    config = place / "alertmanager.yml"
    config.write_text(ALERTMANAGER_CONFIG.format(sink=sink))
    return [
        alertmanager() or ALERTMANAGERS[0],
        f"--config.file={config}",
        f"--storage.path={place / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]


def _callback(token: str, name: str) -> bytes:
    """Make a metric alarm as Tencent Cloud sends it (callback document of 2023): about 900 bytes."""
    body = {
        "sessionId": f"session-{name}",
        "alarmStatus": "1",
        "alarmType": "metric",
        "alarmObjInfo": {
            "region": "gz",
            "namespace": "qce/cvm",
            "appId": "1250000000",
            "uin": "100000000000",
            "dimensions": {"unInstanceId": name, "objId": f"id-{name}", "objName": f"10.1.2.3#{name}"},
        },
        "alarmPolicyInfo": {
            "policyId": "policy-benchmark",
            "policyType": "cvm_device",
            "policyName": "bench: CPU",
            "policyTypeCName": "CVM",
            "conditions": {
                "metricName": "cpu_usage",
                "metricShowName": "CPU utilization",
                "calcType": ">",
                "calcValue": "90",
                "calcUnit": "%",
                "currentValue": "97.5",
                "unit": "%",
                "period": "60",
                "periodNum": "3",
                "alarmNotifyType": "continuousAlarm",
                "alarmNotifyPeriod": 300,
            },
        },
        "firstOccurTime": "2026-11-01 15:00:00",
        "durationTime": 0,
        "recoverTime": "0",
    }
    return _post(f"/callback/{token}", body)


def _alert(_token: str, name: str) -> bytes:
    labels = {
        "alertname": "CPU utilization",
        "instance": name,
        "policy": "policy-benchmark",
        "namespace": "qce/cvm",
        "region": "gz",
    }
    annotations = {"summary": "CPU utilization > 90 %, now 97.5 %", "description": "since 2026-11-01 15:00:00"}
    return _post("/api/v2/alerts", [{"labels": labels, "annotations": annotations}])


def _post(path: str, value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
