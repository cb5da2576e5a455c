"""The types of settings: each takes what a person writes and refuses in words.

A validator's ValueError is shown to the user as it is, so it never repeats the value: the value may
be a secret.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

from bridge.alarm import State
from bridge.message import Step

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
SIZES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "kB": 1000, "MB": 1000**2}
PER = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "hour": 3600}
MAX_SECONDS = 3650 * 86400  # ten years: beyond it dates overflow


class Secret:
    """A text that prints as `<secret>`; `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, for those who must send it."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def _validate(cls, value: object) -> "Secret":
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a text, or {file: PATH}")  # noqa: TRY004 - pydantic shows ValueErrors only
        return cls(value)


def secrets_in(value: object, key: str = "") -> Iterator[tuple[str, Secret]]:
    """Give every secret of a settings record, or of what stands in one, with the name of its setting."""
    if isinstance(value, Secret):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name), name)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item, key)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from secrets_in(item, key)


def is_off(value: object) -> bool:
    """Say whether a setting is turned off: `off` and `false` are alike."""
    return value is False or (isinstance(value, str) and value.strip().lower() in {"off", "false"})


def seconds(value: object) -> float:
    """Read "30d", "1h", "10s", "1h30m" or a number of seconds; raise ValueError in words."""
    if isinstance(value, bool) or value is None:
        raise ValueError('must be a duration such as "10s", "5m", "24h" or "30d"')
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        amount = float(text)
    elif re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text):
        amount = sum(float(number) * UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)(ms|s|m|h|d)", text))
    else:
        raise ValueError('must be a duration such as "10s", "5m", "24h" or "30d"')
    if amount > MAX_SECONDS:
        raise ValueError("must not be longer than ten years")
    return amount


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=seconds(value))


def _positive_duration(value: object) -> timedelta:
    span = _duration(value)
    if span <= timedelta():
        raise ValueError("must be longer than 0")
    return span


def _size(value: object) -> int:
    match = re.fullmatch(r"(\d{1,12})\s*(B|KiB|MiB|kB|MB|)", str(value).strip())
    if isinstance(value, bool) or not match:
        raise ValueError('must be a size such as "64KiB" or "1MiB"')
    amount = int(match[1]) * SIZES[match[2]]
    if not 1024 <= amount <= 64 * 1024**2:
        raise ValueError("must be between 1KiB and 64MiB")
    return amount


class Rate(float):
    """Messages a second."""


def _rate(value: object) -> Rate | None:
    """Read "60/min"; `off` is no limit."""
    if value is None or isinstance(value, Rate):
        return value
    if is_off(value):
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?)\s*/\s*(s|sec|min|m|h|hour)", str(value).strip())
    if not match or float(match[1]) <= 0:
        raise ValueError('must be a rate such as "60/min" or "1/s", or off')
    return Rate(float(match[1]) / PER[match[2]])


def _whole(value: object) -> int:
    """Read a whole number; from the environment it comes as a text."""
    match = re.fullmatch(r"\d{1,12}", str(value).strip(), re.ASCII)
    if isinstance(value, bool) or not match:
        raise ValueError("must be a whole number such as 20; 0 is never")
    return int(match[0])


def _timezone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except Exception as error:
        raise ValueError('must be the name of a time zone such as "Asia/Shanghai" or "UTC"') from error


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(str)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive_duration), PlainSerializer(str)]
Size = Annotated[int, BeforeValidator(_size)]
OptionalRate = Annotated[Rate | None, BeforeValidator(_rate)]
DigestOver = Annotated[int, BeforeValidator(_whole)]
Timezone = Annotated[ZoneInfo, BeforeValidator(_timezone), PlainSerializer(str)]
Language = Literal["en", "zh"]
TemplateSet = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # a folder in `templates`


class Record(BaseModel):
    """A part of the config: frozen, and without keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


RepeatSteps = tuple[Literal[Step.UPDATE, Step.THREAD, Step.POST], ...]
RecoveredSteps = tuple[Literal[Step.UPDATE, Step.THREAD, Step.POST, Step.BROADCAST], ...]
MentionState = Literal[State.TRIGGERED, State.REPEAT, State.RECOVERED, State.ESCALATED, State.EXPIRED, State.CLOSED]
Mentions = Mapping[MentionState, tuple[str, ...]]


class ChannelSettings(Record):
    """What every channel takes. Each file in `channels/` adds its own keys and defaults."""

    type: str
    language: Language | None = None  # unless given: the top level's
    timezone: Timezone | None = None
    template: TemplateSet | None = None  # unless given: its type's
    timeout: PositiveDuration = timedelta(seconds=10)
    proxy: Secret | None = None  # a URL, which may hold a password; unless given: HTTPS_PROXY, NO_PROXY
    ca_file: Path | None = None
    fallback: str | None = None  # another channel's name
    give_up_after: PositiveDuration = timedelta(hours=24)
    on_repeat: RepeatSteps = (Step.POST,)
    on_recovered: RecoveredSteps = (Step.POST,)
    mention: Mentions = Field(default_factory=dict)
    rate: OptionalRate = None
    digest_over: DigestOver = 0  # waiting events that become one message in a chat; 0 is never

    @property
    def room(self) -> Hashable | None:
        """Give what the platform counts messages by, whichever channel posts them; None: this channel alone."""
        return None

    @property
    def methods(self) -> Mapping[Step, tuple[Hashable, float]]:
        """Give the steps that have a limit of their own: what it is counted by, and calls a second."""
        return {}
