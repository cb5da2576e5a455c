"""How long a person waits for an answer with a million callbacks stored: each command as a process of its own.

Rows are written as the bridge writes them, half of them triggers and half recoveries, each delivered at once; the
commands then run as `alarm-bridge` does, and the clock runs from their start to the end of what they print.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any

from sqlalchemy import Table, bindparam, insert

from bridge import samples
from bridge.clock import SystemClock
from bridge.episode import short_id
from bridge.store.engines import engine
from bridge.store.ids import IdSequence
from bridge.store.opening import open_store
from bridge.store.prepared import Prepared
from bridge.store.schema import attempts, callbacks, deliveries, episodes, events

SAMPLE = "capture-2021-cvm-memory-triggered"
DAYS = 30
OBJECTS, POLICIES = 5000, 200
OPEN_EVERY = 50  # one alarm in so many stays open
BATCH = 2000  # alarms
NEW = "a new alarm"
OVER = "the end of a known alarm"
CONFIG = {
    "server": {"auth": "off"},
    "store": "sqlite:///asking.db",
    "channels": {"ops": {"type": "terminal"}},
    "default_channels": ["ops"],
}
Rows = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command, and how many seconds it may take: to its first line, or to its end."""

    words: tuple[str, ...]
    seconds: float
    first_line: bool = False


def main() -> int:
    """Fill a store, ask, print a table; give 1 where something took too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a directory for the store, which is filled once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(exist_ok=True)
        (place / "config.yaml").write_text(json.dumps(CONFIG))
        if not (place / "asking.db").exists():
            fill(place / "asking.db", options.callbacks // 2)
        return report(place, list(questions(options.callbacks // 2)), options.rounds)


def fill(path: Path, alarms: int) -> None:
    """Write so many alarms over the last days."""
    open_store(path, SystemClock(), random.Random(1)).close()  # noqa: S311 - made-up data
    writing = engine(path, "IMMEDIATE")
    begun, chance = perf_counter(), random.Random(2)  # noqa: S311 - made-up data
    first, step = round((time() - DAYS * 86400) * 1000), DAYS * 86_400_000 // alarms
    for start in range(0, alarms, BATCH):
        rows: Rows = {table: [] for table in (callbacks, episodes, events, deliveries, attempts)}
        for number in range(start, min(start + BATCH, alarms)):
            life(rows, number, first + number * step, chance)
        with writing.begin() as connection:
            for table, values in rows.items():
                given = insert(table).values({name: bindparam(name) for name in values[0]})
                Prepared(given, writing.dialect).run(connection, values)
    writing.dispose()
    print(f"{alarms * 2:,} callbacks in {path.stat().st_size / 2**20:,.0f} MiB, {perf_counter() - begun:,.0f} s")


def life(rows: Rows, number: int, at: int, chance: random.Random) -> None:
    """Write one alarm: its trigger, and a minute later its recovery."""
    id_, over = IdSequence.at(at), IdSequence.at(at + 60_000)
    name, policy = object_name(chance.randrange(OBJECTS)), f"policy-{chance.randrange(POLICIES):04}"
    is_open = number % OPEN_EVERY == 0
    rows[episodes].append(
        {
            "id": id_ + 1, "number": number + 1, "key": hashlib.md5(f"{name}{number}".encode()).hexdigest(),  # noqa: S324 - random enough
            "phase": "open" if is_open else "recovered", "kind": "metric", "policy_id": policy,
            "policy_name": f"prod-{policy}", "subject": "mem_usage", "object_id": name,
            "started_at": at, "heard_at": at, "heard_at_is_guess": False, "counted_at": at,
            "alert_id": session(number), "severity": "",
            "recovered_at": None if is_open else at + 60_000, "repeat_count": 0, "again": False,
            "heard": chance.randbytes(32), "given": '[["ops","",null,""]]', "callback_id": id_, "receiving_seconds": 0,
        }
    )  # fmt: skip
    came(rows, id_, at, episode=id_ + 1, state="triggered", reason=NEW, number=number)
    if not is_open:
        came(rows, over, at + 60_000, episode=id_ + 1, state="recovered", reason=OVER, number=number)


def came(rows: Rows, id_: int, at: int, *, episode: int, state: str, reason: str, number: int) -> None:
    """Write a callback and what followed from it."""
    body = samples.body(SAMPLE)
    rows[callbacks].append(
        {"id": id_, "received_at": at, "body": body, "outcome": state, "reason": reason,
         "session_id": session(number) + state[:1], "episode_id": episode}
    )  # fmt: skip
    rows[events].append(
        {"id": id_ + 2, "state": state, "episode_id": episode, "callback_id": id_, "created_at": at, "received_at": at,
         "occurred_at": at, "started_at": at, "recovered_at": None, "repeat_count": 0, "severity": "",
         "previous_severity": "", "again": False, "unheard": False, "successor": 0, "cause": "callback"}
    )  # fmt: skip
    rows[deliveries].append(
        {"id": id_ + 3, "event_id": id_ + 2, "channel": "ops", "route": "", "step": "post", "plain": False,
         "state": "sent", "attempts": 1, "due_at": at + 20, "note": ""}
    )  # fmt: skip
    rows[attempts].append(
        {"id": IdSequence.at(at + 21), "delivery_id": id_ + 3, "made_at": at + 20, "answer": "sent", "status": 200,
         "said": "200 ok", "sent": "x" * 400}
    )  # fmt: skip


def session(number: int) -> str:
    """Give a session id, as random as Tencent's."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:24]


