"""One rendering under way: the values it has printed, and what it has spent.

Each printed value is put aside, and one private-use character, its *token*, stands for it in the text
until it is known where that text lands. A value is never looked at for tokens, so that one which
contains such a character is only a value.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2.runtime import Undefined
from markupsafe import Markup

from bridge.rendering.words import duration_words, time_words

FIRST_TOKEN = 0x100000  # plane 16, private use; U+10FFFE and U+10FFFF are no characters
MAX_TOKENS = 0xFFFE
NOTHING = Markup()
TOKEN = re.compile("[\U00100000-\U0010fffd]")

MAX_STEPS = 20_000  # a built-in message takes about 1,000
CHARACTERS_PER_STEP = 256
MAX_OUTPUT = 4 * 1024 * 1024  # characters: four times the largest callback
MAX_DEPTH = 40  # of calls within calls
MAX_NESTING = 100  # of lists within lists; a callback has at most 64


class RunawayError(Exception):
    """A template takes more than it may."""


class Literal(str):
    """A text that stands in the template's own expression: outside JSON's strings it is the author's punctuation."""

    __slots__ = ()


class Setting(str):
    """A text from the config: a route's variable. Inside `<@…>` it may name whom to mention."""

    __slots__ = ()


class Mention(Setting):
    """A mention from the config, which Slack gets as it is."""

    __slots__ = ()


