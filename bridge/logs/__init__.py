"""One line for each thing done, and no secret in any of them.

`structlog.get_logger()` and the standard library's loggers (slack_sdk, aiohttp, alembic, asyncio, warnings) end in
the same sink; of libraries only warnings are heard, unless the level is debug. The sink makes a whole line of the
fields (`lines`), takes the secrets out of the *finished* line, so that none gets by in a nested value or a traceback,
and writes it in one piece (`sink`). A log never fails: what cannot be written is dropped.
"""

import atexit
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from bridge.logs.lines import Fields
from bridge.logs.sink import Sink

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def begin(
    stream: TextIO | None, environ: Mapping[str, str], *, level: str, secrets: Iterable[str]
) -> Callable[[Iterable[str]], None]:
    """Log as a process does: readable on a terminal, with colours unless NO_COLOR is set, and JSON elsewhere."""
    terminal = stream is not None and stream.isatty()
    colours = terminal and not environ.get("NO_COLOR")
    return configure(stream=stream, as_json=not terminal, colours=colours, level=level, secrets=secrets)


def configure(
    *, stream: TextIO | None, as_json: bool, level: str, colours: bool = False, secrets: Iterable[str] = ()
) -> Callable[[Iterable[str]], None]:
    """Send every log line to `stream`, as JSON or readable; give the function that replaces the secrets.

    Loggers that were used before follow, too. `stream` may be None, as sys.stderr is where it was closed.
    """
    current = structlog.get_config()["logger_factory"]
    sink = current if isinstance(current, Sink) else Sink()
    sink.open(stream, as_json=as_json, colours=colours, level=LEVELS[level])
    sink.hide(secrets)
    if sink is not current:
        atexit.register(sink.flush)  # what was said in the last turn of a loop
        structlog.configure(
            processors=[*sink.processors], wrapper_class=_Log, logger_factory=sink, cache_logger_on_first_use=True
        )
    _take_over_standard_logging(sink)
    return sink.hide


def flush() -> None:
    """Write what was said in this turn of the loop."""
    current = structlog.get_config()["logger_factory"]
    if isinstance(current, Sink):
        current.flush()


def level() -> str:
    """Give the level from which on lines are written."""
    current = structlog.get_config()["logger_factory"]
    number = current.level if isinstance(current, Sink) else LEVELS["info"]
    return next((name for name, each in LEVELS.items() if each >= number), "critical")


class _Log(structlog.BoundLoggerBase):
    """What `structlog.get_logger()` gives: fields in, nothing out."""

    def debug(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 10:
            self._say("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 20:
            self._say("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 30:
            self._say("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        if self._logger.level <= 40:
            self._say("error", event, fields)

    def critical(self, event: str, **fields: Any) -> None:
        self._say("critical", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self.error(event, **{"exc_info": True, **fields})

    def _say(self, level: str, event: str, fields: Fields) -> None:
        sink = self._logger
        if self._context or self._processors != sink.processors:  # structlog's way: bound, or captured by a test
            self._proxy_to_logger(level, event, **fields)
        else:
            sink.write(sink.line(level, event, fields))


class _Handler(logging.Handler):
    """Takes the standard library's records into the same sink."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's wrong format is still a line
            text = str(record.msg)
        level = record.levelname.lower()
        fields = {"logger": record.name, "exc_info": record.exc_info}
        self._sink.write(self._sink.line(level if level in LEVELS else "info", text, fields))


def _take_over_standard_logging(sink: Sink) -> None:
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
    if isinstance(error, HttpProcessingError | RequestPayloadError):  # the latter: a body that nobody asked for
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = f"{record.getMessage()}: it is not HTTP ({type(error).__name__})"
        record.args, record.exc_info = (), None
    return True
