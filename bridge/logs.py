"""One line for each thing done, and no secret in any of them.

`structlog.get_logger()` and the standard library's loggers (slack_sdk, aiohttp, alembic, asyncio, warnings) end in
the same sink; of libraries only warnings are heard, unless the level is debug. The sink makes a whole line of the
fields, takes the secrets out of the *finished* line, so that none gets by in a nested value or a traceback, and writes
it in one piece. A log never fails: what cannot be written is dropped.
"""

import asyncio
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from aiohttp.http_exceptions import HttpProcessingError

from bridge.redaction import clean, forms_of

Fields = MutableMapping[str, Any]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
HIDDEN = "<secret>"
BARE = re.compile(r'[^\s"=\x00-\x1f]+')  # a value that needs no quotes
COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31;1m"}
DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def configure(
    *, stream: TextIO | None, as_json: bool, level: str, colours: bool = False, secrets: Iterable[str] = ()
) -> Callable[[Iterable[str]], None]:
    """Send every log line to `stream`, as JSON or readable; give the function that replaces the secrets.

    Loggers that were used before follow, too. `stream` may be None, as sys.stderr is where it was closed.
    """
    current = structlog.get_config()["logger_factory"]
    sink = current if isinstance(current, _Sink) else _Sink()
    sink.open(stream, as_json=as_json, colours=colours, level=LEVELS[level])
    sink.hide(secrets)
    if sink is not current:
        structlog.configure(
            processors=[sink.line], wrapper_class=_Log, logger_factory=sink, cache_logger_on_first_use=True
        )
    _take_over_standard_logging(sink)
    return sink.hide


class _Log(structlog.BoundLoggerBase):
    """What `structlog.get_logger()` gives: fields in, nothing out."""

    def debug(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 10:
            self._proxy_to_logger("debug", event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 20:
            self._proxy_to_logger("info", event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 30:
            self._proxy_to_logger("warning", event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 40:
            self._proxy_to_logger("error", event, **fields)

    def critical(self, event: str, **fields: Any) -> None:
        self._proxy_to_logger("critical", event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        self.error(event, **{"exc_info": True, **fields})


class _Sink:
    """Where all lines end. structlog calls it for a logger and gets itself: there is but one."""

    def __init__(self) -> None:
        self.level = 0
        self._forms: tuple[str, ...] = ()
        self._render: Callable[[str, Fields], str] = _json_line
        self._write: Callable[[str], object] = _nowhere
        self._lines: list[str] = []  # of this turn of the loop

    def __call__(self, *_names: object) -> "_Sink":
        return self

    def open(self, stream: TextIO | None, *, as_json: bool, colours: bool, level: int) -> None:
        self.flush()
        self.level = level
        self._render = _json_line if as_json else _readable_line if not colours else _coloured_line
        self._write = _writer(stream)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these texts, however they are written, for the secrets from now on."""
        self._forms = forms_of(secrets)

    def line(self, _logger: object, level: str, fields: Fields) -> str:
        """Make the finished line of a call's fields."""
        error = fields.pop("exc_info", None)
        if error:
            fields["exception"] = _traceback(error)
        line = self._render(level, fields)
        for form in self._forms:
            if form in line:
                line = line.replace(form, HIDDEN)
        return line

    def write(self, line: str) -> None:
        """Write a finished line, inside a loop together with the others of this turn of it."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what waits; a stream that is closed, full or gone is no reason to stop working."""
        lines, self._lines = self._lines, []
        if lines:
            with suppress(OSError, ValueError):
                self._write("\n".join(lines) + "\n")

    debug = info = warning = error = critical = write


class _Handler(logging.Handler):
    """Takes the standard library's records into the same sink."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's wrong format is still a line
            text = str(record.msg)
        level = record.levelname.lower()
        fields = {"event": text, "logger": record.name, "exc_info": record.exc_info}
        self._sink.write(self._sink.line(None, level if level in LEVELS else "info", fields))


def _take_over_standard_logging(sink: _Sink) -> None:
    root = logging.getLogger()
    for handler in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(_Handler(sink))
    root.setLevel(sink.level if sink.level <= LEVELS["debug"] else max(sink.level, LEVELS["warning"]))
    logging.getLogger("aiohttp.access").disabled = True  # it would show the tokens of callback URLs
    logging.getLogger("aiohttp.server").addFilter(_tell_shortly)
    logging.captureWarnings(capture=True)


def _tell_shortly(record: logging.LogRecord) -> bool:
    """Tell of a request that is not HTTP in a short line: aiohttp shows all that anybody sent, below a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = f"{record.getMessage()}: it is not HTTP ({type(error).__name__})"
        record.args, record.exc_info = (), None
    return True


def _writer(stream: TextIO | None) -> Callable[[str], object]:
    """Give what writes a text to the stream at once: to the file itself where there is one.

    A buffer would keep what could not be written, and fail again when the program ends.
    """
    if stream is None:
        return _nowhere
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        return stream.write
    with suppress(OSError, ValueError):
        stream.flush()
    write = getattr(buffer, "raw", buffer).write
    return lambda text: _write_all(write, text.encode("utf-8", "backslashreplace"))


def _write_all(write: Callable[[bytes], int | None], line: bytes) -> None:
    while (written := write(line)) and written < len(line):  # a pipe takes long lines in pieces
        line = line[written:]


def _nowhere(_text: str) -> None:
    pass


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _json_line(level: str, fields: Fields) -> str:
    event = fields.pop("event", "")
    named = {"time": _now(), "level": level, "event": event, **fields}
    try:
        line = orjson.dumps(named, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):  # a lone surrogate, 2**70, a nesting without end, a __str__ that fails
        line = json.dumps({name: _shown(value) for name, value in named.items()}, ensure_ascii=True)
    return line if line.isascii() and "\x7f" not in line else clean(line)


def _readable_line(level: str, fields: Fields, *, dim: str = "", bright: str = "", plain: str = "") -> str:
    """Make a short line for a person; a traceback follows it, indented, and can forge no other."""
    event, exception = clean(_shown(fields.pop("event", ""))), fields.pop("exception", "")
    words = " ".join(f"{dim}{clean(str(name))}={plain}{_quoted(value)}" for name, value in fields.items())
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    line = f"{dim}{clock}{plain} {bright}{level:<7}{plain} {event}{' ' if words else ''}{words}"
    return "\n    | ".join([line, *(clean(part) for part in str(exception).splitlines())])


def _coloured_line(level: str, fields: Fields) -> str:
    return _readable_line(level, fields, dim=DIM, bright=COLOURS[level], plain=PLAIN)


def _quoted(value: object) -> str:
    text = _shown(value)
    return clean(text if BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False))


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever a value's own code does, the line is written
        return f"<{type(value).__name__}>"


def _traceback(error: object) -> str:
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return ""
    return "".join(traceback.format_exception(error)).rstrip()