def object_name(number: int) -> str:
    """Give an instance id."""
    return f"ins-{number:08x}"


def questions(alarms: int) -> Iterator[Question]:
    """Give what is asked, and the limits: a second, five for a session, at once for the first line."""
    oldest = short_id(2)
    yield Question(words=("explain", oldest), seconds=1)
    yield Question(words=("explain", short_id(alarms)), seconds=1)
    yield Question(words=("explain", object_name(77)), seconds=1)
    yield Question(words=("explain", "policy-0007"), seconds=1)
    yield Question(words=("explain", f"{session(1)}t"), seconds=5)
    yield Question(words=("explain", "ins-that-is-nowhere"), seconds=5)
    yield Question(words=("callbacks", "--limit", "100000"), seconds=1, first_line=True)
    yield Question(words=("callbacks",), seconds=1)
    yield Question(words=("callbacks", "--match", f"object_id={object_name(77)}"), seconds=5, first_line=True)
    yield Question(words=("callbacks", "--outcome", "stale"), seconds=5)
    yield Question(words=("alarms",), seconds=1)
    yield Question(words=("alarms", "--match", "policy_id=policy-0007"), seconds=1)
    yield Question(words=("deliveries",), seconds=1)
    yield Question(words=("deliveries", "--state", "dead"), seconds=1)


def report(place: Path, asked: Sequence[Question], rounds: int) -> int:
    """Ask each question some times and print the medians."""
    late = 0
    print("| asked | s | of these its own processor's | must be | |\n| --- | ---: | ---: | ---: | --- |")
    for question in asked:
        times = [ask(place, question) for _ in range(rounds)]
        took, busy = (statistics.median(each) for each in zip(*times, strict=True))
        late += took > question.seconds
        words, what = " ".join(question.words), ", first line" if question.first_line else ""
        verdict = "holds" if took <= question.seconds else "missed"
        print(f"| `{words}`{what} | {took:.2f} | {busy:.2f} | at most {question.seconds:g} | {verdict} |", flush=True)
    return 1 if late else 0


def ask(place: Path, question: Question) -> tuple[float, float]:
    """Run a command; give the seconds until its first line or its end, and those of a processor."""
    begun, before = perf_counter(), os.times()
    command = [sys.executable, "-m", "bridge", question.words[0], "-c", str(place / "config.yaml"), *question.words[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = perf_counter() - begun
        process.stdout.read()
    took, after = perf_counter() - begun, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return first if question.first_line else took, busy


if __name__ == "__main__":
    sys.exit(main())
