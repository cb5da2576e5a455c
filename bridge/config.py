"""The config file: YAML → settings, with every mistake at once, each with file, line and path.

1. The file becomes a tree that keeps positions, and the environment is filled in.
2. The top level, each channel and each route are validated by themselves, so that a mistake in one
   hides nothing in another.
3. Names that refer to other names are checked on the tree, whatever else is wrong.
4. Only if nothing is wrong is there a config, and then what is suspicious is said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from bridge.channels import KINDS
from bridge.channels.http import trust
from bridge.configuration.problems import (
    ConfigError,
    KeyPath,
    Problem,
    beside,
    did_you_mean,
    in_order,
    is_folder,
    nearest,
)
from bridge.configuration.references import check_references
from bridge.configuration.secrets import secret_texts
from bridge.configuration.source import Source, read
from bridge.configuration.suspicions import suspect, suspect_access
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar, get
from bridge.configuration.uses import check_uses
from bridge.heartbeat import HeartbeatSettings
from bridge.routing import Routes, RouteSettings
from bridge.settings import ChannelSettings, Language, PositiveDuration, Record, Timezone, is_off
from bridge.web.settings import ConsoleSettings, ServerSettings

SQLITE = re.compile(r"sqlite:///([^?#]+)")
CHANNEL_NAME = re.compile(r"\w[\w.-]{0,63}")


def _store(value: object) -> object:
    text = value if isinstance(value, str) else ""
    if text.startswith("postgres"):
        raise ValueError("PostgreSQL comes later; use sqlite:///FILE")
    if not SQLITE.fullmatch(text):
        raise ValueError("must be sqlite:///FILE, the path of a file")
    return text


def _where_off(instead: Mapping[str, str]) -> BeforeValidator:
    """Let `off` for a whole group of settings stand for these."""
    return BeforeValidator(lambda value: instead if is_off(value) else value)


class TopSettings(Record):
    """The top level of the file. Channels and routes are validated one by one."""

    server: ServerSettings
    console: Annotated[ConsoleSettings, _where_off({"listen": "off"})] = Field(default_factory=ConsoleSettings)
    store: Annotated[str, BeforeValidator(_store)] = "sqlite:///alarm-bridge.db"
    templates: Path | None = None  # unless given: the directory `templates`, if there is one
    language: Language = "en"
    timezone: Timezone = ZoneInfo("Asia/Shanghai")
    retention: PositiveDuration = timedelta(days=30)
    heartbeat: Annotated[HeartbeatSettings, _where_off({})] = Field(default_factory=HeartbeatSettings)
    channels: Mapping[str, Any] = Field(default_factory=dict)
    routes: tuple[Any, ...] = ()
    default_channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the file says, whole and valid. Paths are absolute."""

    file: Path
    server: ServerSettings
    console: ConsoleSettings
    store: Path  # the SQLite file
    templates: Path | None
    language: Language
    timezone: ZoneInfo
    retention: timedelta
    heartbeat: HeartbeatSettings
    channels: Mapping[str, ChannelSettings]  # language filled in; whether one has a timezone of its own matters
    routes: Routes
    route_settings: tuple[RouteSettings, ...]
    default_channels: tuple[str, ...]
    secrets: frozenset[str] = field(repr=False)  # every text that no output may hold
    files: frozenset[Path]  # that were read for it; of templates the directory, whether it is there or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A config, and what is suspicious about it."""

    config: Config
    source: Source = field(repr=False)
    warnings: tuple[Problem, ...] = ()


def load(path: Path, environ: Mapping[str, str], *, secrets: bool = True) -> Loaded:
    """Read a config file; raise ConfigError with every mistake in it.

    Without `secrets` something stands in for those whose variables are not set or whose files cannot be read.
    """
    source = read(path, environ, secrets=secrets)
    top = source.record(TopSettings, _without(source.root, "channels", "routes"))
    _check_shape(source)
    check_references(source)
    channels, routes = _channels(source), _routes(source)
    templates = _templates(source)
    check_uses(source, templates)
    if source.problems or top is None:
        raise ConfigError(source.problems, warnings=source.warnings, templates=templates, files=source.files)
    config = _assembled(source, path, top, channels, routes, templates)
    suspect(source, config.routes, channels)
    suspect_access(source, config.server, config.console)
    return Loaded(config=config, source=source, warnings=tuple(in_order(source.warnings)))


