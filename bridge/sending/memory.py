"""What `send` sent last, in the user's state directory, so that another shell can go on with it.

One JSON file, replaced whole, for its owner alone. It holds bodies and times, never credentials.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from bridge.sending.retell import Body, Latest

MOST = 100  # callbacks and alarms that are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was sent: the body of each callback by its name, the last one last; the times by alarm key."""

    sent: dict[str, Body] = field(default_factory=dict)
    latest: dict[str, Latest] = field(default_factory=dict)

    def keep(self, name: str, body: Body) -> None:
        """Remember a callback as the one that was sent last."""
        self.sent.pop(name, None)
        self.sent[name] = body

    def note(self, key: str, latest: Latest) -> None:
        """Remember the times of an alarm."""
        self.latest.pop(key, None)
        self.latest[key] = latest


def place(environ: Mapping[str, str]) -> Path:
    """Name the file; a relative `XDG_STATE_HOME` does not count (XDG Base Directory Specification 0.8)."""
    given = environ.get("XDG_STATE_HOME", "")
    home = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return home / "alarm-bridge" / "sent.json"


@contextmanager
def changing(path: Path) -> Iterator[Memory]:
    """Give the memory to be changed, and write it; another process waits meanwhile. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        memory = _read(path)
        yield memory
        _replace(path, memory)


def _read(path: Path) -> Memory:
    """Read what was sent; a file that cannot be understood is as good as none."""
    try:
        parsed = json.loads(path.read_bytes())
        return Memory(
            sent={str(name): dict(body) for name, body in parsed["sent"].items()},
            latest={str(key): _latest(times) for key, times in parsed["latest"].items()},
        )
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Memory()


def _latest(times: Mapping[str, Any]) -> Latest:
    began, ended = (datetime.fromisoformat(times[key]) if times[key] else None for key in ("began", "ended"))
    return Latest(began=began, ended=ended)


def _replace(path: Path, memory: Memory) -> None:
    content = {
        "sent": dict(list(memory.sent.items())[-MOST:]),
        "latest": {
            key: {"began": _text(times.began), "ended": _text(times.ended)}
            for key, times in list(memory.latest.items())[-MOST:]
        },
    }
    with NamedTemporaryFile("w", dir=path.parent, prefix=".sent", delete=False) as new:  # mode 0600
        json.dump(content, new)
    Path(new.name).replace(path)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
