"""Configs of all kinds: each is read, or refused in words that hold no secret, within seconds and without a traceback."""

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from bridge.channels import mark_of
from bridge.clock import SystemClock
from bridge.config import Config, ConfigError, load
from bridge.parts import intake_of
from tests.fuzz.mutating import mutated_text

SECRET = "kept-0123456789-secret"
ENVIRON = {"BRIDGE_TOKEN": SECRET, "BRIDGE_PASSWORD": SECRET, "SLACK_BOT_TOKEN": f"xoxb-{SECRET}", "TOKEN": SECRET}
MOST_SECONDS = 5.0  # for one config
MOST_GROWTH = 0.1  # of memory, after the first tenth
ROOT = Path(__file__).parents[2]


RICH = """
server:
  listen: 127.0.0.1:8080
  auth:
    tokens: ["${BRIDGE_TOKEN}"]
    basic: [{username: tencent, password: "${BRIDGE_PASSWORD}"}]
console: {listen: "[::1]:8081", auth: off}
store: sqlite:///alarm-bridge.db
language: zh
timezone: Asia/Shanghai
retention: 30d
heartbeat: {url: "${HEARTBEAT_URL:-}", every: 1m}
channels:
  ops:
    type: slack
    token: "${SLACK_BOT_TOKEN}"
    channel: "#ops"
    on_repeat: [update]
    on_recovered: [update, thread]
    mention: {triggered: ["<!here>"]}
    fallback: tickets
    rate: 60/min
  tickets:
    type: webhook
    url: https://tickets.example.com/alarms
    headers: {X-Team: "${TOKEN}"}
    timeout: 5s
    give_up_after: 1h30m
  here: {type: terminal}
routes:
  - name: databases
    match: {product: [cdb, redis], policy_name: "prod-*"}
    channels: [tickets]
    continue: true
  - name: cvm
    match: {product: cvm, region: gz, dimensions.unInstanceId: "~ins-[a-z0-9]+", tags.team: "!=*"}
    channels: [ops]
    repeat_interval: 1h
    links: {runbook: "https://example.com/"}
    vars: {who: "me", list: [1, 2]}
    routes:
      - match: {severity: serious}
        channels: [ops, tickets]
        urgent: true
default_channels: [here]
"""


def texts() -> list[str]:
    """Give the configs to begin with: two that are right, as often as all those with one mistake each."""
    files = [ROOT / "config.example.yaml", *sorted((ROOT / "tests" / "configs").glob("*.yaml"))]
    right = [RICH, RICH, RICH, (ROOT / "config.example.yaml").read_text("utf-8")]
    return right * (len(files) // len(right)) + [
        text for text in (file.read_bytes().decode("utf-8", "replace") for file in files) if len(text) < 20_000
    ]


def config_of(seed: str, number: int, known: Sequence[str], pieces: Sequence[str]) -> str:
    """Make the config of a number."""
    random = Random(f"{seed}/{number}")
    return mutated_text(random.choice(known), pieces, random)


def fuzz_configs(seed: str, count: int, folder: Path) -> list[str]:
    """Try so many, print figures, and give what is wrong."""
    begun, tenth = time.monotonic(), max(1, count // 10)
    counts, wrong = try_all(seed, range(tenth), folder)
    before = resident()
    more, others = try_all(seed, range(tenth, count), folder)
    growth = resident() / before - 1
    taken, refused = (counts[each] + more[each] for each in ("taken", "refused"))
    seconds = time.monotonic() - begun
    print(
        f"{count} configs in {seconds:.0f} s: {taken} taken, {refused} refused; memory {growth:+.1%} after the first tenth"
    )
    grew = [f"seed {seed}: memory grew by {growth:.1%} with configs"] if growth > MOST_GROWTH else []
    return [*wrong, *others, *grew]


def try_all(seed: str, numbers: range, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Try the configs of these numbers; give how many were taken and refused, and what is wrong with the bridge."""
    known = texts()
    pieces = sorted({line for text in known for line in text.splitlines(keepends=True) if line.strip()})
    counts, wrong = {"taken": 0, "refused": 0}, []
    for number in numbers:
        begun = time.monotonic()
        try:
            outcome, fault = tried(config_of(seed, number, known, pieces), folder / "config.yaml", ENVIRON)
            counts[outcome] += 1
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            fault = f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - begun
        if not fault and seconds > MOST_SECONDS:
            fault = f"took {seconds:.1f} s"
        if fault:
            wrong.append(f"seed {seed} config {number}: {fault}")
    return counts, wrong


def tried(text: str, file: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Read one config; give what became of it, and what is wrong with that."""
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        config = load(file, environ).config
    except ConfigError as error:
        said = str(error)
        wrong = "it shows a secret" if SECRET in said else "" if said else "it was refused without a word"
        return "refused", wrong
    return "taken", use(config)


def use(config: Config) -> str:
    """Use a config as the bridge would; say what is wrong with it."""
    intake_of(config, SystemClock())
    for settings in config.channels.values():
        mark_of(settings)
    return "it shows a secret" if SECRET in repr(config) else ""


def resident() -> int:
    """Give the memory of this process in KiB, at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