class Draft:
    """The values behind the tokens, and the budget left."""

    __slots__ = ("depth", "is_json", "language", "left", "left_out", "modules", "timezone", "values")

    def __init__(self, *, language: str, timezone: ZoneInfo, is_json: bool) -> None:
        self.values: list[str] = []
        self.left = MAX_STEPS
        self.depth = 0
        self.language = language
        self.timezone = timezone
        self.is_json = is_json
        self.left_out: list[str] = []  # texts that had no room, as the template wrote them
        self.modules: dict[Any, Any] = {}  # imported in this rendering; never kept for the next

    def spend(self, steps: int) -> None:
        """Take steps from the budget; raise RunawayError where there are none left."""
        self.left -= steps
        if self.left < 0:
            raise RunawayError(f"takes more than {MAX_STEPS:,} steps")

    def spend_text(self, characters: int) -> None:
        """Take what so long a text costs."""
        if characters > MAX_OUTPUT:
            raise RunawayError(f"makes a text of more than {MAX_OUTPUT:,} characters")
        self.spend(1 + characters // CHARACTERS_PER_STEP)

    def printed(self, value: Any) -> Markup:
        """Put a value aside and give its token; template text and numbers stay as they are."""
        if type(value) is Markup:
            self.spend_text(len(value))
            return value
        if type(value) is str:
            return self.token(value) if value else NOTHING
        if value is None or value in ("", ()):  # no text, and nobody to mention
            return Markup()
        if isinstance(value, bool | int | float) and (text := number_text(value)):
            self.spend(1)
            return template_text(text)
        if isinstance(value, tuple | list) and value and all(isinstance(item, Mention) for item in value):
            return Markup(" ").join(self.token(item) for item in value)
        text = value if isinstance(value, Literal | Setting) else self.text_of(value)
        return self.token(text) if text else NOTHING

    def token(self, text: str) -> Markup:
        """Give the token of one more value."""
        self.spend_text(len(text))
        if len(self.values) >= MAX_TOKENS:
            raise RunawayError(f"prints more than {MAX_TOKENS:,} values")
        self.values.append(text)
        return _mark(len(self.values) - 1)

    def joined(self, parts: Iterable[Any]) -> str:
        """Join what `~` and `join` are given: plain texts to a plain text, else to template text."""
        taken = list(parts)
        if any(isinstance(part, Markup | Mention) for part in taken):
            return template_text(self.concat([self.printed(part) for part in taken]))
        texts = [self.text_of(part) for part in taken]
        self.spend_text(sum(map(len, texts)))
        return "".join(texts)

    def concat(self, parts: Iterable[str]) -> str:
        """Join template text, watching its size while it grows."""
        taken = parts if isinstance(parts, list) else list(self._watched(parts))
        self.spend_text(sum(map(len, taken)))
        return "".join(taken)

    def _watched(self, parts: Iterable[str]) -> Iterator[str]:
        size = 0
        for part in parts:
            size += len(part)
            if size > MAX_OUTPUT:
                raise RunawayError(f"makes a text of more than {MAX_OUTPUT:,} characters")
            yield part

    def plain(self, value: Any) -> Any:
        """Give template text as the plain text it stands for; anything else as it is, its size paid for."""
        if isinstance(value, Markup):
            return self.expanded(value)
        if isinstance(value, str):
            self.spend_text(len(value))
        elif isinstance(value, list | tuple | dict):
            self.weigh(value)
        return value

    def expanded(self, text: str) -> str:
        """Replace the tokens of a template text by their values."""
        size = len(text) + sum(len(self.value_of(token)) for token in TOKEN.findall(text))
        self.spend_text(size)
        return TOKEN.sub(lambda match: self.value_of(match[0]), str(text))

    def value_of(self, token: str) -> str:
        """Give the value that a token stands for."""
        index = ord(token) - FIRST_TOKEN
        return self.values[index] if index < len(self.values) else ""

    def weigh(self, value: Any, depth: int = 0) -> None:
        """Pay for each item of nested lists, however often it is shared."""
        if depth > MAX_NESTING:
            raise RunawayError(f"nests lists deeper than {MAX_NESTING}")
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            self.spend(len(value))
            for item in value:
                if isinstance(item, list | tuple | dict):
                    self.weigh(item, depth + 1)

    def text_of(self, value: Any) -> str:  # noqa: PLR0911 - a line a type
        """Say a value in words: times on the channel's clocks, lists as JSON; nothing for what is absent."""
        if isinstance(value, Markup):
            return self.expanded(value)
        if isinstance(value, str):
            return str(value) if isinstance(value, Enum) else value
        if value is None:
            return ""
        if isinstance(value, datetime):
            return time_words(value, self.timezone)
        if isinstance(value, timedelta):
            return duration_words(value, self.language)
        if isinstance(value, Mapping | list | tuple):
            return self.json_of(value, tokens=False)
        return number_text(value) or str(_printable(value))

    def json_of(self, value: Any, depth: int = 0, *, tokens: bool) -> str:  # noqa: PLR0911 - a line a type
        """Write JSON. As part of a JSON template its strings are `tokens`, which take their form where they land."""
        self.spend(1)
        if depth > MAX_NESTING:
            raise RunawayError(f"nests lists deeper than {MAX_NESTING}")
        if isinstance(value, Mapping):
            pairs = (
                f"{self._json_string(str(key), tokens)}: {self.json_of(item, depth + 1, tokens=tokens)}"
                for key, item in value.items()
            )
            return "{" + ", ".join(pairs) + "}"
        if isinstance(value, list | tuple):
            return "[" + ", ".join(self.json_of(item, depth + 1, tokens=tokens) for item in value) + "]"
        if value is None or isinstance(value, Undefined):
            return "null"
        if isinstance(value, datetime):
            return f'"{value.astimezone(self.timezone).isoformat()}"'
        if isinstance(value, timedelta):
            return str(int(value.total_seconds()))
        if isinstance(value, bool | int | float) and -(2**63) <= value < 2**64:
            return number_text(value) or "null"
        return self._json_string(value if tokens and isinstance(value, Markup) else self.text_of(value), tokens)

    def _json_string(self, text: str, tokens: bool) -> str:  # noqa: FBT001 - as `json_of` was asked
        if tokens:
            return f'"{self.printed(text)}"'
        self.spend_text(len(text))
        return '"' + "".join(JSON_ESCAPES.get(letter) or letter for letter in str(text)) + '"'


@lru_cache(1024)
def _mark(index: int) -> Markup:
    return template_text(chr(FIRST_TOKEN + index))


def template_text(text: str) -> Markup:
    """Mark a text as the template's own, its values tokens. No value may ever be given here."""
    return Markup(text)  # noqa: S704 - what makes it safe is the draft


JSON_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(32)} | {'"': '\\"', "\\": "\\\\", "\n": "\\n"}


def number_text(value: Any) -> str:
    """Write a number or true or false as JSON does; empty for what is none, and for NaN and infinities."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    return repr(value) if isinstance(value, float) and math.isfinite(value) else ""


def _printable(value: Any) -> Any:
    if isinstance(value, float | Undefined | ZoneInfo):  # an Undefined decides itself whether it may be printed
        return value
    raise TypeError(f"cannot print {type(value).__name__}")


DRAFT: ContextVar[Draft] = ContextVar("draft")
