"""Where all lines end: the secrets are taken out, and the lines of one turn of the loop are written together."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO

from bridge.logs.lines import Fields, Render, coloured_line, json_lines, readable_line, traceback_of
from bridge.redaction import forms_of, probes_of

HIDDEN = "<secret>"


class Sink:
    """Where all lines end. There is but one, and structlog takes it for its loggers and for what makes them."""

    def __init__(self) -> None:
        self.level = 0
        self.processors = [self._process]
        self._forms: tuple[str, ...] = ()
        self._probes: tuple[str, ...] = ()
        self._render: Render = json_lines()
        self._write: Callable[[str], object] = _nowhere
        self._lines: deque[str] = deque()  # of this turn of the loop
        self._promised: asyncio.AbstractEventLoop | None = None  # the loop that will write them
        self._writing = threading.Lock()

    def __call__(self, *_names: object) -> "Sink":
        """Give structlog its logger."""
        return self

    def open(self, stream: TextIO | None, *, as_json: bool, colours: bool, level: int) -> None:
        """Write lines of this kind to this stream from now on, and none below this level."""
        self.flush()
        self.level = level
        self._render = json_lines() if as_json else readable_line if not colours else coloured_line
        self._write = _writer(stream)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these texts, however they are written, for the secrets from now on."""
        self._forms = forms_of(secrets)
        self._probes = probes_of(self._forms)

    def line(self, level: str, event: str, fields: Fields) -> str:
        """Make the finished line of a call's fields."""
        if error := fields.pop("exc_info", None):
            fields["exception"] = traceback_of(error)
        line = self._render(level, event, fields)
        for probe in self._probes:
            if probe in line:
                return self._redacted(line)
        return line

    def write(self, line: str) -> None:
        """Write a finished line, inside a loop together with the others of this turn of it."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._promised is not loop:  # none, or one that was closed before it came to it
            self._promised = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits; a stream that is closed, full or gone is no reason to stop working.

        Any thread may call it. Whoever is writing takes what the others add: nobody waits, and the order is kept.
        """
        self._promised = None
        while self._lines and self._writing.acquire(blocking=False):
            try:
                lines = [self._lines.popleft() for _ in range(len(self._lines))]
                if lines:  # else another thread took them between the look and the lock
                    with suppress(OSError, ValueError):
                        self._write("\n".join(lines) + "\n")
            finally:
                self._writing.release()

    debug = info = warning = error = critical = write

    def _process(self, _logger: object, level: str, fields: Fields) -> str:
        return self.line(level, fields.pop("event", ""), fields)

    def _redacted(self, line: str) -> str:
        for form in self._forms:
            if form in line:
                line = line.replace(form, HIDDEN)
        return line


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
