"""A call's fields as one line: JSON for machines, short words for a person."""

import json
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from bridge.redaction import clean

Fields = MutableMapping[str, Any]
Render = Callable[[str, str, Fields], str]  # level, event, fields

BARE = re.compile(r'[^\s"=\x00-\x1f]+')  # a value that needs no quotes
COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31;1m"}
DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def json_lines() -> Render:
    """Give what makes a line of JSON, the time written out once a millisecond."""
    clock = lru_cache(1)(_written_out)

    def line(level: str, event: str, fields: Fields) -> str:
        named = {"time": clock(time.time_ns() // 1_000_000), "level": level, "event": event, **fields}
        try:
            text = orjson.dumps(named, default=str).decode()
        except (TypeError, ValueError):
            text = _json_of_oddities(named)
        return text if text.isascii() and "\x7f" not in text else clean(text)

    return line


def readable_line(level: str, event: str, fields: Fields, *, dim: str = "", bright: str = "", plain: str = "") -> str:
    """Make a short line for a person; a traceback follows it, indented, and can forge no other."""
    said, exception = clean(_shown(event)), fields.pop("exception", "")
    words = " ".join(f"{dim}{clean(str(name))}={plain}{_quoted(value)}" for name, value in fields.items())
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    line = f"{dim}{clock}{plain} {bright}{level:<7}{plain} {said}{' ' if words else ''}{words}"
    return "\n    | ".join([line, *(clean(part) for part in str(exception).splitlines())])


def coloured_line(level: str, event: str, fields: Fields) -> str:
    """Make the same line for a terminal."""
    return readable_line(level, event, fields, dim=DIM, bright=COLOURS[level], plain=PLAIN)


def traceback_of(error: object) -> str:
    """Give the traceback of what `exc_info` may be: an exception, the three of `sys.exc_info()`, or True for those."""
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return ""
    return "".join(traceback.format_exception(error)).rstrip()


def _written_out(milliseconds: int) -> str:
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return whole.replace(microsecond=milliseconds % 1000 * 1000).isoformat(timespec="milliseconds")


def _json_of_oddities(named: Fields) -> str:
    try:
        return orjson.dumps(named, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):  # a lone surrogate, 2**70, a nesting without end, a __str__ that fails
        return json.dumps({name: _kept(value) for name, value in named.items()}, ensure_ascii=True)


def _kept(value: object) -> object:
    """Give a value as it is where JSON can say it, so that a list stays one beside an odd neighbour."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return _shown(value)
    return value


def _quoted(value: object) -> str:
    text = _shown(value)
    return clean(text if BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False))


def _shown(value: object) -> str:
    try:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    except Exception:  # noqa: BLE001 - whatever a value's own code does, the line is written
        return f"<{type(value).__name__}>"