def _without(root: MapNode, *keys: str) -> MapNode:
    return replace(root, entries={key: entry for key, entry in root.entries.items() if key not in keys})


def _check_shape(source: Source) -> None:
    for section, kind, words in (("channels", MapNode, "mapping of names to channels"), ("routes", ListNode, "list")):
        node = source.get(section)
        if node is not None and not isinstance(node, kind):
            source.wrong((section,), f"must be a {words}")


def _channels(source: Source) -> dict[str, ChannelSettings]:
    section = source.get("channels")
    found = {}
    for name, entry in section.entries.items() if isinstance(section, MapNode) else ():
        path = ("channels", name)
        if not CHANNEL_NAME.fullmatch(name):
            source.wrong(path, "a channel's name has letters, digits, and after the first . _ -, 64 at most")
        settings = _channel(source, entry.node, path)
        if settings:
            found[name] = settings
    return found


def _channel(source: Source, node: Node, path: KeyPath) -> ChannelSettings | None:
    """Validate one channel by its type's own record; with a misspelt type, by the nearest one."""
    kind = get(node, "type")
    if not isinstance(node, MapNode):
        source.wrong(path, "must be a mapping of keys to values, with a type")
        return None
    name = kind.text if isinstance(kind, Scalar) else ""
    if name not in KINDS:
        known = list(KINDS)
        hint = did_you_mean(name, known) or f" ({', '.join(known)})"
        source.wrong((*path, "type"), f"no channel is of this type{hint}" if kind else "is missing")
        name = nearest(name, known)
    settings = source.record(KINDS[name].settings, node, path) if name else None
    if settings and settings.ca_file:
        _check_certificates(source, settings.ca_file, (*path, "ca_file"))
    return settings


def _check_certificates(source: Source, file: Path, path: KeyPath) -> None:
    try:
        source.files.add(file)
        trust(file)
    except ValueError as error:
        source.wrong(path, str(error).removeprefix("ca_file: "))


def _routes(source: Source) -> tuple[RouteSettings, ...]:
    section = source.get("routes")
    items = section.items if isinstance(section, ListNode) else ()
    found = [source.record(RouteSettings, node, ("routes", place)) for place, node in enumerate(items)]
    return tuple(route for route in found if route)


def _templates(source: Source) -> Path | None:
    """Give the directory of the user's templates, which must exist if it is named."""
    given = source.get("templates")
    directory = beside(source.base, given.text if isinstance(given, Scalar) else "templates")
    source.files.add(directory)
    if not is_folder(directory):
        if given:
            source.wrong(("templates",), "is no directory: make it, or leave `templates` out")
        return None
    return directory


def _assembled(
    source: Source,
    path: Path,
    top: TopSettings,
    channels: Mapping[str, ChannelSettings],
    routes: tuple[RouteSettings, ...],
    templates: Path | None,
) -> Config:
    filled = {
        name: settings.model_copy(update={"language": settings.language or top.language})
        for name, settings in channels.items()
    }
    return Config(
        file=path,
        server=top.server,
        console=top.console,
        store=source.base / top.store.removeprefix("sqlite:///"),
        templates=templates,
        language=top.language,
        timezone=top.timezone,
        retention=top.retention,
        heartbeat=top.heartbeat,
        channels=filled,
        routes=Routes(routes, top.default_channels),
        route_settings=routes,
        default_channels=top.default_channels,
        secrets=secret_texts(top.server, top.console, top.heartbeat, *filled.values()),
        files=frozenset(source.files),
    )


__all__ = ["SQLITE", "Config", "ConfigError", "Loaded", "Problem", "TopSettings", "load"]
